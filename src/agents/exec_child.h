// Starting one executable in a session of its own, with exactly the descriptors and environment it is given.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace orrery::agents {

/// Descriptor number under which a child finds ExecPlan::credential_fd.
inline constexpr int exec_credential_fd = 3;

struct ExecPlan {
  std::string path, directory;
  std::vector<std::string> args;  // argv, the first included
  std::vector<std::string> env;   // NAME=value
  int log_fd = -1;                // becomes stdout and stderr; stays open in the caller
  int credential_fd = -1;         // becomes exec_credential_fd; stays open in the caller
};

struct ExecChild {
  int pid, pidfd;  // the caller owns pidfd and must wait for pid
};

/// Starts it: own session and process group, stdin from /dev/null, killed when the calling thread ends, no core dumps,
/// 65,536 descriptors at most. Errors: "ENOENT: …" and the like when it cannot be executed.
Result<ExecChild> exec_child(const ExecPlan& plan);

}  // namespace orrery::agents
