// What server and load of the zone bench agree on (bench/zone.py).
#pragma once

#include "base/clock.h"

namespace orrery::bench {

inline constexpr int hz = 20;
inline constexpr Duration slice = std::chrono::milliseconds{5};
inline constexpr std::size_t slices = 10;
/// Kind, count and three inputs.
inline constexpr std::size_t input_bytes = 2 + 3 * 7;
/// With header, ack, frame and tag.
inline constexpr std::size_t input_datagram_bytes = input_bytes + 44;

}  // namespace orrery::bench
