// One channel's reliable, ordered messages, cut into pieces: the sending and the receiving half.
//
// Flow control is by position alone: pieces are sent and taken only within `window` of the first piece of the oldest
// unfinished message. The sender's idea of that place is never ahead of the receiver's, so an honest peer is never
// refused, and a receiver never holds more than `window` pieces.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "wire/acks.h"
#include "wire/ring.h"
#include "wire/types.h"

namespace orrery::wire {

/// What fits a packet beside flags, an ack and the piece's own header.
inline constexpr std::size_t piece_bytes_max = 1151;
/// Pieces of the longest message.
inline constexpr std::uint32_t window = 57;
static_assert(window * piece_bytes_max >= message_bytes_max);
/// Reliable bytes that may wait in one channel, each piece counting piece_cost more, so that tiny ones are bounded too.
inline constexpr std::size_t queued_bytes_max = 256 * 1024;
inline constexpr std::size_t piece_cost = 64;

struct Piece {
  std::uint32_t sequence = 0;
  bool more = false;
  ByteView bytes;
};

class ReliableSender {
 public:
  Status queue(ByteView message);
  bool empty() const { return pieces_.empty(); }
  /// The next piece to put into a packet now: one timed out, else one not sent yet that the window admits.
  std::optional<Piece> due(const RoundTrip& round_trip, Instant now) const;
  /// The piece that due() gave leaves in packet `counter`. True when it had been sent before.
  bool sent(std::uint32_t sequence, std::uint64_t counter, Instant now);
  /// Packets `largest` and, by `bitmap`, the 32 before it arrived.
  void on_ack(std::uint64_t largest, std::uint32_t bitmap);
  /// When the first piece in flight times out.
  std::optional<Instant> resend_at(const RoundTrip& round_trip) const;
  /// Makes every piece that the window admits due once more, at once.
  void flush();

 private:
  enum class State : std::uint8_t { unsent, in_flight, acked };
  struct Waiting {
    Bytes bytes;
    Instant sent_at{};
    std::uint64_t counter = 0;
    State state = State::unsent;
    std::uint8_t resends = 0;
    bool more = false;
  };
  std::uint32_t admitted() const;
  Piece piece_at(std::size_t i) const;

  Ring<Waiting> pieces_;
  std::size_t cost_ = 0;
  std::uint32_t first_ = 0;          // sequence of pieces_[0]
  std::uint32_t message_first_ = 0;  // sequence at which its message begins
  std::uint32_t sent_ = 0;           // how many of pieces_ were sent at least once
};

class ReliableReceiver {
 public:
  /// Held for messages that are not whole yet.
  std::size_t held_bytes() const;

  enum class Taken {
    yes,       // new, or a duplicate: acknowledge
    refused,   // outside the window: do not acknowledge
    violation  // no honest peer sends this
  };
  /// Takes one piece; `deliver(ByteView)` is called for every message that it completes, in order.
  template <class Deliver>
  Taken take(const Piece& piece, Deliver&& deliver) {
    const Taken taken = place(piece);
    if (taken != Taken::yes) return taken;
    Piece next = piece;
    if (piece.sequence != next_) return taken;  // a duplicate, or set aside until the gap closes
    for (Bytes held;;) {
      if (!append(next, deliver)) return Taken::violation;
      if (!take_aside(next, held)) return taken;
    }
  }

 private:
  struct Aside {
    std::uint32_t sequence;
    bool more;
    Bytes bytes;
  };
  Taken place(const Piece& piece);
  bool take_aside(Piece& piece, Bytes& held);

  template <class Deliver>
  bool append(const Piece& piece, Deliver&& deliver) {
    ++next_;
    if (!piece.more) {
      message_first_ = next_;
      if (partial_.empty()) {
        deliver(piece.bytes);
        return true;
      }
    }
    if (partial_.size() + piece.bytes.size() > message_bytes_max) return false;
    partial_.insert(partial_.end(), piece.bytes.begin(), piece.bytes.end());
    if (!piece.more) {
      deliver(ByteView(partial_));
      partial_ = {};
    }
    return true;
  }

  std::uint32_t next_ = 0;
  std::uint32_t message_first_ = 0;
  Bytes partial_;
  std::vector<Aside> aside_;
};

}  // namespace orrery::wire
