#include "agents/unix_datagram.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agents/files.h"

namespace orrery::agents {
namespace {

constexpr std::size_t descriptors_max = 16;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), socket_path_max));
  return address;
}

}  // namespace

Result<Fd> bind_datagram(const std::string& path) {
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("socket");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  unlink(path.c_str());
  const sockaddr_un address = address_of(path);
  const mode_t before = umask(0177);
  const bool bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  umask(before);
  if (!bound) return system_error("bind " + path);
  return fd;
}

bool send_datagram(const Fd& from, const std::string& path, std::string_view text) {
  const sockaddr_un address = address_of(path);
  return sendto(from.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&address), sizeof address) >= 0;
}

std::optional<Datagram> receive_datagram(const Fd& socket, std::size_t bytes_max) {
  Datagram got;
  got.text.resize(bytes_max);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(descriptors_max * sizeof(int))> control;
  iovec part{got.text.data(), got.text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size;
  do {
    size = recvmsg(socket.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return std::nullopt;
  got.text.resize(static_cast<std::size_t>(size));
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET) continue;
    if (c->cmsg_type == SCM_CREDENTIALS) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(c), sizeof sender);
      got.pid = sender.pid;
      got.uid = sender.uid;
    }
    if (c->cmsg_type == SCM_RIGHTS) {
      for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
        got.held.emplace_back(fd);
      }
    }
  }
  return got;
}

}  // namespace orrery::agents
