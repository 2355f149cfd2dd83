// The driving side of the echo bench: datagrams, each from another session, and their echoes.
//
//   bench_echo_load plain|session PORT SESSIONS MS PER_SECOND
//
// One socket; each session has an address of its own in 127.0.0.0/8. With everything attached it says "ready", waits
// for lines: each plays for MS milliseconds and is answered with {"sent","received"} so far.

#include <array>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "echo.h"
#include "many_addresses.h"
#include "play.h"
#include "wire/dialer.h"

namespace orrery::bench {
namespace {

int run_plain(const Address& server, std::size_t sessions, std::size_t ms, std::size_t per_second) {
  auto socket = std::make_unique<ManyAddresses>();
  if (!socket->open(server)) return failed("bind");
  play(
      sessions, ms, per_second,
      [&](std::size_t session) {
        std::fill_n(socket->slot().begin(), datagram_bytes, std::uint8_t{0x10});
        socket->commit(session, datagram_bytes);
      },
      [&] {
        socket->flush();
        socket->receive(milliseconds{0}, [](std::size_t, ByteView) { ++received; });
      });
  return 0;
}

int run_session(const Address& server, std::size_t sessions, std::size_t ms, std::size_t per_second) {
  auto socket = std::make_unique<ManyAddresses>();
  if (!socket->open(server)) return failed("bind");
  SystemRandom random;
  std::vector<wire::Dialer> dialers;
  const wire::Timing timing{std::chrono::seconds{3600}, std::chrono::seconds{3600}};
  for (std::size_t i = 0; i < sessions; ++i)
    dialers.emplace_back(wire::AttachTarget{server, SessionId{i + 1}, server_id, session_epoch, key_of(i + 1)}, timing,
                         std::chrono::seconds{60}, random, BootClock::now());
  wire::Effect effect;
  const auto transmit = [&](std::size_t session, Instant now) {
    wire::Slot slot{{}, socket->slot(), 0};
    while (dialers[session].poll_transmit(slot, now)) {
      socket->commit(session, slot.size);
      slot = {{}, socket->slot(), 0};
    }
  };
  const auto take = [&](std::size_t session, ByteView bytes) {
    if (session >= sessions) return;
    dialers[session].on_datagram(bytes, BootClock::now());
    while (dialers[session].poll_effect(effect))
      if (std::holds_alternative<wire::Message>(effect)) ++received;
  };
  for (std::size_t i = 0; i < sessions; ++i) {
    const Instant patience = BootClock::now() + std::chrono::seconds{10};
    while (!dialers[i].is_open() && BootClock::now() < patience) {
      transmit(i, BootClock::now());
      socket->flush();
      socket->receive(milliseconds{1}, take);
    }
    if (!dialers[i].is_open()) return failed("session " + std::to_string(i) + " could not attach");
    transmit(i, BootClock::now());
    if (i % batch == 0) socket->receive(milliseconds{0}, take);
  }
  socket->flush();
  for (int i = 0; i < 1000; ++i) socket->receive(milliseconds{0}, take);
  const std::array<std::uint8_t, message_bytes> message{};
  play(
      sessions, ms, per_second,
      [&](std::size_t session) {
        (void)dialers[session].send(wire::Channel::game, wire::Delivery::unreliable, message);
        transmit(session, BootClock::now());
      },
      [&] {
        socket->flush();
        socket->receive(milliseconds{0}, take);
      });
  return 0;
}

}  // namespace

int run(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: bench_echo_load plain|session PORT SESSIONS MS PER_SECOND\n";
    return 2;
  }
  const std::string mode = argv[1];
  const Address server = *Address::parse("127.0.0.1", static_cast<std::uint16_t>(number(argv[2])));
  const std::size_t sessions = number(argv[3]), ms = number(argv[4]), per_second = number(argv[5]);
  if (mode == "plain") return run_plain(server, sessions, ms, per_second);
  if (mode == "session") return run_session(server, sessions, ms, per_second);
  std::cerr << "no mode '" << mode << "'\n";
  return 2;
}

}  // namespace orrery::bench

int main(int argc, char** argv) { return orrery::bench::run(argc, argv); }
