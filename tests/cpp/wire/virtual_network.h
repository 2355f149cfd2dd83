// One Endpoint and several Dialers on virtual time, over a network that loses, delays, reorders and duplicates by seed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "wire/dialer.h"
#include "wire/endpoint.h"

namespace orrery::wire::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(engine_());
  }
  /// True in `permille` of 1,000 cases.
  bool chance(unsigned permille) { return engine_() % 1000 < permille; }
  std::uint64_t below(std::uint64_t limit) { return engine_() % limit; }

 private:
  std::mt19937_64 engine_;
};

struct Weather {
  unsigned loss_permille = 0;
  unsigned duplicate_permille = 0;
  Duration delay_min = milliseconds{10};
  Duration delay_max = milliseconds{10};  // differing delays reorder
};

inline Address address(const char* text) { return *Address::parse(text); }

/// An effect whose bytes are its own.
struct Seen {
  Effect effect;
  Bytes bytes;
};

template <class T>
std::vector<T> all(const std::vector<Seen>& seen) {
  std::vector<T> out;
  for (const Seen& one : seen)
    if (const T* found = std::get_if<T>(&one.effect)) out.push_back(*found);
  return out;
}

inline std::vector<Bytes> messages(const std::vector<Seen>& seen, Channel channel, Delivery delivery) {
  std::vector<Bytes> out;
  for (const Seen& one : seen)
    if (const auto* message = std::get_if<Message>(&one.effect))
      if (message->channel == channel && message->delivery == delivery) out.push_back(one.bytes);
  return out;
}

class Network {
 public:
  struct Client {
    Address address;
    std::optional<Dialer> dialer;
    std::vector<Seen> seen;
  };
  struct Flying {
    Address from, to;
    Bytes bytes;
  };

  explicit Network(std::uint64_t seed = 1, Weather weather = {}, EndpointConfig config = {})
      : random(seed), weather_(weather), endpoint(config, random) {
    random.fill(static_key);
    endpoint.accept_logins({&static_key, 1}, cluster);
  }

  std::size_t add_login(const char* from, std::vector<Key32> keys = {}) {
    if (keys.empty()) keys = {public_key(static_key)};
    auto client = std::make_unique<Client>();
    client->address = test::address(from);
    client->dialer.emplace(LoginTarget{server, cluster, std::move(keys)}, timing, give_up_after, random, now);
    clients.push_back(std::move(client));
    return clients.size() - 1;
  }
  std::size_t add_attach(const char* from, SessionId session, Epoch epoch, const Key32& k) {
    auto client = std::make_unique<Client>();
    client->address = test::address(from);
    client->dialer.emplace(AttachTarget{server, session, server_id, epoch, k}, timing, give_up_after, random, now);
    clients.push_back(std::move(client));
    return clients.size() - 1;
  }
  Dialer& dialer(std::size_t i) { return *clients[i]->dialer; }
  std::vector<Seen>& seen(std::size_t i) { return clients[i]->seen; }

  /// Runs until `until` is true after some event; false when `limit` has passed before.
  bool run(
      Duration limit, const std::function<bool()>& until = [] { return false; }) {
    const Instant end = now + limit;
    for (;;) {
      transmit();
      collect();
      if (until()) return true;
      Instant next = end;
      if (!flying.empty()) next = std::min(next, flying.begin()->first);
      if (const auto at = endpoint.next_deadline()) next = std::min(next, *at);
      for (const auto& client : clients)
        if (const auto at = client->dialer->next_deadline()) next = std::min(next, *at);
      if (next >= end) {
        now = end;
        return false;
      }
      now = std::max(now, next);
      deliver();
    }
  }

  void transmit() {
    std::array<std::uint8_t, datagram_bytes_max> buffer;
    Slot slot{{}, buffer, 0};
    while (endpoint.poll_transmit(slot, now)) fly(server, slot.to, ByteView(buffer).first(slot.size));
    for (const auto& client : clients)
      while (client->dialer->poll_transmit(slot, now)) fly(client->address, slot.to, ByteView(buffer).first(slot.size));
  }

  void collect() {
    Effect effect;
    while (endpoint.poll_effect(effect)) server_seen.push_back(keep(effect));
    for (const auto& client : clients)
      while (client->dialer->poll_effect(effect)) client->seen.push_back(keep(effect));
  }

  void fly(const Address& from, const Address& to, ByteView bytes) {
    if (tap) tap({from, to, Bytes(bytes.begin(), bytes.end())});
    if (cut) return;
    const int copies = random.chance(weather_.duplicate_permille) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      if (random.chance(weather_.loss_permille)) continue;
      const auto spread = static_cast<std::uint64_t>((weather_.delay_max - weather_.delay_min).count());
      const Duration delay = weather_.delay_min + Duration{static_cast<std::int64_t>(random.below(spread + 1))};
      flying.emplace(now + delay, Flying{from, to, Bytes(bytes.begin(), bytes.end())});
    }
  }

  void deliver() {
    while (!flying.empty() && flying.begin()->first <= now) {
      const Flying one = std::move(flying.begin()->second);
      flying.erase(flying.begin());
      if (one.to == server) {
        const Datagram datagram{one.from, one.bytes};
        endpoint.on_datagrams({&datagram, 1}, now);
      } else {
        for (const auto& client : clients)
          if (client->address == one.to) client->dialer->on_datagram(one.bytes, now);
      }
      collect();
    }
  }

  static Seen keep(const Effect& effect) {
    Seen seen{effect, {}};
    if (const auto* message = std::get_if<Message>(&effect))
      seen.bytes.assign(message->bytes.begin(), message->bytes.end());
    return seen;
  }

  SeededRandom random;
  Weather weather_;
  Instant now{seconds{1000}};
  Address server = test::address("192.0.2.1:7777");
  ServerId server_id{77};
  std::string cluster = "dev";
  Key32 static_key{};
  Timing timing = client_timing;
  Duration give_up_after = seconds{30};
  Endpoint endpoint;
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<Seen> server_seen;
  std::multimap<Instant, Flying> flying;
  std::function<void(const Flying&)> tap;  // sees all that is sent
  bool cut = false;                        // loses everything
};

/// `size` bytes that a swap, a loss or a cut would betray.
inline Bytes pattern(std::size_t size, std::uint64_t seed) {
  Bytes bytes(size);
  std::mt19937_64 engine(seed * 1000003 + size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(engine());
  return bytes;
}

}  // namespace orrery::wire::test
