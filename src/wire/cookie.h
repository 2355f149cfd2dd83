// Cookies: proof, without state, that whoever sends from an address also receives there.
#pragma once

#include "base/address.h"
#include "base/clock.h"
#include "base/random.h"
#include "wire/packet.h"

namespace orrery::wire {

class CookieJar {
 public:
  CookieJar(Duration valid_for, Random& random);
  ~CookieJar() { wipe(secret_); }
  CookieJar(const CookieJar&) = delete;
  CookieJar& operator=(const CookieJar&) = delete;
  Cookie bake(const Address& address, Instant now) const;
  /// Baked here for this address, not longer ago than cookies last.
  bool accepts(const Cookie& cookie, const Address& address, Instant now) const;

 private:
  Duration valid_for_;
  Key32 secret_;
};

}  // namespace orrery::wire
