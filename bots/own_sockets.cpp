#include "own_sockets.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace orrery::bots {

namespace {

constexpr int batch_max = 64;
// Datagrams read in one go, so that one busy bot does not hold up the others.
constexpr int datagrams_each_max = 64;

Error failed(const char* what) { return Error{std::string(what) + ": " + std::strerror(errno)}; }

}  // namespace

Result<std::unique_ptr<Network>> OwnSockets::make() {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return failed("epoll");
  return std::unique_ptr<Network>(new OwnSockets(epoll));
}

OwnSockets::~OwnSockets() { ::close(epoll_); }

Status OwnSockets::open(std::size_t seat) {
  auto socket = client::UdpSocket::open();
  if (!socket) return socket.error();
  epoll_event readable{};
  readable.events = EPOLLIN;
  readable.data.u64 = seat;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket->fd(), &readable) != 0) return failed("epoll");
  if (sockets_.size() <= seat) sockets_.resize(seat + 1);
  sockets_[seat].emplace(std::move(*socket));
  return ok();
}

void OwnSockets::close(std::size_t seat) { sockets_[seat].reset(); }

void OwnSockets::send(std::size_t seat, const wire::Slot& slot) {
  if (!sockets_[seat] || !sockets_[seat]->send(slot)) ++unsent_;
}

bool OwnSockets::receive(const Take& take) {
  std::array<epoll_event, batch_max> ready;
  const int count = ::epoll_wait(epoll_, ready.data(), batch_max, 0);
  // One byte more than the wire allows, so that what is too long is seen to be.
  std::array<std::uint8_t, wire::datagram_bytes_max + 1> bytes;
  for (int i = 0; i < count; ++i) {
    const auto seat = static_cast<std::size_t>(ready[static_cast<std::size_t>(i)].data.u64);
    for (int n = 0; n < datagrams_each_max && sockets_[seat]; ++n) {
      const auto datagram = sockets_[seat]->receive(bytes);
      if (!datagram) break;
      take(seat, *datagram);
    }
  }
  return count == batch_max;
}

}  // namespace orrery::bots
