#include "multiplexed.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace orrery::bots {

namespace {

constexpr std::uint32_t loopback_net = 0x7f000000;
// From 127.1.0.0 on: what is below is other programs' usual choice.
constexpr std::uint32_t address_first = 0x7f010000;
// What comes for all of them while this process waits for a processor.
constexpr int buffer_bytes = 4 * 1024 * 1024;

Error failed(const char* what) {
  const char* name = ::strerrorname_np(errno);
  return {std::string(what) + ": " + std::strerror(errno), name ? name : ""};
}

}  // namespace

struct Multiplexed::Buffers {
  std::array<std::array<std::uint8_t, wire::datagram_bytes_max>, batch_max> out;
  std::array<sockaddr_storage, batch_max> to;
  std::array<std::array<char, CMSG_SPACE(sizeof(in_pktinfo))>, batch_max> out_control;
  std::size_t waiting = 0;
  // One byte more than the wire allows, so that what is too long is seen to be.
  std::array<std::array<std::uint8_t, wire::datagram_bytes_max + 1>, batch_max> in;
  std::array<sockaddr_storage, batch_max> from;
  std::array<std::array<char, CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(std::uint32_t))>, batch_max>
      in_control;
  // What the system calls read and write, filled once.
  std::array<iovec, batch_max> out_parts, in_parts;
  std::array<mmsghdr, batch_max> out_messages, in_messages;

  Buffers() {
    for (std::size_t i = 0; i < batch_max; ++i) {
      out_parts[i] = {out[i].data(), 0};
      out_messages[i] = {};
      out_messages[i].msg_hdr = {&to[i], 0, &out_parts[i], 1, out_control[i].data(), out_control[i].size(), 0};
      out_control[i] = {};
      cmsghdr* part = CMSG_FIRSTHDR(&out_messages[i].msg_hdr);
      part->cmsg_level = IPPROTO_IP;
      part->cmsg_type = IP_PKTINFO;
      part->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
      in_parts[i] = {in[i].data(), in[i].size()};
      in_messages[i] = {};
      in_messages[i].msg_hdr = {&from[i], sizeof(from[i]), &in_parts[i], 1, in_control[i].data(), 0, 0};
    }
  }
};

Multiplexed::Multiplexed(int fd, unsigned first) : fd_(fd), first_(first), buffers_(std::make_unique<Buffers>()) {}

Multiplexed::~Multiplexed() { ::close(fd_); }

Result<std::unique_ptr<Network>> Multiplexed::make(unsigned first) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("cannot open a UDP socket");
  std::unique_ptr<Network> network(new Multiplexed(fd, first));
  const auto set = [fd](int level, int option, int value) {
    return ::setsockopt(fd, level, option, &value, sizeof(value)) == 0;
  };
  if (!set(IPPROTO_IP, IP_PKTINFO, 1) || !set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE) ||
      !set(SOL_SOCKET, SO_RXQ_OVFL, 1))
    return failed("cannot prepare a UDP socket");
  // The kernel gives what it may; what is lost for want of it is counted.
  (void)set(SOL_SOCKET, SO_RCVBUF, buffer_bytes);
  (void)set(SOL_SOCKET, SO_SNDBUF, buffer_bytes);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof(any)) != 0) return failed("cannot bind a UDP socket");
  return network;
}

bool Multiplexed::reaches(const Address& server) { return server.is_v4() && server.ip[12] == loopback_net >> 24; }

std::uint32_t Multiplexed::address_of(std::size_t seat) const {
  return address_first + first_ + static_cast<std::uint32_t>(seat);
}

Status Multiplexed::open(std::size_t seat) {
  if (is_open_.size() <= seat) is_open_.resize(seat + 1);
  is_open_[seat] = true;
  return ok();
}

void Multiplexed::close(std::size_t seat) { is_open_[seat] = false; }

wire::Slot Multiplexed::slot() { return {{}, buffers_->out[buffers_->waiting], 0}; }

void Multiplexed::send(std::size_t seat, const wire::Slot& slot) {
  if (!is_open_[seat] || !slot.to.is_v4()) {
    ++unsent_;
    return;
  }
  Buffers& b = *buffers_;
  msghdr& header = b.out_messages[b.waiting].msg_hdr;
  header.msg_namelen = slot.to.to_sockaddr(b.to[b.waiting]);
  b.out_parts[b.waiting].iov_len = slot.size;
  in_pktinfo info{};
  info.ipi_spec_dst.s_addr = htonl(address_of(seat));
  std::memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)), &info, sizeof(info));
  if (++b.waiting == batch_max) flush();
}

void Multiplexed::flush() {
  Buffers& b = *buffers_;
  for (std::size_t sent = 0; sent < b.waiting;) {
    const int done = ::sendmmsg(fd_, &b.out_messages[sent], static_cast<unsigned>(b.waiting - sent), MSG_NOSIGNAL);
    if (done > 0) {
      sent += static_cast<std::size_t>(done);
      continue;
    }
    if (errno == EINTR) continue;
    // A full buffer drops all the rest, as a network would; any other error is this datagram's own.
    const bool is_full = errno == EAGAIN || errno == ENOBUFS;
    const std::size_t lost = is_full ? b.waiting - sent : 1;
    unsent_ += lost;
    sent += lost;
  }
  b.waiting = 0;
}

bool Multiplexed::receive(const Take& take) {
  Buffers& b = *buffers_;
  for (std::size_t i = 0; i < batch_max; ++i) {
    b.in_messages[i].msg_hdr.msg_namelen = sizeof(b.from[i]);
    b.in_messages[i].msg_hdr.msg_controllen = b.in_control[i].size();
  }
  const int got = ::recvmmsg(fd_, b.in_messages.data(), batch_max, MSG_DONTWAIT, nullptr);
  for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got); ++i) {
    std::size_t seat = is_open_.size();
    msghdr& header = b.in_messages[i].msg_hdr;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
      if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
        in_pktinfo info{};
        std::memcpy(&info, CMSG_DATA(part), sizeof(info));
        seat = ntohl(info.ipi_addr.s_addr) - address_of(0);  // what is no bot's is beyond them all
      } else if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_RXQ_OVFL) {
        std::uint32_t dropped = 0;
        std::memcpy(&dropped, CMSG_DATA(part), sizeof(dropped));
        overflown_ = dropped;
      }
    }
    if (seat >= is_open_.size() || !is_open_[seat]) continue;
    take(seat, {Address::from_sockaddr(b.from[i]), ByteView(b.in[i]).first(b.in_messages[i].msg_len)});
  }
  return got == static_cast<int>(batch_max);
}

}  // namespace orrery::bots
