// The floor that servers are measured against: a socket, recvmmsg and sendmmsg, and nothing else.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

#include "sessiond/udp_socket.h"

namespace orrery::bench {

/// On the loopback; -1 with errno when it cannot.
inline int bind_bare(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  const int buffer = 4 << 20;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) == 0 ? fd : -1;
}

/// A batch of datagrams, as the system takes and gives it. Large: not for the stack.
class Batch {
 public:
  static constexpr std::size_t max = sessiond::UdpSocket::batch_max;

  /// So many came.
  std::size_t receive(int fd) {
    for (std::size_t i = 0; i < max; ++i) put(i, addresses_[i], bytes_[i].size());
    const int got = ::recvmmsg(fd, messages_.data(), max, MSG_DONTWAIT, nullptr);
    for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got); ++i) parts_[i].iov_len = messages_[i].msg_len;
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  /// The `i`-th is to go to `to`, which is borrowed, or comes from there.
  void put(std::size_t i, sockaddr_in& to, std::size_t size) {
    parts_[i] = {bytes_[i].data(), size};
    messages_[i].msg_hdr = {&to, sizeof(to), &parts_[i], 1, nullptr, 0, 0};
  }
  /// Of the first `count` so many left.
  std::size_t send(int fd, std::size_t count) {
    std::size_t sent = 0;
    while (sent < count) {
      const int done = ::sendmmsg(fd, &messages_[sent], static_cast<unsigned>(count - sent), MSG_DONTWAIT);
      if (done <= 0) break;
      sent += static_cast<std::size_t>(done);
    }
    return sent;
  }
  std::span<std::uint8_t> bytes(std::size_t i) { return std::span(bytes_[i]).first(parts_[i].iov_len); }
  const sockaddr_in& from(std::size_t i) const { return addresses_[i]; }

 private:
  std::array<std::array<std::uint8_t, 1201>, max> bytes_;
  std::array<sockaddr_in, max> addresses_;
  std::array<iovec, max> parts_{};
  std::array<mmsghdr, max> messages_{};
};

}  // namespace orrery::bench
