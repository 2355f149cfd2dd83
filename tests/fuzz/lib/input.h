// What every fuzz target begins with: the input read as a program, randomness that the input decides, and invariants.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/address.h"
#include "base/bytes.h"
#include "base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace orrery::fuzz {

/// Ends the process, so that libFuzzer keeps the input.
[[noreturn]] void fail(const char* what);
inline void check(bool holds, const char* what) {
  if (!holds) fail(what);
}

/// The input as numbers and byte strings, from its front. When it is used up it reads as zeros.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
  bool empty() const { return rest_.empty(); }
  ByteView rest() const { return rest_; }

  std::uint8_t byte() { return number<std::uint8_t>(); }
  template <class T>
  T number() {
    Reader reader(bytes(sizeof(T)));
    return reader.remaining() < sizeof(T) ? T{} : reader.take<T>();
  }
  /// At most `size` bytes; fewer when no more are there.
  ByteView bytes(std::size_t size) {
    const ByteView taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  /// A byte string whose length the input says, at most `size_max`.
  ByteView string(std::size_t size_max) { return bytes(number<std::uint16_t>() % (size_max + 1)); }

 private:
  ByteView rest_;
};

/// The same numbers each time (splitmix64).
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::uint64_t state_;
};

inline Key32 key_of(std::uint8_t fill) {
  Key32 key;
  key.fill(fill);
  return key;
}

inline Address address_of(const char* text) { return *Address::parse(text); }

/// `packet` as the input bends it: some bytes changed, then cut or made longer.
Bytes bent(Input& input, ByteView packet);

}  // namespace orrery::fuzz
