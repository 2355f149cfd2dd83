#include "wire/acks.h"

#include <algorithm>

namespace orrery::wire {

using std::chrono::milliseconds;

void AckWriter::save(std::uint64_t largest, std::uint32_t bitmap, Instant now) {
  deadline_ = now;
  if (saved_count_ == saved_.size()) return;  // the peer sends those again
  saved_[saved_count_++] = {static_cast<std::uint32_t>(largest), bitmap};
}

void AckWriter::on_packet(std::uint64_t counter, bool asks, Instant now) {
  if (!any_) {
    any_ = true;
    largest_ = counter;
    largest_at_ = now;
  } else if (counter > largest_) {
    if (waiting_ > 0 && counter - oldest_waiting_ > 32) {
      save(largest_, bitmap_, now);
      waiting_ = 0;
    }
    const std::uint64_t shift = counter - largest_;
    bitmap_ = shift < 32 ? bitmap_ << shift : 0;
    if (shift <= 32) bitmap_ |= std::uint32_t{1} << (shift - 1);
    largest_ = counter;
    largest_at_ = now;
  } else if (largest_ - counter <= 32) {
    if (counter != largest_) bitmap_ |= std::uint32_t{1} << (largest_ - counter - 1);
  } else {
    if (asks) save(counter, 0, now);
    return;
  }
  if (!asks) return;
  oldest_waiting_ = waiting_ == 0 ? counter : std::min(oldest_waiting_, counter);
  ++waiting_;
  const Instant due = waiting_ >= waiting_max ? now : now + ack_delay_max;
  deadline_ = deadline_ ? std::min(*deadline_, due) : due;
}

Ack AckWriter::take(Instant now) {
  if (saved_count_ > 0) {
    const Saved saved = saved_[--saved_count_];
    return {saved.largest, saved.bitmap, delay_unknown_ms};  // the deadline stands: the current ack goes next
  }
  deadline_.reset();
  waiting_ = 0;
  const auto delay = std::chrono::duration_cast<milliseconds>(now - largest_at_).count();
  return {static_cast<std::uint32_t>(largest_), bitmap_,
          static_cast<std::uint16_t>(std::clamp<std::int64_t>(delay, 0, delay_unknown_ms))};
}

static std::uint32_t to_us(Instant now) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count());
}

void RoundTrip::on_sent(std::uint64_t counter, bool asks, Instant now) {
  const auto slot = counter % kept;
  sent_us_[slot] = to_us(now);
  const auto bit = std::uint32_t{1} << slot;
  asking_ = asks ? asking_ | bit : asking_ & ~bit;
  next_ = counter + 1;
}

void RoundTrip::on_ack(std::uint64_t largest, std::uint16_t delay_ms, Instant now) {
  if (delay_ms == delay_unknown_ms || largest >= next_ || next_ - largest > kept) return;
  const auto bit = std::uint32_t{1} << (largest % kept);
  if ((asking_ & bit) == 0) return;
  asking_ &= ~bit;
  const Duration whole = std::chrono::microseconds{to_us(now) - sent_us_[largest % kept]};
  const Duration sample = std::max(whole - milliseconds{delay_ms}, Duration{std::chrono::microseconds{1}});
  if (!measured_) {
    measured_ = true;
    smoothed_ = least_ = sample;
    variation_ = sample / 2;
    return;
  }
  const Duration error = sample > smoothed_ ? sample - smoothed_ : smoothed_ - sample;
  variation_ = (3 * variation_ + error) / 4;
  smoothed_ = (7 * smoothed_ + sample) / 8;
  least_ = std::min(least_, smoothed_);
}

std::optional<Duration> RoundTrip::smoothed() const { return measured_ ? std::optional(smoothed_) : std::nullopt; }
std::optional<Duration> RoundTrip::least() const { return measured_ ? std::optional(least_) : std::nullopt; }

Duration RoundTrip::timeout(unsigned resends) const {
  constexpr Duration least = milliseconds{50}, most = std::chrono::seconds{2}, unmeasured = milliseconds{200};
  constexpr Duration variation_least = milliseconds{5};  // what a loop's own jitter may add on an even path
  const Duration measured = smoothed_ + std::max<Duration>(4 * variation_, variation_least);
  Duration timeout = (measured_ ? std::max(measured, least) : unmeasured) + ack_delay_max;
  for (unsigned i = 0; i < resends && timeout < most; ++i) timeout *= 2;
  return std::min(timeout, most);
}

std::optional<std::uint64_t> full_counter(std::uint32_t low, std::uint64_t next_counter) {
  if (next_counter == 0) return std::nullopt;
  const std::uint64_t last = next_counter - 1;
  const std::uint32_t back = static_cast<std::uint32_t>(last) - low;
  if (back > last) return std::nullopt;
  return last - back;
}

}  // namespace orrery::wire
