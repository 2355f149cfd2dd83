// The server's half of the login handshake: from a valid Init to the first packet that opens. Bounded in number and
// time.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/deadline_heap.h"
#include "wire/cookie.h"
#include "wire/endpoint.h"
#include "wire/fair_share.h"
#include "wire/rate_limit.h"
#include "wire/receiver_table.h"

namespace orrery::wire {

class HalfOpenTable {
 public:
  struct Entry {
    Address from;
    Init init;
    std::array<std::uint8_t, reply_bytes> reply{};
    TrafficKeys keys;
    Hash64 handshake_hash{};
    std::uint32_t receiver = 0;  // 0: free
    std::uint64_t place = 0;     // upper half: its turn among all; lower half: its index
  };

  HalfOpenTable(const EndpointConfig& config, Random& random);
  ~HalfOpenTable();
  HalfOpenTable(const HalfOpenTable&) = delete;
  HalfOpenTable& operator=(const HalfOpenTable&) = delete;

  /// The static keys under which Inits are taken from now on; what is half open stays.
  void set_keys(std::span<const Key32> static_keys, const std::string& cluster);

  Cookie bake(const Address& from, Instant now) const { return cookies_.bake(from, now); }
  /// The Reply to an Init, the same again for the same Init; empty when it is dropped, and counted.
  ByteView on_init(const Init& init, const Address& from, Instant now, ReceiverTable& receivers, Random& random,
                   Statistics& statistics);
  const Entry& at(std::uint64_t index) const { return entries_[index]; }
  /// Frees an entry; its receiver id stays the caller's.
  void take(std::uint64_t index);
  /// Drops those that are older than they may be, with their receiver ids.
  void expire(Instant now, ReceiverTable& receivers);
  std::optional<Instant> next_deadline() const;

 private:
  struct StaticKey {
    KeyId id{};
    Key32 secret{};
    Key32 open{};  // the public half
  };
  const StaticKey* find_key(const KeyId& id) const;
  void forget_keys();

  EndpointConfig config_;
  std::vector<StaticKey> keys_;
  Bytes prologue_;
  CookieJar cookies_;
  RateLimit limit_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<Address, std::uint32_t> by_address_;  // one an address: a newer Init replaces
  DeadlineHeap ends_;                                      // by index
  FairShare shares_;
  std::uint64_t last_begun_ = 0;
};

}  // namespace orrery::wire
