// The parent of one server (docs/control.md, The shim): runs what the plan says, enforces its lease and its end, keeps
// its log, writes down how it ended. Needs no agent.
#pragma once

#include <string>

namespace orrery::agents {

/// Runs the start whose directory this is, with shim_credential_fd and shim_state_fd open, until the server and all
/// that descends from it are gone. Returns the exit status: 0, whatever became of the server, when its end is written
/// down; 1 when the system refused that.
int run_shim(const std::string& directory);

}  // namespace orrery::agents
