// What server and load of the echo bench agree on (bench/echo.py).
#pragma once

#include <sodium.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/random.h"

namespace orrery::bench {

/// With header, ack, frame and tag a datagram of 97 bytes.
inline constexpr std::size_t message_bytes = 53;
inline constexpr std::size_t datagram_bytes = 97;
inline constexpr ServerId server_id{7};
inline constexpr Epoch session_epoch{(1ull << 32) + 2};

/// K of the `i`-th session.
inline Key32 key_of(std::uint64_t i) {
  Key32 key{};
  crypto_generichash(key.data(), key.size(), reinterpret_cast<const std::uint8_t*>(&i), sizeof(i), nullptr, 0);
  return key;
}

inline std::size_t number(const char* text) {
  std::size_t value = 0;
  const std::string_view digits(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) {
    std::fprintf(stderr, "'%s' is no number\n", text);
    std::exit(2);
  }
  return value;
}

}  // namespace orrery::bench
