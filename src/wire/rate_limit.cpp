#include "wire/rate_limit.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

namespace orrery::wire {

static_assert(crypto_shorthash_KEYBYTES == 16);

RateLimit::RateLimit(std::uint32_t per_second, Random& random)
    : per_second_(static_cast<float>(per_second)), buckets_(bucket_count) {
  random.fill(hash_key_);
}

bool RateLimit::charge(const Address& address, Instant now) {
  std::uint64_t hash = 0;
  std::array<std::uint8_t, crypto_shorthash_BYTES> digest;
  crypto_shorthash(digest.data(), address.ip.data(), address.is_v4() ? 16 : 8, hash_key_.data());
  std::memcpy(&hash, digest.data(), sizeof(hash));
  Bucket& bucket = buckets_[hash % bucket_count];
  const float passed_s = std::chrono::duration<float>(now - bucket.at).count();
  bucket.used = std::max(0.0f, bucket.used - passed_s * per_second_);
  bucket.at = now;
  if (bucket.used + 1 > per_second_) return false;
  bucket.used += 1;
  return true;
}

}  // namespace orrery::wire
