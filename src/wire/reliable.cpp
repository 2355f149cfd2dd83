#include "wire/reliable.h"

#include <algorithm>

namespace orrery::wire {

ReliableSender::ReliableSender(std::uint8_t window, std::uint32_t first)
    : first_(first), message_first_(first), window_(window) {}

ReliableSender::ReliableSender(ReliableSender&& other) noexcept
    : head_(std::move(other.head_)),
      last_(std::exchange(other.last_, nullptr)),
      cost_(std::exchange(other.cost_, 0)),
      first_(other.first_),
      message_first_(other.message_first_),
      window_cost_(other.window_cost_),
      message_cost_(other.message_cost_),
      sent_(std::exchange(other.sent_, std::uint8_t{0})),
      window_(other.window_) {}

ReliableSender& ReliableSender::operator=(ReliableSender&& other) noexcept {
  if (this == &other) return *this;
  clear();
  head_ = std::move(other.head_);
  last_ = std::exchange(other.last_, nullptr);
  cost_ = std::exchange(other.cost_, 0);
  first_ = other.first_;
  message_first_ = other.message_first_;
  window_cost_ = other.window_cost_;
  message_cost_ = other.message_cost_;
  sent_ = std::exchange(other.sent_, std::uint8_t{0});
  window_ = other.window_;
  return *this;
}

/// One by one: a chain that destroys itself would need a stack as deep as it is long.
void ReliableSender::clear() {
  while (head_) head_ = std::move(head_->next);
  last_ = nullptr;
  cost_ = 0;
  sent_ = 0;
}

void ReliableSender::queue(ByteView message, std::uint32_t order) {
  const std::size_t pieces = pieces_of(message.size());
  cost_ += static_cast<std::uint32_t>(cost_of(message.size()));
  for (std::size_t i = 0; i < pieces; ++i) {
    const ByteView rest = message.subspan(i * piece_bytes_max);
    const ByteView bytes = rest.first(std::min(piece_bytes_max, rest.size()));
    auto waiting = std::make_unique<Waiting>();
    if (!bytes.empty()) waiting->bytes = std::make_unique_for_overwrite<std::uint8_t[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), waiting->bytes.get());
    waiting->size = static_cast<std::uint16_t>(bytes.size());
    waiting->more = i + 1 < pieces;
    waiting->order = order;
    Waiting* added = waiting.get();
    (last_ ? last_->next : head_) = std::move(waiting);
    last_ = added;
  }
}

/// Whether the receiver surely has room for the first piece that was not sent yet.
bool ReliableSender::admits(const Waiting& unsent) const {
  return first_ - message_first_ + sent_ < window_pieces_max &&
         window_cost_ + unsent.size + held_cost <= window_bytes_of(window_);
}

std::optional<Piece> ReliableSender::due(const RoundTrip& round_trip, Instant now) const {
  const auto piece_of = [&](const Waiting& waiting, std::uint32_t i) {
    return Piece{first_ + i, waiting.more, ByteView(waiting.bytes.get(), waiting.size), waiting.order};
  };
  const Waiting* waiting = head_.get();
  for (std::uint32_t i = 0; i < sent_; ++i, waiting = waiting->next.get()) {
    if (waiting->state == State::unsent) return piece_of(*waiting, i);
    if (waiting->state == State::in_flight && waiting->sent_at + round_trip.timeout(waiting->resends) <= now)
      return piece_of(*waiting, i);
  }
  if (waiting && admits(*waiting)) return piece_of(*waiting, sent_);
  return std::nullopt;
}

bool ReliableSender::sent(std::uint32_t sequence, std::uint64_t counter, Instant now) {
  const std::uint32_t place = sequence - first_;
  Waiting* piece = head_.get();
  for (std::uint32_t i = 0; i < place; ++i) piece = piece->next.get();
  const bool again = place < sent_;
  if (again) {
    if (piece->resends < UINT8_MAX) ++piece->resends;
  } else {
    sent_ = static_cast<std::uint8_t>(place + 1);
    window_cost_ += static_cast<std::uint32_t>(piece->size + held_cost);
  }
  piece->state = State::in_flight;
  piece->sent_at = now;
  piece->counter = static_cast<std::uint32_t>(counter);
  return again;
}

void ReliableSender::on_ack(std::uint64_t largest, std::uint32_t bitmap) {
  Waiting* piece = head_.get();
  for (std::uint32_t i = 0; i < sent_; ++i, piece = piece->next.get()) {
    if (piece->state != State::in_flight) continue;
    const std::uint32_t back = static_cast<std::uint32_t>(largest) - piece->counter;
    if (back == 0 || (back <= 32 && (bitmap >> (back - 1) & 1) != 0)) piece->state = State::acked;
  }
  while (sent_ > 0 && head_->state == State::acked) {
    cost_ -= static_cast<std::uint32_t>(head_->size + piece_cost);
    message_cost_ += static_cast<std::uint32_t>(head_->size + held_cost);
    if (!head_->more) {
      message_first_ = first_ + 1;
      window_cost_ -= std::exchange(message_cost_, 0);
    }
    head_ = std::move(head_->next);
    ++first_;
    --sent_;
  }
  if (!head_) last_ = nullptr;
}

