// The driving side of the echo and zone benches: datagrams, each from another session, and what comes back.
//
//   bench_echo_load plain|session|plain_inputs|inputs PORT SESSIONS MS PER_SECOND
//
// plain and plain_inputs: bare datagrams of the size that session and inputs seal. inputs: a zone's players.
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
#include "zone.h"

namespace orrery::bench {
namespace {

struct Load {
  Address server;
  std::size_t sessions, ms, per_second;
  bool inputs;
  /// A zone sends by its own clock.
  milliseconds patience() const { return inputs ? milliseconds{0} : milliseconds{200}; }
};

/// The last three inputs of a player who turns now and then.
struct Inputs {
  std::uint32_t sequence = 0;
  std::array<std::uint8_t, input_bytes> next(std::size_t session) {
    ++sequence;
    std::array<std::uint8_t, input_bytes> bytes{1, 3};
    Writer writer(std::span<std::uint8_t>(bytes).subspan(2));
    for (std::uint32_t i = 0; i < 3; ++i) {
      const auto turn = static_cast<std::uint32_t>(session) + (sequence - i) / 40;
      writer.put(sequence - i);
      writer.put(static_cast<std::int8_t>(turn * 37 % 255 - 127));
      writer.put(static_cast<std::int8_t>(turn * 91 % 255 - 127));
      writer.put(std::uint8_t{0});
    }
    return bytes;
  }
};

int run_plain(const Load& load) {
  auto socket = std::make_unique<ManyAddresses>();
  if (!socket->open(load.server)) return failed("bind");
  const std::size_t bytes = load.inputs ? input_datagram_bytes : datagram_bytes;
  play(
      load.sessions, load.ms, load.per_second, load.patience(),
      [&](std::size_t session) {
        std::fill_n(socket->slot().begin(), bytes, std::uint8_t{0x10});
        socket->commit(session, bytes);
      },
      [&] {
        socket->flush();
        socket->receive(milliseconds{0}, [](std::size_t, ByteView) { ++received; });
      });
  return 0;
}

int run_session(const Load& load) {
  auto socket = std::make_unique<ManyAddresses>();
  const std::size_t sessions = load.sessions;
  if (!socket->open(load.server)) return failed("bind");
  SystemRandom random;
  std::vector<wire::Dialer> dialers;
  const wire::Timing timing{std::chrono::seconds{3600}, std::chrono::seconds{3600}};
  for (std::size_t i = 0; i < sessions; ++i)
    dialers.emplace_back(wire::AttachTarget{load.server, SessionId{i + 1}, server_id, session_epoch, key_of(i + 1)},
                         timing, std::chrono::seconds{60}, random, BootClock::now());
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
  std::vector<Inputs> players(sessions);
  play(
      sessions, load.ms, load.per_second, load.patience(),
      [&](std::size_t session) {
        if (load.inputs)
          (void)dialers[session].send(wire::Channel::game, wire::Delivery::unreliable, players[session].next(session));
        else
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
    std::cerr << "usage: bench_echo_load plain|session|plain_inputs|inputs PORT SESSIONS MS PER_SECOND\n";
    return 2;
  }
  const std::string mode = argv[1];
  const Load load{*Address::parse("127.0.0.1", static_cast<std::uint16_t>(number(argv[2]))), number(argv[3]),
                  number(argv[4]), number(argv[5]), mode.ends_with("inputs")};
  if (mode == "plain" || mode == "plain_inputs") return run_plain(load);
  if (mode == "session" || mode == "inputs") return run_session(load);
  std::cerr << "no mode '" << mode << "'\n";
  return 2;
}

}  // namespace orrery::bench

int main(int argc, char** argv) { return orrery::bench::run(argc, argv); }
