#include "client/udp_client.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "client/resolve.h"

namespace orrery::client {

namespace {

// Datagrams taken in one go: a flood must not keep events and answers waiting.
constexpr int batch_max = 64;

bool is_no_way(int error) {
  return error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN || error == EADDRNOTAVAIL ||
         error == EAFNOSUPPORT;
}

}  // namespace

template <class Login>
Result<UdpClient> UdpClient::open_with(ConnectString connect, Login login, Options options) {
  auto resolved = resolve(std::move(connect));
  if (!resolved) return resolved.error();
  auto socket = UdpSocket::open();
  if (!socket) return socket.error();
  std::unique_ptr<Random> random = std::make_unique<SystemRandom>();
  Client client(std::move(*resolved), std::move(login), *random, BootClock::now(), options);
  return UdpClient(std::move(*socket), std::move(random), std::move(client));
}

Result<UdpClient> UdpClient::open(ConnectString connect, Credentials credentials, Options options) {
  return open_with(std::move(connect), std::move(credentials), options);
}

Result<UdpClient> UdpClient::open(ConnectString connect, const Token& token, Options options) {
  return open_with(std::move(connect), token, options);
}

UdpClient::UdpClient(UdpSocket socket, std::unique_ptr<Random> random, Client client)
    : socket_(std::move(socket)), random_(std::move(random)), client_(std::move(client)) {}

Status UdpClient::rebind() {
  auto socket = UdpSocket::open();
  if (!socket) return socket.error();
  socket_ = std::move(*socket);
  ++rebinds_;
  return ok();
}

void UdpClient::receive() {
  // One byte more than the wire allows, so that what is too long is seen to be.
  std::array<std::uint8_t, wire::datagram_bytes_max + 1> received;
  for (int i = 0; i < batch_max; ++i) {
    const auto datagram = socket_.receive(received);
    if (!datagram) return;
    client_.on_datagram(*datagram, BootClock::now());
  }
}

void UdpClient::send() {
  std::array<std::uint8_t, wire::datagram_bytes_max> sent;
  wire::Slot slot{{}, sent, 0};
  while (client_.poll_transmit(slot, BootClock::now())) {
    if (!socket_.send(slot) && is_no_way(errno)) client_.on_unreachable(slot.to, BootClock::now());
  }
}

bool UdpClient::run_for(Duration time, const std::function<bool(const Event&)>& on_event) {
  const Instant end = BootClock::now() + time;
  while (true) {
    receive();
    Event event;
    while (client_.poll_event(event)) {
      if (!on_event(event)) return !client_.is_finished();
    }
    send();
    while (client_.poll_event(event)) {
      if (!on_event(event)) return !client_.is_finished();
    }
    if (client_.is_finished()) return false;
    if (client_.poll_rebind()) (void)rebind();  // the next time it is due, if there is no socket now

    const Instant now = BootClock::now();
    if (now >= end) return true;
    const Instant next = std::min(end, client_.next_deadline().value_or(end));
    const Duration wait = std::clamp<Duration>(next - now, Duration::zero(), std::chrono::seconds{1});
    pollfd readable{socket_.fd(), POLLIN, 0};
    // Rounded up: a wait cut to 0 ms would spin until the deadline.
    const auto wait_ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    ::poll(&readable, 1, static_cast<int>(wait_ms));
  }
}

}  // namespace orrery::client
