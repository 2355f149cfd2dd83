// Starting one executable in a session of its own, with exactly the descriptors, limits and environment it is given.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agents/shim_plan.h"
#include "base/result.h"

namespace orrery::agents {

struct ExecPlan {
  std::string path, directory;
  std::vector<std::string> args;                // argv, the first included
  std::vector<std::string> env;                 // NAME=value
  std::map<std::string, std::uint64_t> limits;  // by the contract's names
  std::optional<ShimUser> user;                 // nullopt: the caller's
  int log_fd = -1;                              // becomes stdout and stderr; stays open in the caller
  int credential_fd = -1;                       // becomes shim_credential_fd; stays open in the caller; -1: it has none
};

/// Starts it and gives its pid, for which the caller must wait: own session and process group, stdin from /dev/null,
/// killed when the calling thread ends, umask 027, no core dumps unless `limits` says so. Errors: "ENOENT: …" and the
/// like when it cannot be executed, "EPERM: …" for a limit above the caller's own.
Result<pid_t> exec_child(const ExecPlan& plan);

}  // namespace orrery::agents
