// Unix datagram sockets that are found by a path, and who sent what arrives on them.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agents/fd.h"
#include "base/result.h"

namespace orrery::agents {

inline constexpr std::size_t socket_path_max = sizeof(sockaddr_un::sun_path) - 1;

/// A socket bound to `path`, of mode 0600, whatever was there; not blocking, and told who sends.
Result<Fd> bind_datagram(const std::string& path);
/// False, with errno, when it was not taken (EAGAIN: the receiver's queue is full).
bool send_datagram(const Fd& from, const std::string& path, std::string_view text);

struct Datagram {
  std::string text;
  pid_t pid = 0;  // of the sender; 0: unknown
  uid_t uid = 0;
  std::vector<Fd> held;  // descriptors that came with it
};
/// The next one, its first `bytes_max` bytes; nothing when none is there.
std::optional<Datagram> receive_datagram(const Fd& socket, std::size_t bytes_max);

}  // namespace orrery::agents
