#include "sessiond/udp_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace orrery::sessiond {
namespace {

constexpr int receive_buffer_bytes = 4 * 1024 * 1024;
/// One more than the wire's limit, so that an overlong datagram is seen as such.
constexpr std::size_t receive_bytes = wire::datagram_bytes_max + 1;

Error errno_error(const std::string& what) { return Error{what + ": " + std::strerror(errno)}; }

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}
Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

struct UdpSocket::Buffers {
  bool v6 = false;
  std::array<std::array<std::uint8_t, receive_bytes>, batch_max> in;
  std::array<sockaddr_storage, batch_max> from;
  std::array<std::array<char, CMSG_SPACE(sizeof(std::uint32_t))>, batch_max> control;
  std::array<wire::Datagram, batch_max> datagrams;
  std::array<std::array<std::uint8_t, wire::datagram_bytes_max>, batch_max> out;
  std::array<sockaddr_storage, batch_max> to;
  // What the system calls read and write, filled once: a batch of few costs no more than what it holds.
  std::array<iovec, batch_max> in_parts, out_parts;
  std::array<mmsghdr, batch_max> in_messages, out_messages;
  std::size_t received = batch_max;  // headers that the last receive has written to
  std::size_t committed = 0;
  std::uint64_t kernel_drops = 0, send_drops = 0;

  Buffers() {
    for (std::size_t i = 0; i < batch_max; ++i) {
      in_parts[i] = {in[i].data(), in[i].size()};
      out_parts[i] = {out[i].data(), 0};
      in_messages[i] = {};
      in_messages[i].msg_hdr.msg_name = &from[i];
      in_messages[i].msg_hdr.msg_iov = &in_parts[i];
      in_messages[i].msg_hdr.msg_iovlen = 1;
      in_messages[i].msg_hdr.msg_control = control[i].data();
      out_messages[i] = {};
      out_messages[i].msg_hdr.msg_name = &to[i];
      out_messages[i].msg_hdr.msg_iov = &out_parts[i];
      out_messages[i].msg_hdr.msg_iovlen = 1;
    }
  }

  /// An IPv6 socket reaches IPv4 addresses in their mapped form; an IPv4 one nothing else.
  bool fits(const Address& address) const { return v6 || address.is_v4(); }
  socklen_t write(const Address& address, sockaddr_storage& result) const {
    if (!v6 || !address.is_v4()) return address.to_sockaddr(result);
    result = {};
    auto& mapped = reinterpret_cast<sockaddr_in6&>(result);
    mapped.sin6_family = AF_INET6;
    mapped.sin6_port = htons(address.port);
    std::memcpy(&mapped.sin6_addr, address.ip.data(), address.ip.size());
    return sizeof(sockaddr_in6);
  }
};

UdpSocket::UdpSocket(Descriptor fd, bool v6) : fd_(std::move(fd)), buffers_(std::make_unique<Buffers>()) {
  buffers_->v6 = v6;
}
UdpSocket::UdpSocket(UdpSocket&&) noexcept = default;
UdpSocket& UdpSocket::operator=(UdpSocket&&) noexcept = default;
UdpSocket::~UdpSocket() = default;

