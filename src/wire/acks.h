// Acknowledgements: what this side tells of the packets it opened, and the round trips it measures from what it is
// told.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/clock.h"

namespace orrery::wire {

/// An ack as it travels: a packet's counter (low bits), the 32 before it (bit 0: the one before), and how long it
/// waited.
struct Ack {
  std::uint32_t largest = 0;
  std::uint32_t bitmap = 0;
  std::uint16_t delay_ms = 0;
};
inline constexpr std::size_t ack_bytes = 10;
/// Delay of an ack that no round trip can be measured from.
inline constexpr std::uint16_t delay_unknown_ms = 0xffff;
/// How long packets that ask for an ack may wait for one.
inline constexpr Duration ack_delay_max = std::chrono::milliseconds{25};

/// Remembers what was opened, so as to acknowledge it.
class AckWriter {
 public:
  /// A packet was opened and all it carried was taken. `asks`: it carried more than acks.
  void on_packet(std::uint64_t counter, bool asks, Instant now);
  /// Whether there is anything to tell at all.
  bool any() const { return any_; }
  /// When an ack must leave, if packets wait for one.
  std::optional<Instant> deadline() const { return deadline_; }
  /// The ack to put into the packet that leaves now. Only when any().
  Ack take(Instant now);

 private:
  void save(std::uint64_t largest, std::uint32_t bitmap, Instant now);

  static constexpr std::uint32_t waiting_max = 16;  // then an ack leaves at once, before the bitmap loses any
  struct Saved {
    std::uint32_t largest = 0;
    std::uint32_t bitmap = 0;
  };
  std::uint64_t largest_ = 0;
  std::uint64_t oldest_waiting_ = 0;
  Instant largest_at_{};
  std::optional<Instant> deadline_;
  std::uint32_t bitmap_ = 0;
  std::uint32_t waiting_ = 0;
  // Acks of packets that the current bitmap does not reach: room for a burst of every channel's whole window.
  std::array<Saved, 8> saved_{};
  std::uint8_t saved_count_ = 0;
  bool any_ = false;
};

/// Send times of the last packets, and the smoothed round trip (RFC 6298).
class RoundTrip {
 public:
  void on_sent(std::uint64_t counter, bool asks, Instant now);
  /// `largest`: the full counter that an ack names.
  void on_ack(std::uint64_t largest, std::uint16_t delay_ms, Instant now);
  std::optional<Duration> smoothed() const;
  /// The least that smoothed() has been since the start, or since the path changed.
  std::optional<Duration> least() const;
  /// The peer is elsewhere: what was measured, or is under way, says nothing any more.
  void on_path_changed() {
    measured_ = false;
    asking_ = 0;
  }
  /// After how long without an ack a piece is sent again for the `resends`-th time.
  Duration timeout(unsigned resends) const;

 private:
  static constexpr std::uint64_t kept = 32;
  std::array<std::uint32_t, kept> sent_us_{};
  std::uint32_t asking_ = 0;  // bit i: packet i modulo `kept` asked for an ack and has had none
  std::uint64_t next_ = 0;    // one more than the last counter sent
  Duration smoothed_{};
  Duration variation_{};
  Duration least_{};
  bool measured_ = false;
};

/// The full counter of an ack's low bits: the highest that was sent and ends so; nothing when none was.
std::optional<std::uint64_t> full_counter(std::uint32_t low, std::uint64_t next_counter);

}  // namespace orrery::wire
