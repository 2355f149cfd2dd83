// Local datagram sockets: the agent's, and the service manager's that NOTIFY_SOCKET names.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "sessiond/udp_socket.h"

namespace orrery::sessiond {

class UnixSocket {
 public:
  /// Binds `path`, replacing what an earlier process left there.
  static Result<UnixSocket> bind(const std::string& path);
  /// One that only sends. Never fails for good: when the system refuses a socket, send() answers false.
  static UnixSocket unbound();
  int fd() const { return fd_.get(); }
  /// Next datagram; nothing when none waits. Longer ones than 64 KiB are cut.
  std::optional<std::string> receive();
  /// Sends if the receiver has room; false when it was not sent. `path` may be "@name", of the abstract namespace.
  bool send(const std::string& path, std::string_view text);

 private:
  explicit UnixSocket(Descriptor fd) : fd_(std::move(fd)) {}
  Descriptor fd_;
};

}  // namespace orrery::sessiond
