#include "client/udp_client.h"

#include <poll.h>

#include <algorithm>
#include <array>

namespace orrery::client {

Result<UdpClient> UdpClient::open(ConnectString connect, Credentials credentials) {
  auto socket = UdpSocket::open();
  if (!socket) return socket.error();
  std::unique_ptr<Random> random = std::make_unique<SystemRandom>();
  Client client(std::move(connect), std::move(credentials), *random, BootClock::now());
  return UdpClient(std::move(*socket), std::move(random), std::move(client));
}

UdpClient::UdpClient(UdpSocket socket, std::unique_ptr<Random> random, Client client)
    : socket_(std::move(socket)), random_(std::move(random)), client_(std::move(client)) {}

bool UdpClient::run_for(Duration time, const std::function<bool(const Event&)>& on_event) {
  const Instant end = BootClock::now() + time;
  // One byte more than the wire allows, so that what is too long is seen to be.
  std::array<std::uint8_t, wire::datagram_bytes_max + 1> received;
  std::array<std::uint8_t, wire::datagram_bytes_max> sent;
  while (true) {
    while (const auto datagram = socket_.receive(received)) client_.on_datagram(*datagram, BootClock::now());
    Event event;
    while (client_.poll_event(event)) {
      if (!on_event(event)) return !client_.is_finished();
    }
    wire::Slot slot{{}, sent, 0};
    while (client_.poll_transmit(slot, BootClock::now())) socket_.send(slot);
    while (client_.poll_event(event)) {
      if (!on_event(event)) return !client_.is_finished();
    }
    if (client_.is_finished()) return false;

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
