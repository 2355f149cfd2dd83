#include "wire/reliable.h"

#include <algorithm>

namespace orrery::wire {

Status ReliableSender::queue(ByteView message) {
  if (message.size() > message_bytes_max) return Error{"a message is at most 64 KiB", "EMSGSIZE"};
  const std::size_t pieces = std::max<std::size_t>(1, (message.size() + piece_bytes_max - 1) / piece_bytes_max);
  const std::size_t cost = message.size() + pieces * piece_cost;
  if (cost_ + cost > queued_bytes_max) return Error{"too much waits to be sent", "ENOBUFS"};
  cost_ += cost;
  for (std::size_t i = 0; i < pieces; ++i) {
    const ByteView bytes =
        message.subspan(i * piece_bytes_max).first(std::min(piece_bytes_max, message.size() - i * piece_bytes_max));
    Waiting waiting;
    waiting.bytes.assign(bytes.begin(), bytes.end());
    waiting.more = i + 1 < pieces;
    pieces_.push_back(std::move(waiting));
  }
  return ok();
}

/// How many of pieces_ the receiver's window surely holds.
std::uint32_t ReliableSender::admitted() const {
  const std::uint32_t before = first_ - message_first_;
  return static_cast<std::uint32_t>(std::min<std::size_t>(pieces_.size(), window - before));
}

Piece ReliableSender::piece_at(std::size_t i) const {
  return {first_ + static_cast<std::uint32_t>(i), pieces_[i].more, pieces_[i].bytes};
}

std::optional<Piece> ReliableSender::due(const RoundTrip& round_trip, Instant now) const {
  for (std::size_t i = 0; i < sent_; ++i) {
    const Waiting& piece = pieces_[i];
    if (piece.state == State::unsent) return piece_at(i);
    if (piece.state == State::in_flight && piece.sent_at + round_trip.timeout(piece.resends) <= now) return piece_at(i);
  }
  if (sent_ < admitted()) return piece_at(sent_);
  return std::nullopt;
}

bool ReliableSender::sent(std::uint32_t sequence, std::uint64_t counter, Instant now) {
  const std::uint32_t i = sequence - first_;
  Waiting& piece = pieces_[i];
  const bool again = i < sent_;
  if (again) {
    if (piece.resends < UINT8_MAX) ++piece.resends;
  } else {
    sent_ = i + 1;
  }
  piece.state = State::in_flight;
  piece.sent_at = now;
  piece.counter = counter;
  return again;
}

void ReliableSender::on_ack(std::uint64_t largest, std::uint32_t bitmap) {
  for (std::size_t i = 0; i < sent_; ++i) {
    Waiting& piece = pieces_[i];
    if (piece.state != State::in_flight || piece.counter > largest) continue;
    const std::uint64_t back = largest - piece.counter;
    if (back == 0 || (back <= 32 && (bitmap >> (back - 1) & 1) != 0)) piece.state = State::acked;
  }
  while (sent_ > 0 && pieces_.front().state == State::acked) {
    cost_ -= pieces_.front().bytes.size() + piece_cost;
    if (!pieces_.front().more) message_first_ = first_ + 1;
    pieces_.pop_front();
    ++first_;
    --sent_;
  }
  if (pieces_.empty()) pieces_.clear();
}

std::optional<Instant> ReliableSender::resend_at(const RoundTrip& round_trip) const {
  std::optional<Instant> first;
  for (std::size_t i = 0; i < sent_; ++i) {
    const Waiting& piece = pieces_[i];
    if (piece.state != State::in_flight) continue;
    const Instant at = piece.sent_at + round_trip.timeout(piece.resends);
    if (!first || at < *first) first = at;
  }
  return first;
}

void ReliableSender::flush() {
  for (std::size_t i = 0; i < sent_; ++i)
    if (pieces_[i].state == State::in_flight) pieces_[i].state = State::unsent;
}

std::size_t ReliableReceiver::held_bytes() const {
  std::size_t held = partial_.size();
  for (const Aside& aside : aside_) held += aside.bytes.size();
  return held;
}

ReliableReceiver::Taken ReliableReceiver::place(const Piece& piece) {
  if (piece.bytes.size() > piece_bytes_max) return Taken::violation;
  const std::uint32_t ahead = piece.sequence - next_;
  if (ahead > UINT32_MAX / 2) return Taken::yes;  // behind: taken before
  if (piece.sequence - message_first_ >= window) return ahead == 0 ? Taken::violation : Taken::refused;
  if (ahead == 0) return Taken::yes;
  for (const Aside& aside : aside_)
    if (aside.sequence == piece.sequence) return Taken::yes;
  aside_.push_back({piece.sequence, piece.more, Bytes(piece.bytes.begin(), piece.bytes.end())});
  return Taken::yes;
}

/// The next piece in order, if it was set aside; `held` keeps its bytes.
bool ReliableReceiver::take_aside(Piece& piece, Bytes& held) {
  for (Aside& aside : aside_) {
    if (aside.sequence != next_) continue;
    held = std::move(aside.bytes);
    piece = {aside.sequence, aside.more, held};
    std::swap(aside, aside_.back());
    aside_.pop_back();
    if (aside_.empty()) aside_ = {};
    return true;
  }
  return false;
}

}  // namespace orrery::wire
