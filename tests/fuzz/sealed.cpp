// Mutation before encryption: a valid connection whose payloads are made odd and then sealed, in both directions,
// beside a connection that must go on undisturbed.
#include <sanitizer/allocator_interface.h>

#include <deque>

#include "odd_payload.h"
#include "wire/dialer.h"
#include "wire/endpoint.h"
#include "wire/sealer.h"
#include "wire/session_keys.h"

using namespace orrery;
using namespace orrery::wire;
using fuzz::check;

namespace {

const Address server = fuzz::address_of("192.0.2.1:7777");
const Address hostile = fuzz::address_of("198.51.100.1:4000"), elsewhere = fuzz::address_of("198.51.100.2:4000");
const Address healthy = fuzz::address_of("[2001:db8::1]:4000");
constexpr ServerId self{77};
// Both ends of the hostile connection and of the healthy one, and the odd packet between them.
constexpr std::size_t allocated_max = 1 << 20;

struct Lab {
  fuzz::SeededRandom random{1};
  Instant now{std::chrono::hours{1}};
  Endpoint endpoint{{}, random};
  Dialer enemy, friendly;
  std::optional<test::Sealer> to_server, to_client;
  Key32 client_random{};
  ConnectionId enemy_id, friendly_id;
  std::size_t closed = 0, messages = 0;
  std::uint64_t counter[2] = {1000, 1000};  // of what is sealed here, to the server and to the client

  Lab()
      : enemy(AttachTarget{server, SessionId{1}, self, Epoch{1}, fuzz::key_of(1)}, {}, std::chrono::seconds{9}, random,
              now),
        friendly(AttachTarget{server, SessionId{2}, self, Epoch{1}, fuzz::key_of(2)}, {}, std::chrono::seconds{9},
                 random, now) {
    endpoint.expect(SessionId{1}, Epoch{1}, self, fuzz::key_of(1));
    endpoint.expect(SessionId{2}, Epoch{1}, self, fuzz::key_of(2));
    for (int i = 0; i < 3; ++i) pass();
    check(enemy.is_open() && friendly.is_open() && to_server, "both are attached");
    check(endpoint.connection_count() == 2, "both are attached");
  }

  void learn(ByteView packet) {
    if (const auto attach = decode_attach(packet)) client_random = attach->client_random;
    if (const auto attached = decode_attached(packet)) {
      const Key32 k = fuzz::key_of(1);
      to_server.emplace(attached->server_id, client_traffic_keys(k, client_random, attached->server_random));
      to_client.emplace(attached->client_id, server_traffic_keys(k, client_random, attached->server_random));
    }
  }

  void give(const Address& from, ByteView bytes) {
    const Datagram datagram{from, bytes};
    endpoint.on_datagrams({&datagram, 1}, now);
    collect();
  }

  void collect() {
    Effect effect;
    while (endpoint.poll_effect(effect)) {
      if (const auto* attached = std::get_if<Attached>(&effect))
        (attached->session == SessionId{1} ? enemy_id : friendly_id) = attached->connection;
      if (const auto* end = std::get_if<Closed>(&effect)) {
        check(end->connection == enemy_id && ++closed == 1, "only the hostile connection ends, and once");
      }
      if (const auto* message = std::get_if<Message>(&effect)) messages += message->connection == friendly_id ? 1 : 0;
    }
    while (enemy.poll_effect(effect)) continue;
    while (friendly.poll_effect(effect)) check(!std::holds_alternative<Closed>(effect), "the healthy one stays");
  }

