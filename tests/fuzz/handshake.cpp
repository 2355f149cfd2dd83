// Both halves of a handshake over any and bent packets: whatever comes between, an honest client still gets in, and no
// answer is longer than what it answers.
#include "input.h"
#include "wire/dialer.h"
#include "wire/endpoint.h"
#include "wire/packet.h"

using namespace orrery;
using namespace orrery::wire;
using fuzz::check;

namespace {

const Key32 static_key = fuzz::key_of(5);
const Address server = fuzz::address_of("192.0.2.1:7777"), home = fuzz::address_of("198.51.100.1:4000");
constexpr ServerId self{77};

struct Lab {
  fuzz::SeededRandom random{1};
  Instant now{std::chrono::hours{1}};
  Endpoint endpoint{{}, random};
  bool has_opened = false;

  Lab() {
    endpoint.accept_logins({&static_key, 1}, "dev");
    endpoint.expect(SessionId{1}, Epoch{1}, self, fuzz::key_of(1));
  }
  Dialer dialer(bool login) {
    if (login)
      return Dialer(LoginTarget{server, "dev", {public_key(fuzz::key_of(5))}}, {}, std::chrono::seconds{9}, random,
                    now);
    return Dialer(AttachTarget{server, SessionId{1}, self, Epoch{1}, fuzz::key_of(1)}, {}, std::chrono::seconds{9},
                  random, now);
  }

  /// What the endpoint answers at once, at most one packet; empty when it does not.
  Bytes answer(const Address& from, ByteView bytes) {
    const Statistics before = endpoint.statistics();
    const Datagram datagram{from, bytes};
    endpoint.on_datagrams({&datagram, 1}, now);
    Bytes out(datagram_bytes_max);
    Slot slot{{}, out, 0};
    const bool answered = endpoint.poll_transmit(slot, now);
    out.resize(answered ? slot.size : 0);
    Effect effect;
    while (endpoint.poll_effect(effect)) has_opened = true;
    if (has_opened) return out;  // a connection has something to say of its own, even when it has ended
    check(out.size() <= bytes.size(), "an answer is no longer than what it answers");
    const Statistics& after = endpoint.statistics();
    const auto dropped = [](const Statistics& s) {
      return s.dropped_malformed + s.dropped_unknown + s.dropped_sealed + s.dropped_replayed + s.dropped_limited;
    };
    check(dropped(after) - dropped(before) == (answered ? 0 : 1), "what is not answered is counted once");
    std::array<std::uint8_t, datagram_bytes_max> rest;
    Slot more{{}, rest, 0};
    check(!endpoint.poll_transmit(more, now), "one answer at most");
    return out;
  }
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  Lab lab;
  const std::uint8_t how = input.byte();
  const bool login = (how & 1) != 0;
  Dialer dialer = lab.dialer(login);
  Bytes to_server, to_client;
  for (int steps = 0; !input.empty() && steps < 100; ++steps) {
    const std::uint8_t op = input.byte();
    switch (op & 7) {
      case 0: {  // the true packet
        std::array<std::uint8_t, datagram_bytes_max> buffer;
        Slot slot{{}, buffer, 0};
        if (dialer.poll_transmit(slot, lab.now))
          to_server.assign(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(slot.size));
        break;
      }
      case 1: {
        if (to_server.empty()) break;
        Bytes answer = lab.answer(home, to_server);
        if (!answer.empty()) to_client = std::move(answer);
        break;
      }
      case 2:
        if (!to_client.empty()) dialer.on_datagram(to_client, lab.now);
        break;
      case 3:
        (void)lab.answer(home, fuzz::bent(input, to_server));
        break;
      case 4:
        dialer.on_datagram(fuzz::bent(input, to_client), lab.now);
        break;
      case 5: {
        Bytes bytes(input.string(datagram_bytes_max).size());
        lab.random.fill(bytes);
        const ByteView head = input.string(100);
        std::copy_n(head.begin(), std::min(head.size(), bytes.size()), bytes.begin());
        if ((op & 0x80) != 0)
          dialer.on_datagram(bytes, lab.now);
        else
          (void)lab.answer(home, bytes);
        break;
      }
      case 6:
        lab.now += std::chrono::milliseconds{1 << (op >> 4)};
        break;
      default: {  // another packet of the same length and type, all else as the input says
        Bytes bytes = (op & 0x80) != 0 ? to_client : to_server;
        const ByteView tail = input.bytes(std::min<std::size_t>(bytes.size(), 80));
        if (bytes.size() > 2) std::copy_n(tail.begin(), std::min(tail.size(), bytes.size() - 2), bytes.begin() + 2);
        if ((op & 0x80) != 0)
          dialer.on_datagram(bytes, lab.now);
        else
          (void)lab.answer(home, bytes);
        break;
      }
    }
    Effect effect;
    while (dialer.poll_effect(effect)) continue;
  }
  // Somebody else comes in as if nothing had been.
  const Address other = fuzz::address_of("203.0.113.9:4000");
  Dialer honest = lab.dialer(login);
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer, 0};
  for (int turn = 0; turn < 3 && !honest.is_open(); ++turn) {
    while (honest.poll_transmit(slot, lab.now)) {
      const Datagram datagram{other, ByteView(buffer).first(slot.size)};
      lab.endpoint.on_datagrams({&datagram, 1}, lab.now);
    }
    while (lab.endpoint.poll_transmit(slot, lab.now))
      if (slot.to == other) honest.on_datagram(ByteView(buffer).first(slot.size), lab.now);
  }
  check(honest.is_open(), "an honest client gets in");
  return 0;
}
