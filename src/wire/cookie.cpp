#include "wire/cookie.h"

#include <sodium.h>

namespace orrery::wire {

static std::uint64_t to_ms(Instant now) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
}

static Mac16 mac_of(const Key32& secret, const Address& address, std::uint64_t time_ms) {
  std::array<std::uint8_t, 27> input;
  Writer writer(input);
  writer.put<std::uint8_t>(address.is_v4() ? 4 : 6);
  writer.put_bytes(address.ip);
  writer.put(address.port);
  writer.put(time_ms);
  Mac16 mac;
  crypto_generichash(mac.data(), mac.size(), input.data(), input.size(), secret.data(), secret.size());
  return mac;
}

CookieJar::CookieJar(Duration valid_for, Random& random) : valid_for_(valid_for) { random.fill(secret_); }

Cookie CookieJar::bake(const Address& address, Instant now) const {
  const std::uint64_t time_ms = to_ms(now);
  return {time_ms, mac_of(secret_, address, time_ms)};
}

bool CookieJar::accepts(const Cookie& cookie, const Address& address, Instant now) const {
  const std::uint64_t now_ms = to_ms(now);
  const auto valid_ms =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(valid_for_).count());
  if (cookie.time_ms > now_ms || now_ms - cookie.time_ms > valid_ms) return false;
  return equal_secret(mac_of(secret_, address, cookie.time_ms), cookie.mac);
}

}  // namespace orrery::wire
