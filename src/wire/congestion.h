// How much one side of a connection may send: a token bucket, whose rate falls while the path loses packets or fills
// up.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace orrery::wire {

/// What may leave at once after a pause: the longest message and a few snapshots.
inline constexpr std::size_t burst_bytes = 16 * 1024;
/// Each level halves the rate. The last is the floor, so that a path which merely loses packets is not starved.
inline constexpr std::uint8_t level_max = 2;

class Congestion {
 public:
  Congestion(std::uint32_t rate_bytes_s, Instant now);

  /// Something may leave; it may overdraw the bucket by itself.
  bool may_send(Instant now) const { return may_send_at_ <= now; }
  Instant may_send_at() const { return may_send_at_; }
  void spend(std::size_t bytes, Instant now);
  std::size_t bytes_free(Instant now) const;

  /// Packet `counter` left; counters come in order. `asks`: for an ack.
  void on_sent(std::uint64_t counter, bool asks);
  struct Decided {
    std::uint32_t acked = 0;
    std::uint32_t lost = 0;
  };
  /// Packets `largest`, which was sent, and by `bitmap` the 32 before it arrived. `rtt`, `rtt_least`: smoothed, as of
  /// now.
  Decided on_ack(std::uint64_t largest, std::uint32_t bitmap, std::optional<Duration> rtt,
                 std::optional<Duration> rtt_least, Instant now);

  std::uint8_t level() const { return level_; }
  /// Of the last period that was judged.
  std::uint32_t loss_permille() const { return loss_permille_; }

 private:
  /// Packets between the newest sent and the oldest not decided; of those further back nothing is known.
  static constexpr std::uint64_t undecided_max = 256;

  Duration time_of(std::size_t bytes) const;
  void set_level(std::uint8_t level, Instant now);
  void judge(std::optional<Duration> rtt, std::optional<Duration> rtt_least, Instant now);

  // The bucket as the moment since when it has been filling from empty: in the future when it is overdrawn.
  Instant may_send_at_;
  std::uint64_t ns_per_byte_;  // at level 0, times 2^16
  // Loss: which packets asked, by counter modulo undecided_max, and which of the newest acknowledged arrived.
  std::array<std::uint64_t, undecided_max / 64> asked_{};
  std::uint64_t undecided_ = 0;   // the first counter not decided
  std::uint64_t acked_next_ = 0;  // one more than the largest acknowledged; 0: none
  std::uint64_t acked_ = 0;       // bit i: the i-th before the largest acknowledged arrived
  Instant period_at_;             // when the period under measurement began
  Instant good_at_;               // since when the path has been good
  Decided period_;
  std::uint32_t loss_permille_ = 0;
  std::uint8_t level_ = 0;
};

}  // namespace orrery::wire
