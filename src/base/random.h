// Randomness as cores see it: handed in, so that a seed can replay them.
#pragma once

#include <cstdint>
#include <span>

namespace orrery {

/// Fills buffers with random bytes. Daemons pass the system's; tests pass a seeded one.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;

  template <class T>
  T next() {
    T value;
    fill({reinterpret_cast<std::uint8_t*>(&value), sizeof(value)});
    return value;
  }
};

/// getrandom(2). Ends the process if the kernel refuses, since nothing is safe without it.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

}  // namespace orrery
