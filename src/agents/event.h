// libevent's handles and times.
#pragma once

#include <event2/event.h>
#include <sys/time.h>

#include <chrono>
#include <memory>

#include "base/clock.h"

namespace orrery::agents {

struct EventFree {
  void operator()(event* e) const { event_free(e); }
};
using EventPtr = std::unique_ptr<event, EventFree>;

inline timeval to_timeval(Duration d) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(d).count();
  return {static_cast<time_t>(us / 1'000'000), static_cast<suseconds_t>(us % 1'000'000)};
}

}  // namespace orrery::agents
