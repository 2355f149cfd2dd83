// From a Spawn to what a shim is to run: where it lies in the data directory, as whom it runs, and what the spawn
// contract (docs/control.md) puts into its environment.
#pragma once

#include <map>
#include <string>

#include "agents/agent_core.h"
#include "agents/fd.h"
#include "agents/process_host.h"
#include "agents/shim_plan.h"
#include "base/result.h"

namespace orrery::agents {

class SpawnPlanner {
 public:
  /// `config` must outlive it.
  explicit SpawnPlanner(const ProcessHostConfig& config) : config_(config) {}

  /// Finds the OS users and makes run/, log/ and work/, which others than the agent can pass through only when there
  /// are users.
  Status open();
  bool has_users() const { return !users_.empty(); }

  /// Where a start lies.
  std::string run_path(ServerRef ref) const;
  /// Shims speak to the first and servers to the second, so that no server can keep a shim from being heard.
  std::string shims_path() const { return config_.data_dir + "/run/shims"; }
  std::string servers_path() const { return config_.data_dir + "/run/agent"; }
  static std::string server_socket(const std::string& run_path, bool has_user);

  /// Errors: no such executable or limit, or it would run as root.
  Result<ShimPlan> plan_for(const Spawn& spawn) const;
  /// A memory file with what ORRERY_CREDENTIAL_FD is to hold.
  Result<Fd> credential(const Spawn& spawn) const;

 private:
  Status take_users();
  Result<std::string> resolve(const std::string& command) const;
  std::vector<std::string> environment(const Spawn& spawn, const ShimPlan& plan) const;

  const ProcessHostConfig& config_;
  std::map<std::string, ShimUser> users_;
};

/// The working directory, its user's; it may be there.
Status make_work_directory(const ShimPlan& plan);

}  // namespace orrery::agents
