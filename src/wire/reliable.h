// One channel's reliable, ordered messages, cut into pieces: the sending and the receiving half.
//
// Flow control is by what pieces cost from the first of the oldest unfinished message on: the sender counts all that it
// has sent from there, the receiver what it holds. The sender's idea of that place is never ahead of the receiver's, so
// an honest peer is never refused, and a receiver never holds more than its window. Both halves allocate exactly what
// they hold.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "wire/acks.h"
#include "wire/types.h"

namespace orrery::wire {

/// What fits a packet beside flags, an ack and the piece's own header.
inline constexpr std::size_t piece_bytes_max = 1151;
constexpr std::size_t pieces_of(std::size_t bytes) {
  return bytes == 0 ? 1 : (bytes + piece_bytes_max - 1) / piece_bytes_max;
}
/// What a piece that waits to be sent costs beyond its bytes: its two allocations.
inline constexpr std::size_t piece_cost = 80;
/// What a piece costs a window beyond its bytes: its place at the receiver and its allocation there.
inline constexpr std::size_t held_cost = 48;
/// However little they cost: what a receiver looks through for each that comes.
inline constexpr std::uint32_t window_pieces_max = 32;
/// What a window of so many full pieces lets pass.
constexpr std::size_t window_bytes_of(std::uint8_t full_pieces) { return full_pieces * (piece_bytes_max + held_cost); }
/// Whether the longest message fits its window whole: what is begun can always be ended.
constexpr bool is_wide_enough(std::uint8_t full_pieces) {
  const std::size_t bytes = message_bytes_max_of(full_pieces), pieces = pieces_of(bytes);
  return pieces <= window_pieces_max && bytes + pieces * held_cost <= window_bytes_of(full_pieces);
}
static_assert(is_wide_enough(window_full_pieces[0]) && is_wide_enough(window_full_pieces[1]) &&
              is_wide_enough(window_full_pieces[2]) && is_wide_enough(login_window_full_pieces));
/// A message must be whole so long after its first piece came, or after the message before it was whole: twice what the
/// longest takes on a path at the lowest level that loses half.
inline constexpr Duration unfinished_for = std::chrono::seconds{30};

struct Piece {
  std::uint32_t sequence = 0;
  bool more = false;
  ByteView bytes;
  std::uint32_t order = 0;  // when it was queued; not on the wire
};

class ReliableSender {
 public:
  /// `window`: in full pieces. Sequences begin at `first`: 0 on every wire.
  explicit ReliableSender(std::uint8_t window, std::uint32_t first = 0);
  ~ReliableSender() { clear(); }
  ReliableSender(ReliableSender&& other) noexcept;
  ReliableSender& operator=(ReliableSender&& other) noexcept;

  std::size_t message_bytes_max() const { return message_bytes_max_of(window_); }
  /// What a message adds to cost().
  static std::size_t cost_of(std::size_t bytes) { return bytes + pieces_of(bytes) * piece_cost; }
  /// Takes a message of at most message_bytes_max(). How much may wait is the caller's to bound. `order`: of its pieces
  /// among those of other channels.
  void queue(ByteView message, std::uint32_t order = 0);
  /// Of all that waits and is not acknowledged; never less than what it occupies.
  std::size_t cost() const { return cost_; }
  bool empty() const { return head_ == nullptr; }
  /// The next piece to put into a packet now: one timed out, else one not sent yet that the window admits.
  std::optional<Piece> due(const RoundTrip& round_trip, Instant now) const;
  /// The piece that due() gave leaves in packet `counter`. True when it had been sent before.
  bool sent(std::uint32_t sequence, std::uint64_t counter, Instant now);
  /// Packets `largest` and, by `bitmap`, the 32 before it arrived.
  void on_ack(std::uint64_t largest, std::uint32_t bitmap);
  /// When due() has something next: Instant::min() for at once; nothing when it waits for an ack.
  std::optional<Instant> due_at(const RoundTrip& round_trip) const;
  /// Makes every piece that the window admits due once more, at once.
  void flush();
  void clear();