  /// Everything that is to be sent is, and arrives.
  void pass(const Address& enemy_at = hostile) {
    std::array<std::uint8_t, datagram_bytes_max> buffer;
    Slot slot{{}, buffer, 0};
    const auto sent = [&] { return ByteView(buffer).first(slot.size); };
    std::size_t packets = 0;
    while (enemy.poll_transmit(slot, now)) {
      check(++packets < 1000, "nobody sends without end");
      if (!endpoint.connection_count()) learn(sent());
      give(enemy_at, sent());
    }
    while (friendly.poll_transmit(slot, now)) give(healthy, sent());
    while (endpoint.poll_transmit(slot, now)) {
      check(++packets < 1000, "nobody sends without end");
      if (slot.to == healthy) {
        friendly.on_datagram(sent(), now);
      } else {
        if (!enemy.is_open()) learn(sent());
        enemy.on_datagram(sent(), now);
      }
      collect();
    }
    if (const auto next = endpoint.next_deadline()) check(*next > now, "an endpoint with nothing to do waits");
  }

  /// The next packet of the honest half, to be bent before it is sealed anew.
  Bytes next_payload(bool from_client) {
    std::array<std::uint8_t, datagram_bytes_max> buffer;
    Slot slot{{}, buffer, 0};
    const bool any = from_client ? enemy.poll_transmit(slot, now) : endpoint.poll_transmit(slot, now);
    if (!any) return {};
    return (from_client ? to_server : to_client)->payload_of(ByteView(buffer).first(slot.size));
  }
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t before = __sanitizer_get_current_allocated_bytes();
  Lab lab;
  Instant carried_at = lab.now;
  for (int steps = 0; !input.empty() && steps < 200; ++steps) {
    const std::uint8_t op = input.byte();
    const bool to_server = (op & 0x80) != 0;
    switch (op & 0x07) {
      case 0:
      case 1:
      case 2: {
        Bytes payload = fuzz::odd_payload(input);
        if (payload.empty()) break;
        const Bytes packet =
            (to_server ? lab.to_server : lab.to_client)->seal(lab.counter[to_server ? 0 : 1]++, payload);
        if (to_server)
          lab.give((op & 0x40) != 0 ? elsewhere : hostile, packet);
        else
          lab.enemy.on_datagram(packet, lab.now);
        break;
      }
      case 3: {
        const std::size_t length = input.number<std::uint16_t>() % 12000;
        const auto channel = static_cast<Channel>((op >> 4) % channel_count);
        const auto delivery = (op & 0x08) != 0 ? Delivery::unreliable : Delivery::reliable;
        if (to_server)
          (void)lab.enemy.send(channel, delivery, Bytes(length));
        else
          (void)lab.endpoint.send(lab.enemy_id, channel, delivery, Bytes(length));
        break;
      }
      case 4: {
        const Bytes honest = lab.next_payload(to_server);
        const Bytes payload = fuzz::bent(input, honest);
        if (payload.empty() || payload.size() > datagram_bytes_max - data_header_bytes - tag_bytes) break;
        const Bytes packet =
            (to_server ? lab.to_server : lab.to_client)->seal(lab.counter[to_server ? 0 : 1]++, payload);
        if (to_server)
          lab.give(hostile, packet);
        else
          lab.enemy.on_datagram(packet, lab.now);
        break;
      }
      case 5:  // counters as the sender likes them
        lab.counter[to_server ? 0 : 1] =
            (op & 0x40) != 0 ? input.number<std::uint64_t>() : lab.counter[0] + input.byte() * 16u;
        break;
      case 6:
        lab.now += std::chrono::milliseconds{std::int64_t{1} << (op >> 3 & 7)};
        // The healthy one is not to lapse for want of anybody who carries its datagrams.
        if (lab.now - carried_at < std::chrono::seconds{1}) break;
        lab.pass();
        carried_at = lab.now;
        break;
      default:
        lab.pass((op & 0x40) != 0 ? elsewhere : hostile);
        break;
    }
    lab.collect();
    check(__sanitizer_get_current_allocated_bytes() < before + allocated_max, "a peer cannot make the other hold more");
  }
  lab.pass();
  const std::size_t heard = lab.messages;
  check(static_cast<bool>(lab.friendly.send(Channel::control, Delivery::reliable, as_bytes("well"))), "it is open");
  for (int i = 0; i < 100 && lab.messages == heard; ++i, lab.now += std::chrono::milliseconds{20}) lab.pass();
  check(lab.messages > heard, "the healthy connection is served as before");
  return 0;
}
