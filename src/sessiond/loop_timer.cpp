#include "sessiond/loop_timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace orrery::sessiond {

Result<LoopTimer> LoopTimer::make() {
  Descriptor fd(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC));
  if (fd.get() < 0) return Error{std::string("timerfd_create: ") + std::strerror(errno)};
  return LoopTimer(std::move(fd));
}

void LoopTimer::ring_at(Instant at) {
  if (set_ && *set_ <= at) return;
  set_ = at;
  // 0 would unset it; a moment that has passed rings at once.
  const std::int64_t ns = std::max<std::int64_t>(at.time_since_epoch().count(), 1);
  const itimerspec when{{}, {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)}};
  ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void LoopTimer::rung() {
  std::uint64_t times = 0;
  (void)!::read(fd_.get(), &times, sizeof(times));
  set_.reset();
}

}  // namespace orrery::sessiond