 private:
  enum class State : std::uint8_t { unsent, in_flight, acked };
  struct Waiting {
    std::unique_ptr<Waiting> next;
    std::unique_ptr<std::uint8_t[]> bytes;
    Instant sent_at{};
    std::uint32_t counter = 0;  // low bits: the packet that it last left in
    std::uint32_t order = 0;
    std::uint16_t size = 0;
    State state = State::unsent;
    std::uint8_t resends = 0;
    bool more = false;
  };
  // 8 bytes of the allocator's for each, rounded up to 16, and at least 32.
  static_assert((sizeof(Waiting) + 8 + 15) / 16 * 16 + 31 <= piece_cost);

  bool admits(const Waiting& unsent) const;

  std::unique_ptr<Waiting> head_;
  Waiting* last_ = nullptr;
  std::uint32_t cost_ = 0;
  std::uint32_t first_;             // sequence of head_
  std::uint32_t message_first_;     // sequence at which its message begins
  std::uint32_t window_cost_ = 0;   // of what was sent from message_first_ on
  std::uint32_t message_cost_ = 0;  // the part of it that lies before first_: acknowledged, and held by the receiver
  std::uint8_t sent_ = 0;           // how many were sent at least once
  std::uint8_t window_;             // in full pieces
};

class ReliableReceiver {
 public:
  /// `window`: in full pieces. Sequences begin at `first`: 0 on every wire.
  explicit ReliableReceiver(std::uint8_t window, std::uint32_t first = 0) : message_first_(first), window_(window) {}

  /// Held for messages that are not whole yet, with held_cost for each piece.
  std::size_t held_bytes() const { return held_bytes_; }
  /// When what is held will have waited too long.
  std::optional<Instant> overdue_at() const {
    return held_.empty() ? std::nullopt : std::optional(since_ + unfinished_for);
  }

  enum class Taken : std::uint8_t {
    yes,       // new, or a duplicate: acknowledge
    refused,   // beyond the window: do not acknowledge
    no_room,   // within, but would have to be held: do not acknowledge
    violation  // no honest peer sends this
  };
  /// Takes one piece; `deliver(std::span<const ByteView>)` is called with the parts of every message that it completes,
  /// in order. `room`: how much held_bytes() may grow.
  template <class Deliver>
  Taken take(const Piece& piece, Instant now, std::size_t room, Deliver&& deliver) {
    if (const auto known = judge(piece)) return *known;
    Parts parts;
    auto message = gather(&piece, parts);
    if (message.empty()) return hold(piece, now, room);
    do {
      if (is_too_long(message)) return Taken::violation;
      deliver(message);
      finish(message.size(), now);
      message = gather(nullptr, parts);
    } while (!message.empty());
    return Taken::yes;
  }
  /// Forgets what it holds.
  void clear();

 private:
  struct Held {
    std::uint32_t sequence;
    std::uint16_t size;
    bool more;
    std::unique_ptr<std::uint8_t[]> bytes;
  };
  // 8 bytes of the allocator's, rounded up to 16, and at least 32 for one.
  static_assert(sizeof(Held) + 31 <= held_cost);
  using Parts = std::array<ByteView, window_pieces_max>;

  std::optional<Taken> judge(const Piece& piece) const;
  std::span<const ByteView> gather(const Piece* fresh, Parts& parts) const;
  bool is_too_long(std::span<const ByteView> message) const;
  void finish(std::size_t pieces, Instant now);
  Taken hold(const Piece& piece, Instant now, std::size_t room);
  std::size_t held_before(std::uint32_t sequence) const;

  std::vector<Held> held_;  // in the order of their sequences
  Instant since_{};         // when held_ last began, or lost a message that became whole
  std::uint32_t held_bytes_ = 0;
  std::uint32_t message_first_;  // sequence at which the oldest message that is not whole begins
  std::uint8_t window_;          // in full pieces
};

}  // namespace orrery::wire
