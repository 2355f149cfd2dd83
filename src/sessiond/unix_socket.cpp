#include "sessiond/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace orrery::sessiond {
namespace {

constexpr std::size_t message_bytes_max = 64 * 1024;

/// Length in use; 0 when the path does not fit.
socklen_t unix_address(const std::string& path, sockaddr_un& out) {
  out = {};
  out.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(out.sun_path)) return 0;
  std::memcpy(out.sun_path, path.data(), path.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  if (path.front() != '@') return size + 1;
  out.sun_path[0] = '\0';
  return size;
}

}  // namespace

Result<UnixSocket> UnixSocket::bind(const std::string& path) {
  sockaddr_un at;
  const socklen_t size = unix_address(path, at);
  if (size == 0) return Error{"'" + path + "' is no socket path"};
  Descriptor fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (path.front() != '@') ::unlink(path.c_str());
  if (fd.get() < 0 || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), size) != 0)
    return Error{"cannot bind " + path + ": " + std::strerror(errno)};
  return UnixSocket(std::move(fd));
}

UnixSocket UnixSocket::unbound() {
  return UnixSocket(Descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)));
}

std::optional<std::string> UnixSocket::receive() {
  std::string text(message_bytes_max, '\0');
  ssize_t got = -1;
  do {
    got = ::recv(fd_.get(), text.data(), text.size(), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(got));
  return text;
}

bool UnixSocket::send(const std::string& path, std::string_view text) {
  sockaddr_un at;
  const socklen_t size = unix_address(path, at);
  return size != 0 && ::sendto(fd_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                               reinterpret_cast<const sockaddr*>(&at), size) == static_cast<ssize_t>(text.size());
}

bool ReadyNotice::say() {
  unsaid_ = !socket_.send(path_, "READY=1");
  return !unsaid_;
}

void ReadyNotice::repeat() {
  if (unsaid_) (void)say();
}

}  // namespace orrery::sessiond
