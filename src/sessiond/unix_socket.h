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

/// READY=1 to the service manager, which has no room for it at times.
class ReadyNotice {
 public:
  /// `socket` must outlive it.
  ReadyNotice(UnixSocket& socket, std::string path) : socket_(socket), path_(std::move(path)) {}
  /// Says it, or leaves it to repeat(). False when it was not sent.
  bool say();
  /// To be called each second: says it again until it was sent once. Nothing before say().
  void repeat();

 private:
  UnixSocket& socket_;
  std::string path_;
  bool unsaid_ = false;
};

}  // namespace orrery::sessiond
