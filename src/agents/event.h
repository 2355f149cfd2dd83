// libevent's handles and times.
#pragma once

#include <event2/event.h>

#include <memory>

#include "base/timeval.h"

namespace orrery::agents {

struct EventFree {
  void operator()(event* e) const { event_free(e); }
};
using EventPtr = std::unique_ptr<event, EventFree>;

}  // namespace orrery::agents
