#include "wire/congestion.h"

#include <algorithm>

namespace orrery::wire {

namespace {

constexpr Duration period = std::chrono::seconds{1};
constexpr std::uint32_t decided_min = 10;    // fewer say nothing of a path
constexpr std::uint64_t reordered_max = 32;  // what an ack's bitmap reaches: one that is further back is lost
constexpr std::uint32_t loss_bad_permille = 100;
constexpr std::uint32_t loss_good_permille = 30;
constexpr Duration good_for = std::chrono::seconds{3};
/// Beyond twice the least: what a loop's and a radio's jitter may add without a queue's filling up.
constexpr Duration rtt_slack = std::chrono::milliseconds{100};
constexpr unsigned fraction_bits = 16;

}  // namespace

Congestion::Congestion(std::uint32_t rate_bytes_s, Instant now)
    : ns_per_byte_((std::uint64_t{1'000'000'000} << fraction_bits) / std::max<std::uint32_t>(rate_bytes_s, 1)),
      period_at_(now),
      good_at_(now) {
  may_send_at_ = now - time_of(burst_bytes);
}

/// How long the bucket takes to fill by so much.
Duration Congestion::time_of(std::size_t bytes) const {
  return Duration{static_cast<std::int64_t>((bytes * (ns_per_byte_ << level_)) >> fraction_bits)};
}

void Congestion::spend(std::size_t bytes, Instant now) {
  may_send_at_ = std::max(may_send_at_, now - time_of(burst_bytes)) + time_of(bytes);
}

std::size_t Congestion::bytes_free(Instant now) const {
  if (may_send_at_ > now) return 0;
  const Duration filling = now - may_send_at_;
  if (filling >= time_of(burst_bytes)) return burst_bytes;
  return static_cast<std::size_t>((static_cast<std::uint64_t>(filling.count()) << fraction_bits) /
                                  (ns_per_byte_ << level_));
}

/// What is in the bucket, or owed, stays the same number of bytes.
void Congestion::set_level(std::uint8_t level, Instant now) {
  Duration filling = std::min(now - may_send_at_, time_of(burst_bytes));
  for (; level_ < level; ++level_) filling *= 2;
  for (; level_ > level; --level_) filling /= 2;
  may_send_at_ = now - filling;
}

void Congestion::on_sent(std::uint64_t counter, bool asks) {
  if (counter - undecided_ >= undecided_max) undecided_ = counter - undecided_max + 1;
  const std::uint64_t bit = std::uint64_t{1} << counter % 64;
  std::uint64_t& word = asked_[counter % undecided_max / 64];
  word = asks ? word | bit : word & ~bit;
}

Congestion::Decided Congestion::on_ack(std::uint64_t largest, std::uint32_t bitmap, std::optional<Duration> rtt,
                                       std::optional<Duration> rtt_least, Instant now) {
  Decided decided;
  const std::uint64_t arrived = std::uint64_t{bitmap} << 1 | 1;
  if (largest >= acked_next_) {
    for (; undecided_ + reordered_max < largest; ++undecided_) {
      if ((asked_[undecided_ % undecided_max / 64] >> undecided_ % 64 & 1) == 0) continue;
      const bool acked = undecided_ < acked_next_ && acked_next_ - 1 - undecided_ < 64 &&
                         (acked_ >> (acked_next_ - 1 - undecided_) & 1) != 0;
      ++(acked ? decided.acked : decided.lost);
    }
    const std::uint64_t shift = largest + 1 - acked_next_;
    acked_ = (shift < 64 ? acked_ << shift : 0) | arrived;
    acked_next_ = largest + 1;
  } else if (const std::uint64_t back = acked_next_ - 1 - largest; back < 64) {
    acked_ |= arrived << back;
  }
  period_.acked += decided.acked;
  period_.lost += decided.lost;
  judge(rtt, rtt_least, now);
  return decided;
}

void Congestion::judge(std::optional<Duration> rtt, std::optional<Duration> rtt_least, Instant now) {
  const std::uint32_t count = period_.acked + period_.lost;
  if (now - period_at_ < period || count < decided_min) return;
  loss_permille_ = static_cast<std::uint32_t>(std::uint64_t{period_.lost} * 1000 / count);
  const bool slow = rtt && rtt_least && *rtt > 2 * *rtt_least + rtt_slack;
  if (slow || loss_permille_ >= loss_good_permille) {
    good_at_ = now;
    if ((slow || loss_permille_ > loss_bad_permille) && level_ < level_max) set_level(level_ + 1, now);
  } else if (now - good_at_ >= good_for && level_ > 0) {
    good_at_ = now;
    set_level(level_ - 1, now);
  }
  period_at_ = now;
  period_ = {};
}

}  // namespace orrery::wire
