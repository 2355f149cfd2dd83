// Processes of this machine as /proc shows them: whose children they are, and which server's they are.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "agents/fd.h"
#include "base/ids.h"
#include "base/result.h"

namespace orrery::agents {

/// Living processes that descend from `ancestor`, itself not included; those that could be looked at.
std::vector<pid_t> descendants_of(pid_t ancestor);
/// SIGKILL to each of them, and to nobody who took over the number of one; how many there were.
std::size_t kill_descendants(pid_t ancestor);
/// Whether `pid` descends from `ancestor`. False when it is gone.
bool descends_from(pid_t pid, pid_t ancestor);

/// A process whose environment names a server. `pidfd` is of the process whose environment was read, or of none.
struct MarkedProcess {
  pid_t pid;
  Fd pidfd;
  ServerId server;
  Epoch epoch;
};
/// Those whose ORRERY_AGENT_SOCKET is `agent_socket`, but not the caller. Error when the system does not let look at
/// all: there may be more.
Result<std::vector<MarkedProcess>> marked_processes(const std::string& agent_socket);

/// An owned pidfd; -1, with errno, when there is no such process (ESRCH) or none can be had.
Fd open_pidfd(pid_t pid);
/// False when it is gone.
bool signal_pidfd(const Fd& pidfd, int number);
/// Whether the process has ended: its descriptors are closed.
bool has_ended(const Fd& pidfd);

}  // namespace orrery::agents
