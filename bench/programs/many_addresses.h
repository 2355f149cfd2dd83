// One socket that speaks for many players, each with an address of its own in 127.0.0.0/8.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"

namespace orrery::bench {

inline constexpr std::size_t batch = 64;

/// Datagrams out and in, each session from and to an address of its own, from 127.1.0.1 on.
class ManyAddresses {
 public:
  ManyAddresses() = default;
  ManyAddresses(const ManyAddresses&) = delete;
  ManyAddresses& operator=(const ManyAddresses&) = delete;
  ~ManyAddresses() {
    if (fd_ >= 0) ::close(fd_);
  }
  /// Bound to any port; `server` is IPv4. False with errno set.
  bool open(const Address& server) {
    fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    const int on = 1, buffer = 4 << 20;
    ::setsockopt(fd_, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    sockaddr_in any{};
    any.sin_family = AF_INET;
    sockaddr_storage to{};
    server.to_sockaddr(to);
    std::memcpy(&to_, &to, sizeof(to_));
    return ::bind(fd_, reinterpret_cast<sockaddr*>(&any), sizeof(any)) == 0;
  }
  std::span<std::uint8_t> slot() { return out_[waiting_]; }
  void commit(std::size_t session, std::size_t size) {
    from_[waiting_] = session;
    size_[waiting_] = size;
    if (++waiting_ == batch) flush();
  }
  void flush() {
    std::array<iovec, batch> parts{};
    std::array<mmsghdr, batch> messages{};
    std::array<std::array<char, CMSG_SPACE(sizeof(in_pktinfo))>, batch> control{};
    for (std::size_t i = 0; i < waiting_; ++i) {
      parts[i] = {out_[i].data(), size_[i]};
      messages[i].msg_hdr = {&to_, sizeof(to_), &parts[i], 1, control[i].data(), control[i].size(), 0};
      cmsghdr* part = CMSG_FIRSTHDR(&messages[i].msg_hdr);
      part->cmsg_level = IPPROTO_IP;
      part->cmsg_type = IP_PKTINFO;
      part->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
      in_pktinfo info{};
      info.ipi_spec_dst.s_addr = htonl(0x7f010000u + static_cast<std::uint32_t>(from_[i]) + 1);
      std::memcpy(CMSG_DATA(part), &info, sizeof(info));
    }
    for (std::size_t done = 0; done < waiting_;) {
      const int n = ::sendmmsg(fd_, &messages[done], static_cast<unsigned>(waiting_ - done), 0);
      if (n > 0)
        done += static_cast<std::size_t>(n);
      else if (errno != EAGAIN && errno != EINTR)
        break;
    }
    waiting_ = 0;
  }
  /// Hands each waiting datagram to `take(session, bytes)`; waits up to `wait` for the first.
  template <class Take>
  void receive(std::chrono::milliseconds wait, Take&& take) {
    pollfd readable{fd_, POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(wait.count())) <= 0) return;
    std::array<iovec, batch> parts{};
    std::array<mmsghdr, batch> messages{};
    std::array<std::array<char, CMSG_SPACE(sizeof(in_pktinfo))>, batch> control{};
    for (std::size_t i = 0; i < batch; ++i) {
      parts[i] = {in_[i].data(), in_[i].size()};
      messages[i].msg_hdr = {nullptr, 0, &parts[i], 1, control[i].data(), control[i].size(), 0};
    }
    const int got = ::recvmmsg(fd_, messages.data(), batch, MSG_DONTWAIT, nullptr);
    for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got); ++i) {
      std::size_t session = 0;
      for (cmsghdr* part = CMSG_FIRSTHDR(&messages[i].msg_hdr); part != nullptr;
           part = CMSG_NXTHDR(&messages[i].msg_hdr, part)) {
        if (part->cmsg_type != IP_PKTINFO) continue;
        in_pktinfo info{};
        std::memcpy(&info, CMSG_DATA(part), sizeof(info));
        session = ntohl(info.ipi_addr.s_addr) - 0x7f010000u - 1;
      }
      take(session, ByteView(in_[i]).first(messages[i].msg_len));
    }
  }

 private:
  int fd_ = -1;
  sockaddr_in to_{};
  std::array<std::array<std::uint8_t, 1200>, batch> out_{}, in_{};
  std::array<std::size_t, batch> from_{}, size_{};
  std::size_t waiting_ = 0;
};

}  // namespace orrery::bench
