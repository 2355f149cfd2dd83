#include "sessiond/shutdown_notice.h"

#include <algorithm>
#include <array>

namespace orrery::sessiond {
namespace {

/// Seconds before the end at which players are told, largest first.
constexpr std::array<std::uint32_t, 15> marks_s{600, 300, 120, 60, 30, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
/// News of the same shutdown that move its end by less are jitter.
constexpr Duration jitter = std::chrono::seconds{1};

std::uint32_t seconds_left(Instant end, Instant now) {
  if (end <= now) return 0;
  const auto left = std::chrono::ceil<std::chrono::seconds>(end - now).count();
  return static_cast<std::uint32_t>(std::min<std::int64_t>(left, UINT32_MAX));
}

std::string in_words(std::uint32_t seconds) {
  if (seconds >= 120 && seconds % 60 == 0) return std::to_string(seconds / 60) + " minutes";
  return std::to_string(seconds) + (seconds == 1 ? " second" : " seconds");
}

}  // namespace

std::optional<ShutdownNotice> ShutdownCountdown::on_news(const ClusterNews& news, Instant now) {
  if (news.state == "shutting_down" && news.stops_in_ms && news.notice_id != 0) {
    // Bounded so that no time overflows: a shutdown further off than a year is a year off.
    const auto left_ms = std::clamp<std::int64_t>(*news.stops_in_ms, 0, 366LL * 24 * 3600 * 1000);
    const Instant stops_at = now + std::chrono::milliseconds{left_ms};
    const bool known = news.notice_id == notice_id_;
    if (known && stops_at - stops_at_ < jitter && stops_at_ - stops_at < jitter) return std::nullopt;
    cluster_ = news.name;
    notice_id_ = news.notice_id;
    stops_at_ = stops_at;
    aim(now);
    if (known) return std::nullopt;
    return current(now);
  }
  if (news.state == "running" && notice_id_ != 0) {
    ShutdownNotice notice{ShutdownNotice::Kind::cancelled, notice_id_, 0,
                          "The shutdown of " + cluster_ + " is cancelled."};
    notice_id_ = 0;
    next_mark_s_ = 0;
    return notice;
  }
  return std::nullopt;
}

void ShutdownCountdown::aim(Instant now) {
  next_mark_s_ = 0;
  for (const auto mark : marks_s) {
    if (stops_at_ - std::chrono::seconds{mark} > now) {
      next_mark_s_ = mark;
      return;
    }
  }
}

std::optional<ShutdownNotice> ShutdownCountdown::poll(Instant now) {
  std::optional<std::uint32_t> reached;
  while (next_mark_s_ != 0 && stops_at_ - std::chrono::seconds{next_mark_s_} <= now) {
    reached = next_mark_s_;
    const auto* mark = std::find(marks_s.begin(), marks_s.end(), next_mark_s_);
    next_mark_s_ = mark + 1 == marks_s.end() ? 0 : *(mark + 1);
  }
  if (!reached) return std::nullopt;
  return ShutdownNotice{ShutdownNotice::Kind::countdown, notice_id_, *reached,
                        cluster_ + " shuts down in " + in_words(*reached) + "."};
}

std::optional<Instant> ShutdownCountdown::next_deadline() const {
  if (next_mark_s_ == 0) return std::nullopt;
  return stops_at_ - std::chrono::seconds{next_mark_s_};
}

std::optional<ShutdownNotice> ShutdownCountdown::current(Instant now) const {
  if (notice_id_ == 0) return std::nullopt;
  const auto left = seconds_left(stops_at_, now);
  return ShutdownNotice{ShutdownNotice::Kind::warning, notice_id_, left,
                        cluster_ + " shuts down in " + in_words(left) + "."};
}

}  // namespace orrery::sessiond
