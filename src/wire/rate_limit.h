// A quota a second for each network, in memory of fixed size: networks whose keyed hashes collide share one quota.
#pragma once

#include <array>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/random.h"

namespace orrery::wire {

class RateLimit {
 public:
  RateLimit(std::uint32_t per_second, Random& random);
  /// Charges one to the address's /32 (IPv4) or /64 (IPv6); false when its quota is used up.
  bool charge(const Address& address, Instant now);

 private:
  static constexpr std::size_t bucket_count = 4096;
  struct Bucket {
    Instant at{};
    float used = 0;
  };
  float per_second_;
  std::array<std::uint8_t, 16> hash_key_;
  std::vector<Bucket> buckets_;
};

}  // namespace orrery::wire