std::optional<Instant> ReliableSender::due_at(const RoundTrip& round_trip) const {
  std::optional<Instant> first;
  const Waiting* piece = head_.get();
  for (std::uint32_t i = 0; i < sent_; ++i, piece = piece->next.get()) {
    if (piece->state == State::unsent) return Instant::min();
    if (piece->state != State::in_flight) continue;
    const Instant at = piece->sent_at + round_trip.timeout(piece->resends);
    if (!first || at < *first) first = at;
  }
  if (piece && admits(*piece)) return Instant::min();
  return first;
}

void ReliableSender::flush() {
  Waiting* piece = head_.get();
  for (std::uint32_t i = 0; i < sent_; ++i, piece = piece->next.get())
    if (piece->state == State::in_flight) piece->state = State::unsent;
}

std::size_t ReliableReceiver::held_before(std::uint32_t sequence) const {
  const auto first = std::partition_point(held_.begin(), held_.end(), [&](const Held& held) {
    return held.sequence - message_first_ < sequence - message_first_;
  });
  return static_cast<std::size_t>(first - held_.begin());
}

/// What it is without taking it; nothing when it is new and in the window.
std::optional<ReliableReceiver::Taken> ReliableReceiver::judge(const Piece& piece) const {
  if (piece.bytes.size() > piece_bytes_max) return Taken::violation;
  const std::uint32_t ahead = piece.sequence - message_first_;
  if (ahead > UINT32_MAX / 2) return Taken::yes;  // taken before
  const std::size_t before = held_before(piece.sequence);
  if (before < held_.size() && held_[before].sequence == piece.sequence) return Taken::yes;
  if (ahead < window_pieces_max && held_bytes_ + piece.bytes.size() + held_cost <= window_bytes_of(window_))
    return std::nullopt;
  // With none missing before it, what is held is all of its message, which can never be whole.
  return before == ahead ? Taken::violation : Taken::refused;
}

/// The parts of the oldest message with what is held and `fresh`, which may be null; none when it is not whole.
std::span<const ByteView> ReliableReceiver::gather(const Piece* fresh, Parts& parts) const {
  auto held = held_.begin();
  for (std::size_t count = 0; count < parts.size();) {
    const std::uint32_t sequence = message_first_ + static_cast<std::uint32_t>(count);
    bool more = false;
    if (fresh && fresh->sequence == sequence) {
      parts[count++] = fresh->bytes;
      more = fresh->more;
    } else if (held != held_.end() && held->sequence == sequence) {
      parts[count++] = ByteView(held->bytes.get(), held->size);
      more = held->more;
      ++held;
    } else {
      break;
    }
    if (!more) return std::span<const ByteView>(parts).first(count);
  }
  return {};
}

bool ReliableReceiver::is_too_long(std::span<const ByteView> message) const {
  std::size_t bytes = 0;
  for (const ByteView part : message) bytes += part.size();
  return bytes > message_bytes_max_of(window_);
}

/// The oldest message, of so many pieces, has been delivered.
void ReliableReceiver::finish(std::size_t pieces, Instant now) {
  const std::uint32_t next = message_first_ + static_cast<std::uint32_t>(pieces);
  const auto end = held_.begin() + static_cast<std::ptrdiff_t>(held_before(next));
  for (auto held = held_.begin(); held != end; ++held)
    held_bytes_ -= static_cast<std::uint32_t>(held->size + held_cost);
  held_.erase(held_.begin(), end);
  message_first_ = next;
  since_ = now;
  if (held_.empty()) held_ = std::vector<Held>();
}

ReliableReceiver::Taken ReliableReceiver::hold(const Piece& piece, Instant now, std::size_t room) {
  const std::size_t size = piece.bytes.size();
  if (size + held_cost > room) return Taken::no_room;
  if (held_.empty()) since_ = now;
  Held held{piece.sequence, static_cast<std::uint16_t>(size), piece.more, nullptr};
  if (size > 0) held.bytes = std::make_unique_for_overwrite<std::uint8_t[]>(size);
  std::copy(piece.bytes.begin(), piece.bytes.end(), held.bytes.get());
  held_.reserve(held_.size() + 1);  // no more than that
  held_.insert(held_.begin() + static_cast<std::ptrdiff_t>(held_before(piece.sequence)), std::move(held));
  held_bytes_ += static_cast<std::uint32_t>(size + held_cost);
  return Taken::yes;
}

void ReliableReceiver::clear() {
  held_ = std::vector<Held>();
  held_bytes_ = 0;
}

}  // namespace orrery::wire