Result<UdpSocket> UdpSocket::bind(const Address& address) {
  const bool v6 = !address.is_v4();
  Descriptor fd(::socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return errno_error("socket");
  const auto set = [&fd](int level, int option, int value) {
    return ::setsockopt(fd.get(), level, option, &value, sizeof(value)) == 0;
  };
  // DF set, and no path MTU that is remembered: every path carries the wire's datagrams.
  const bool unfragmented = set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE) &&
                            (!v6 || set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE));
  if (!unfragmented) return errno_error("MTU_DISCOVER");
  // "[::]" serves both families.
  if (v6 && !set(IPPROTO_IPV6, IPV6_V6ONLY, 0)) return errno_error("IPV6_V6ONLY");
  if (!set(SOL_SOCKET, SO_RXQ_OVFL, 1)) return errno_error("SO_RXQ_OVFL");
  (void)set(SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
  int granted = 0;
  socklen_t size = sizeof(granted);
  // The kernel gives double of what was asked, for its own books.
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &granted, &size) == 0 && granted < receive_buffer_bytes)
    spdlog::warn("receive buffer of {}: {} bytes instead of {}; raise net.core.rmem_max", address.to_string(), granted,
                 receive_buffer_bytes);
  sockaddr_storage at;
  const socklen_t at_size = address.to_sockaddr(at);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), at_size) != 0)
    return errno_error("cannot bind " + address.to_string());
  return UdpSocket(std::move(fd), v6);
}

int UdpSocket::fd() const { return fd_.get(); }
std::uint64_t UdpSocket::kernel_drops() const { return buffers_->kernel_drops; }
std::uint64_t UdpSocket::send_drops() const { return buffers_->send_drops; }

std::span<const wire::Datagram> UdpSocket::receive() {
  Buffers& b = *buffers_;
  for (std::size_t i = 0; i < b.received; ++i) {
    b.in_messages[i].msg_hdr.msg_namelen = sizeof(b.from[i]);
    b.in_messages[i].msg_hdr.msg_controllen = b.control[i].size();
  }
  b.received = 0;
  const int got = ::recvmmsg(fd_.get(), b.in_messages.data(), batch_max, MSG_DONTWAIT, nullptr);
  if (got <= 0) return {};
  b.received = static_cast<std::size_t>(got);
  for (std::size_t i = 0; i < b.received; ++i) {
    b.datagrams[i] = {Address::from_sockaddr(b.from[i]), ByteView(b.in[i]).first(b.in_messages[i].msg_len)};
    for (cmsghdr* part = CMSG_FIRSTHDR(&b.in_messages[i].msg_hdr); part != nullptr;
         part = CMSG_NXTHDR(&b.in_messages[i].msg_hdr, part)) {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SO_RXQ_OVFL) continue;
      std::uint32_t drops = 0;
      std::memcpy(&drops, CMSG_DATA(part), sizeof(drops));
      b.kernel_drops = drops;
    }
  }
  return std::span(b.datagrams).first(b.received);
}

wire::Slot UdpSocket::slot() { return {{}, buffers_->out[buffers_->committed], 0}; }

void UdpSocket::commit(const wire::Slot& slot) {
  Buffers& b = *buffers_;
  if (!b.fits(slot.to)) {
    ++b.send_drops;
    return;
  }
  b.out_messages[b.committed].msg_hdr.msg_namelen = b.write(slot.to, b.to[b.committed]);
  b.out_parts[b.committed].iov_len = slot.size;
  if (++b.committed == batch_max) flush();
}

void UdpSocket::flush() {
  Buffers& b = *buffers_;
  if (b.committed == 0) return;
  for (std::size_t sent = 0; sent < b.committed;) {
    const int done =
        ::sendmmsg(fd_.get(), &b.out_messages[sent], static_cast<unsigned>(b.committed - sent), MSG_DONTWAIT);
    if (done > 0) {
      sent += static_cast<std::size_t>(done);
      continue;
    }
    if (errno == EINTR) continue;
    // A full buffer drops all the rest, as a network would; any other error is this datagram's own.
    const bool full = errno == EAGAIN || errno == ENOBUFS;
    const std::size_t lost = full ? b.committed - sent : 1;
    b.send_drops += lost;
    sent += lost;
  }
  b.committed = 0;
}

void UdpSocket::send(const Address& to, ByteView bytes) {
  sockaddr_storage at;
  const socklen_t size = buffers_->write(to, at);
  if (!buffers_->fits(to) ||
      ::sendto(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&at), size) < 0)
    ++buffers_->send_drops;
}

}  // namespace orrery::sessiond
