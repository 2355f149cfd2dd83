// One channel's reliable, ordered messages, cut into pieces: the sending and the receiving half.
//
// Flow control is by position alone: pieces are sent and taken only within the channel's window of the first piece of
// the oldest unfinished message. The sender's idea of that place is never ahead of the receiver's, so an honest peer is
// never refused, and a receiver never holds more than its window. Both halves allocate exactly what they hold.
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
inline constexpr std::uint8_t window_pieces_max = 12;
/// Pieces of the longest message that a window lets pass.
constexpr std::size_t pieces_of(std::size_t bytes) {
  return bytes == 0 ? 1 : (bytes + piece_bytes_max - 1) / piece_bytes_max;
}
static_assert(pieces_of(message_bytes_max(Channel::control)) <= window_pieces_max);
static_assert(pieces_of(message_bytes_max(Channel::chat)) <= window_pieces[2]);
/// What a piece that waits to be sent costs beyond its bytes: its two allocations.
inline constexpr std::size_t piece_cost = 80;
/// What a piece held by a receiver costs beyond its bytes: its place and its allocation.
inline constexpr std::size_t held_cost = 48;
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
  /// Sequences begin at `first`: 0 on every wire.
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

  std::unique_ptr<Waiting> head_;
  Waiting* last_ = nullptr;
  std::uint32_t cost_ = 0;
  std::uint32_t first_;          // sequence of head_
  std::uint32_t message_first_;  // sequence at which its message begins
  std::uint8_t sent_ = 0;        // how many were sent at least once: at most the window
  std::uint8_t window_;
};

class ReliableReceiver {
 public:
  /// Sequences begin at `first`: 0 on every wire.
  explicit ReliableReceiver(std::uint8_t window, std::uint32_t first = 0) : message_first_(first), window_(window) {}

  /// Held for messages that are not whole yet, with held_cost for each piece.
  std::size_t held_bytes() const { return held_bytes_; }
  /// When what is held will have waited too long.
  std::optional<Instant> overdue_at() const {
    return held_.empty() ? std::nullopt : std::optional(since_ + unfinished_for);
  }

  enum class Taken : std::uint8_t {
    yes,       // new, or a duplicate: acknowledge
    refused,   // outside the window: do not acknowledge
    no_room,   // inside, but would have to be held: do not acknowledge
    violation  // no honest peer sends this
  };
  /// Takes one piece; `deliver(std::span<const ByteView>)` is called with the parts of every message that it completes,
  /// in order. `room`: how much held_bytes() may grow.
  template <class Deliver>
  Taken take(const Piece& piece, Instant now, std::size_t room, Deliver&& deliver) {
    if (const auto known = judge(piece)) return *known;
    const Piece* fresh = &piece;
    if (!is_whole(fresh)) return hold(piece, now, room);
    do {
      Parts parts;
      const std::size_t count = gather(fresh, parts);
      if (count == 0) return Taken::violation;
      deliver(std::span<const ByteView>(parts).first(count));
      finish(count, now);
      fresh = nullptr;
    } while (is_whole(fresh));
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
  bool is_whole(const Piece* fresh) const;
  std::size_t gather(const Piece* fresh, Parts& parts) const;
  void finish(std::size_t pieces, Instant now);
  Taken hold(const Piece& piece, Instant now, std::size_t room);
  const Held* find(std::uint32_t sequence) const;

  std::vector<Held> held_;  // in no order
  Instant since_{};         // when held_ last began, or lost a message that became whole
  std::uint32_t held_bytes_ = 0;
  std::uint32_t message_first_;  // sequence at which the oldest message that is not whole begins
  std::uint8_t window_;
};

}  // namespace orrery::wire
