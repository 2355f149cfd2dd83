// Chances and seconds, as bots reckon with them.
#pragma once

#include "base/clock.h"
#include "base/random.h"

namespace orrery::bots {

/// 0 to 1.
inline double chance(Random& random) { return static_cast<double>(random.next<std::uint32_t>()) / 0x1p32; }

inline Duration of_seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace orrery::bots
