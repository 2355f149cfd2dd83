// Whose sockets are at a port of this machine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agents/start_terms.h"

namespace orrery::agents {

/// unknown: the system does not let look.
enum class PortOwner { nobody, other, own, unknown };
/// Who has bound the port (of tcp: listens at it) in the network namespace of the process `server`, at whatever
/// address. own: that process, or one that descends from `ancestor`. Descriptors of processes are read only when there
/// is a socket at the port.
PortOwner port_owner(pid_t server, pid_t ancestor, Protocol protocol, std::uint16_t port);

/// "socket:[<inode>]", as the links in /proc/<pid>/fd name sockets.
using SocketNames = std::vector<std::string>;
/// Those at the port, in the caller's network namespace: the kernel is asked for them alone, in some 0.06 ms with a
/// thousand sockets on the machine. Nothing where it cannot be asked.
std::optional<SocketNames> sockets_by_diag(Protocol protocol, std::uint16_t port);
/// Likewise in that of a process: from the lists of all sockets in /proc, in 1 to 4 ms.
std::optional<SocketNames> sockets_by_proc(pid_t pid, Protocol protocol, std::uint16_t port);

}  // namespace orrery::agents
