// A wait as libevent wants it.
#pragma once

#include <sys/time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace orrery {

/// Whole microseconds, rounded down; what has passed is no wait.
inline timeval to_timeval(Duration d) {
  const auto us = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(d).count());
  return {static_cast<time_t>(us / 1'000'000), static_cast<suseconds_t>(us % 1'000'000)};
}

}  // namespace orrery
