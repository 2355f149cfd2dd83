// How long things took, counted in a bounded space however many they are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace orrery::bots {

/// Buckets that grow with what they hold: a value is known to 1 µs up to 64 µs, and to a 32nd of itself beyond. What is
/// negative counts as 0, what is beyond 12 days as that.
class Histogram {
 public:
  void add(Duration value);
  std::uint64_t count() const { return count_; }
  /// What `part` (0 to 1) of them are not above, in ms; 0 of none.
  double quantile_ms(double part) const;
  double max_ms() const;

 private:
  static constexpr int bits_kept = 6;
  static constexpr int bits_max = 40;
  static constexpr std::size_t buckets = (bits_max - bits_kept + 2) << (bits_kept - 1);
  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_us_ = 0;
};

}  // namespace orrery::bots
