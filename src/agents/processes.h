// Processes of this machine as /proc shows them: whose children they are, and which server's they are.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "agents/fd.h"
#include "base/ids.h"

namespace orrery::agents {

/// Living processes that descend from `ancestor`, itself not included.
std::vector<pid_t> descendants_of(pid_t ancestor);
/// Whether `pid` descends from `ancestor`. False when it is gone.
bool descends_from(pid_t pid, pid_t ancestor);

/// A process whose environment names a server. `pidfd` is of the process whose environment was read, or of none.
struct MarkedProcess {
  pid_t pid;
  Fd pidfd;
  ServerId server;
  Epoch epoch;
};
/// Those whose ORRERY_AGENT_SOCKET is `agent_socket`, but not the caller.
std::vector<MarkedProcess> marked_processes(const std::string& agent_socket);

/// An owned pidfd; -1 when there is no such process.
Fd open_pidfd(pid_t pid);
/// False when it is gone.
bool signal_pidfd(const Fd& pidfd, int number);
/// Whether the process has ended: its descriptors are closed.
bool has_ended(const Fd& pidfd);

}  // namespace orrery::agents
