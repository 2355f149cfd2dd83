#include "client/udp_socket.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace orrery::client {

namespace {

Error failed(const char* what, int error) {
  const char* name = ::strerrorname_np(error);
  return {std::string(what) + ": " + ::strerror(error), name ? name : ""};
}

// sendto on an IPv6 socket takes IPv4 as mapped IPv6, which is how Address holds it.
socklen_t to_mapped(const Address& address, sockaddr_storage& out) {
  out = {};
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(address.port);
  std::copy(address.ip.begin(), address.ip.end(), v6->sin6_addr.s6_addr);
  return sizeof(sockaddr_in6);
}

// DF set, and no path MTU remembered that somebody's ICMP claims: every path carries the wire's datagrams. False when
// the kernel refuses.
bool forbid_fragments(int fd, bool is_v6) {
  const int v4 = IP_PMTUDISC_PROBE, v6 = IPV6_PMTUDISC_PROBE;
  return ::setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof(v4)) == 0 &&
         (!is_v6 || ::setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof(v6)) == 0);
}

}  // namespace

Result<UdpSocket> UdpSocket::open() {
  constexpr int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (const int fd = ::socket(AF_INET6, type, 0); fd >= 0) {
    UdpSocket socket(fd, true);
    const int off = 0;
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    if (::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0 && forbid_fragments(fd, true) &&
        ::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof(any)) == 0) {
      return socket;
    }
  } else if (errno == EMFILE || errno == ENFILE) {
    return failed("cannot open a UDP socket", errno);
  }
  const int fd = ::socket(AF_INET, type, 0);
  if (fd < 0) return failed("cannot open a UDP socket", errno);
  UdpSocket socket(fd, false);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  if (!forbid_fragments(fd, false)) return failed("cannot set DF on a UDP socket", errno);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof(any)) != 0) {
    return failed("cannot bind a UDP socket", errno);
  }
  return socket;
}

UdpSocket::~UdpSocket() {
  if (fd_ >= 0) ::close(fd_);
}

UdpSocket::UdpSocket(UdpSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), is_v6_(other.is_v6_) {}

UdpSocket& UdpSocket::operator=(UdpSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(is_v6_, other.is_v6_);
  return *this;
}

bool UdpSocket::send(const wire::Slot& slot) {
  if (!is_v6_ && !slot.to.is_v4()) {
    errno = EAFNOSUPPORT;
    return false;
  }
  sockaddr_storage to;
  const socklen_t length = is_v6_ ? to_mapped(slot.to, to) : slot.to.to_sockaddr(to);
  const ssize_t sent =
      ::sendto(fd_, slot.buffer.data(), slot.size, MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), length);
  return sent == static_cast<ssize_t>(slot.size);
}

std::optional<wire::Datagram> UdpSocket::receive(std::span<std::uint8_t> buffer) {
  // An ICMP error of an earlier send may stand in the way; it says nothing that the wire's time-outs do not.
  for (int attempt = 0; attempt < 8; ++attempt) {
    sockaddr_storage from{};
    socklen_t length = sizeof(from);
    const ssize_t got = ::recvfrom(fd_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (got >= 0) return wire::Datagram{Address::from_sockaddr(from), buffer.first(static_cast<std::size_t>(got))};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace orrery::client
