// Which of the last 1,024 packet counters have been opened.
#pragma once

#include <array>
#include <cstdint>

namespace orrery::wire {

class ReplayWindow {
 public:
  static constexpr std::uint64_t size = 1024;

  /// Neither taken before nor too old to know.
  bool is_fresh(std::uint64_t counter) const;
  /// Larger than every counter taken.
  bool is_highest(std::uint64_t counter) const { return counter >= next_; }
  /// Takes a fresh counter. Only for packets that opened.
  void take(std::uint64_t counter);

 private:
  static constexpr std::size_t words = size / 64;
  std::uint64_t next_ = 0;  // one more than the highest taken
  std::array<std::uint64_t, words> bits_{};
};

}  // namespace orrery::wire
