// Time as cores see it: an Instant handed in by whoever drives them.
#pragma once

#include <chrono>
#include <cstdint>

namespace orrery {

using Duration = std::chrono::nanoseconds;

/// A moment on a clock that never jumps (CLOCK_BOOTTIME in daemons, virtual in tests).
struct BootClock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Duration;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  /// Reads CLOCK_BOOTTIME. Only loops call this; cores are given the result.
  static time_point now();
};
using Instant = BootClock::time_point;

}  // namespace orrery
