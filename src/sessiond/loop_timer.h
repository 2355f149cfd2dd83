// The one timer of a session server's loop: a descriptor that becomes readable at a moment. libevent's own precise
// timers set a timerfd anew at each turn of the loop, which cost an eighth of an echoed datagram; this one is set only
// when it must ring earlier than it would.
#pragma once

#include <optional>

#include "base/clock.h"
#include "sessiond/udp_socket.h"

namespace orrery::sessiond {

class LoopTimer {
 public:
  /// Error: there is no descriptor left.
  static Result<LoopTimer> make();
  int fd() const { return fd_.get(); }
  /// Rings at `at` or, when it was set to ring before, then: ringing early does no harm.
  void ring_at(Instant at);
  /// To be called when fd() is readable.
  void rung();

 private:
  explicit LoopTimer(Descriptor fd) : fd_(std::move(fd)) {}
  Descriptor fd_;
  std::optional<Instant> set_;
};

}  // namespace orrery::sessiond
