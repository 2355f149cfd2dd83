#include "wire/connection.h"

#include <algorithm>
#include <string>

namespace orrery::wire {

using std::chrono::milliseconds;

namespace {

enum class FrameType : std::uint8_t { message = 1, piece = 2, ping = 3, close = 4, challenge = 5, response = 6 };

constexpr std::uint8_t flag_ack = 1;
constexpr std::size_t message_header_bytes = 4;
constexpr std::size_t piece_header_bytes = 9;
constexpr std::size_t payload_bytes_max = datagram_bytes_max - data_header_bytes - tag_bytes;
static_assert(piece_bytes_max == payload_bytes_max - 1 - ack_bytes - piece_header_bytes);
static_assert(unreliable_bytes_max == payload_bytes_max - 1 - ack_bytes - message_header_bytes);

constexpr std::uint8_t closes = 3;
constexpr Duration close_spacing = milliseconds{50};
constexpr Duration challenge_spacing = milliseconds{100};
// A client whose first packet was lost must speak again before the server's half-open entry goes.
constexpr Duration unheard_first = milliseconds{250};
constexpr Duration unheard_most = std::chrono::seconds{2};

// After so long without one, the block that unreliable messages wait in is given back.
constexpr Duration messages_rest = std::chrono::seconds{1};
// Of four packets that leave something behind, this one begins with unreliable messages, the others with pieces.
constexpr std::uint8_t messages_turn = 3;
// What keeps a side that is told nonsense from pinging without end.
constexpr Duration keepalive_least = milliseconds{1};

/// Which windows a side's halves have: what a client sends on a login connection, and the server takes there, is less.
std::array<std::uint8_t, channel_count> windows(bool narrow) {
  auto windows = window_full_pieces;
  if (narrow)
    for (auto& window : windows) window = std::min(window, login_window_full_pieces);
  return windows;
}

template <class Half>
std::array<Half, channel_count> halves(bool narrow) {
  const auto sizes = windows(narrow);
  return {Half(sizes[0]), Half(sizes[1]), Half(sizes[2])};
}

}  // namespace

Connection::Connection(Role role, Use use, const TrafficKeys& keys, std::uint32_t peer_receiver, const Address& peer,
                       Timing timing, Instant now)
    : keys_(keys),
      congestion_(timing.client_rate_bytes_s, now),
      senders_(halves<ReliableSender>(use == Use::login && role == Role::client)),
      receivers_(halves<ReliableReceiver>(use == Use::login && role == Role::server)),
      peer_(peer),
      timing_(timing),
      opened_at_(now),
      asked_at_(now),
      message_at_(now),
      peer_receiver_(peer_receiver),
      unheard_wait_(unheard_first),
      heard_(role == Role::server),
      ping_wanted_(role == Role::client) {
  timing_.keepalive = std::max(timing_.keepalive, keepalive_least);
}

bool Connection::opens(const TrafficKeys& keys, ByteView datagram) {
  const auto header = decode_data_header(datagram);
  if (!header) return false;
  std::array<std::uint8_t, datagram_bytes_max> plain;
  const ByteView sealed = datagram.subspan(data_header_bytes);
  return open(keys.receive, header->counter, datagram.first(data_header_bytes), sealed,
              std::span(plain).first(sealed.size() - tag_bytes));
}

Connection::Received Connection::on_data(ByteView datagram, const Address& from, Instant now, ConnectionId id,
                                         std::size_t held_room, EffectQueue& effects, Random& random,
                                         Statistics& statistics) {
  const auto header = decode_data_header(datagram);
  if (!header) {
    ++statistics.dropped_malformed;
    return Received::dropped;
  }
  if (!replay_.is_fresh(header->counter)) {
    ++statistics.dropped_replayed;
    ++figures_.replayed;
    return Received::dropped;
  }
  std::array<std::uint8_t, payload_bytes_max> plain;
  const ByteView sealed = datagram.subspan(data_header_bytes);
  const auto payload = std::span(plain).first(sealed.size() - tag_bytes);
  if (!open(keys_.receive, header->counter, datagram.first(data_header_bytes), sealed, payload)) {
    ++statistics.dropped_sealed;
    return Received::dropped;
  }
  const bool highest = replay_.is_highest(header->counter);
  replay_.take(header->counter);
  ++figures_.datagrams_in;
  figures_.bytes_in += datagram.size();
  if (closing_) return Received::dropped;
  opened_at_ = now;
  heard_ = true;
  if (from != peer_ || candidate_) note_address(from, datagram.size(), highest, random, now);

  Sink sink{id, effects, statistics, held_bytes() + held_room};
  Frames frames;
  if (!take_payload(payload, from, now, sink, frames)) {
    ++statistics.dropped_malformed;
    return Received::violation;
  }
  if (!frames.refused) acks_.on_packet(header->counter, frames.asks, now);
  return frames.closed ? Received::closed : Received::opened;
}

void Connection::note_address(const Address& from, std::size_t size, bool highest, Random& random, Instant now) {
  if (from == peer_) {
    if (highest) candidate_.reset();
    return;
  }
  if (highest && (!candidate_ || candidate_->address != from)) {
    Candidate candidate;
    candidate.address = from;
    random.fill(candidate.token);
    candidate_ = candidate;
  }
  if (!candidate_ || candidate_->address != from) return;
  candidate_->bytes_in += size;
  if (highest && now - candidate_->challenged_at >= challenge_spacing) candidate_->challenge_due = true;
}

bool Connection::take_payload(ByteView payload, const Address& from, Instant now, Sink& sink, Frames& frames) {
  Reader reader(payload);
  const auto flags = reader.take<std::uint8_t>();
  if ((flags & ~flag_ack) != 0) return false;
  if (flags & flag_ack) {
    Ack ack;
    ack.largest = reader.take<std::uint32_t>();
    ack.bitmap = reader.take<std::uint32_t>();
    ack.delay_ms = reader.take<std::uint16_t>();
    if (!reader.ok()) return false;
    take_ack(ack, now, sink.statistics);
  }
  while (reader.ok() && reader.remaining() > 0) {
    frames.asks = true;
    switch (static_cast<FrameType>(reader.take<std::uint8_t>())) {
      case FrameType::message: {
        const auto channel = reader.take<std::uint8_t>();
        const ByteView bytes = reader.take_bytes(reader.take<std::uint16_t>());
        if (!reader.ok() || channel >= channel_count) return false;
        sink.effects.push_message(sink.id, static_cast<Channel>(channel), Delivery::unreliable, {&bytes, 1});
        break;
      }
      case FrameType::piece: {
        const auto channel = reader.take<std::uint8_t>();
        Piece piece;
        piece.sequence = reader.take<std::uint32_t>();
        const auto more = reader.take<std::uint8_t>();
        piece.more = more != 0;
        piece.bytes = reader.take_bytes(reader.take<std::uint16_t>());
        if (!reader.ok() || channel >= channel_count || more > 1) return false;
        if (!take_piece(channel, piece, now, sink, frames)) return false;
        break;
      }
      case FrameType::ping:
        break;
      case FrameType::close: {
        const auto reason = reader.take<std::uint8_t>();
        if (!reader.ok()) return false;
        closed_reason_ = reason >= 1 && reason <= 8 ? static_cast<CloseReason>(reason) : CloseReason::none;
        frames.closed = true;
        return true;  // what follows is not read
      }
      case FrameType::challenge: {
        const ByteView bytes = reader.take_bytes(8);
        if (!reader.ok()) return false;
        response_.emplace();
        std::copy(bytes.begin(), bytes.end(), response_->begin());
        break;
      }
      case FrameType::response: {
        const ByteView bytes = reader.take_bytes(8);
        if (!reader.ok()) return false;
        if (candidate_ && candidate_->address == from && equal_secret(bytes, candidate_->token)) {
          peer_ = from;
          candidate_.reset();
          round_trip_.on_path_changed();
        }
        break;
      }
      default:
        return false;
    }
  }
  return reader.ok();
}

bool Connection::take_piece(std::uint8_t channel, const Piece& piece, Instant now, Sink& sink, Frames& frames) {
  const auto deliver = [&](std::span<const ByteView> parts) {
    sink.effects.push_message(sink.id, static_cast<Channel>(channel), Delivery::reliable, parts);
  };
  const std::size_t held = held_bytes();
  const std::size_t room = sink.held_max > held ? sink.held_max - held : 0;
  switch (receivers_[channel].take(piece, now, room, deliver)) {
    case ReliableReceiver::Taken::yes:
      break;
    case ReliableReceiver::Taken::no_room:
      ++sink.statistics.dropped_limited;
      frames.refused = true;
      break;
    case ReliableReceiver::Taken::refused:
      frames.refused = true;
      break;
    case ReliableReceiver::Taken::violation:
      return false;
  }
  return true;
}

void Connection::take_ack(const Ack& ack, Instant now, Statistics& statistics) {
  const auto largest = full_counter(ack.largest, next_counter_);
  if (!largest) return;
  round_trip_.on_ack(*largest, ack.delay_ms, now);
  const auto decided = congestion_.on_ack(*largest, ack.bitmap, round_trip_.smoothed(), round_trip_.least(), now);
  figures_.acked += decided.acked;
  figures_.lost += decided.lost;
  statistics.packets_acked += decided.acked;
  statistics.packets_lost += decided.lost;
  for (auto& sender : senders_)
    if (!sender.empty()) sender.on_ack(*largest, ack.bitmap);
}

void Connection::count_dropped(std::size_t messages, Statistics& statistics) {
  figures_.unreliable_dropped += messages;
  statistics.unreliable_dropped += messages;
}

Status Connection::send(Channel channel, Delivery delivery, ByteView bytes, Statistics& statistics) {
  if (closing_) return Error{"the connection is closing", "ENOTCONN"};
  if (delivery == Delivery::unreliable) {
    if (bytes.size() > unreliable_bytes_max) return Error{"an unreliable message must fit one packet", "EMSGSIZE"};
    count_dropped(unreliable_.push(channel, bytes), statistics);
    return ok();
  }
  ReliableSender& sender = senders_[static_cast<std::size_t>(channel)];
  if (bytes.size() > sender.message_bytes_max())
    return Error{"a message on this channel is at most " + std::to_string(sender.message_bytes_max()) + " bytes",
                 "EMSGSIZE"};
  const std::size_t control = senders_[static_cast<std::size_t>(Channel::control)].cost();
  const std::size_t queued = this->queued() + ReliableSender::cost_of(bytes.size());
  if (queued > queued_bytes_max || (channel != Channel::control && queued - control > queued_bytes_max_beside_control))
    return Error{"too much waits to be sent", "ENOBUFS"};
  sender.queue(bytes, next_order_++);
  return ok();
}

void Connection::close(CloseReason reason) {
  if (closing_) return;
  closing_ = true;
  closed_reason_ = reason;
  closes_left_ = closes;
  close_at_ = Instant::min();
  candidate_.reset();
  response_.reset();
  for (auto& sender : senders_) sender.flush();
  for (auto& receiver : receivers_) receiver.clear();
}

void Connection::abandon(CloseReason reason) {
  close(reason);
  for (auto& sender : senders_) sender.clear();
  unreliable_ = {};
}

bool Connection::close_due(Instant now) const { return closing_ && closes_left_ > 0 && close_at_ <= now; }

/// A side that has asked nothing for a while asks: it learns that the other is there, and the round trip.
Instant Connection::ping_at() const {
  if (ping_wanted_) return Instant::min();
  const Instant at = asked_at_ + timing_.keepalive;
  return heard_ ? at : std::min(at, asked_at_ + unheard_wait_);
}

bool Connection::has_something(Instant now, bool spends) const {
  if (closing_) {
    if (closes_left_ == 0) return false;
    if (close_due(now)) return true;
  } else {
    if (response_ || ping_due(now)) return true;
    if (const auto at = acks_.deadline(); at && *at <= now) return true;
  }
  if (!spends) return false;
  if (!unreliable_.empty()) return true;
  return std::any_of(senders_.begin(), senders_.end(),
                     [&](const auto& sender) { return !sender.empty() && sender.due(round_trip_, now); });
}

bool Connection::write_challenge(Slot& slot, Instant now, Statistics& statistics) {
  constexpr std::size_t payload_size = 1 + 1 + 8;
  constexpr std::size_t size = data_header_bytes + payload_size + tag_bytes;
  if (!candidate_ || !candidate_->challenge_due || candidate_->bytes_out + size > candidate_->bytes_in) return false;
  Writer writer(slot.buffer.subspan(data_header_bytes));
  writer.put<std::uint8_t>(0);
  writer.put(static_cast<std::uint8_t>(FrameType::challenge));
  writer.put_bytes(candidate_->token);
  candidate_->challenge_due = false;
  candidate_->challenged_at = now;
  candidate_->bytes_out += size;
  finish(slot, candidate_->address, writer.size(), true, now, statistics);
  return true;
}

/// The channel whose piece is due next: the oldest queued, so that none waits for as long as others are used.
ReliableSender* Connection::next_due(Instant now, std::optional<Piece>& piece) {
  ReliableSender* next = nullptr;
  for (ReliableSender& sender : senders_) {
    if (sender.empty()) continue;
    const auto due = sender.due(round_trip_, now);
    if (!due || (next && static_cast<std::int32_t>(due->order - piece->order) > 0)) continue;
    piece = due;
    next = &sender;
  }
  return next;
}

/// True when some that are due did not fit.
bool Connection::write_pieces(Writer& writer, Instant now, Statistics& statistics) {
  std::optional<Piece> piece;
  while (ReliableSender* sender = next_due(now, piece)) {
    if (writer.room() < piece_header_bytes + piece->bytes.size()) return true;
    writer.put(static_cast<std::uint8_t>(FrameType::piece));
    writer.put(static_cast<std::uint8_t>(sender - senders_.data()));
    writer.put(piece->sequence);
    writer.put(static_cast<std::uint8_t>(piece->more));
    writer.put(static_cast<std::uint16_t>(piece->bytes.size()));
    writer.put_bytes(piece->bytes);
    if (sender->sent(piece->sequence, next_counter_, now)) {
      ++statistics.pieces_resent;
      ++figures_.resent;
    }
  }
  return false;
}

void Connection::write_messages(Writer& writer) {
  while (const auto message = unreliable_.front()) {
    if (writer.room() < message_header_bytes + message->bytes.size()) break;
    writer.put(static_cast<std::uint8_t>(FrameType::message));
    writer.put(static_cast<std::uint8_t>(message->channel));
    writer.put(static_cast<std::uint16_t>(message->bytes.size()));
    writer.put_bytes(message->bytes);
    unreliable_.pop();
  }
}

bool Connection::poll_transmit(Slot& slot, Instant now, Statistics& statistics) {
  if (write_challenge(slot, now, statistics)) return true;
  const bool spends = may_spend(now);
  if (!spends && !unreliable_.empty()) count_dropped(unreliable_.cut(), statistics);
  if (!has_something(now, spends)) return false;
  const auto buffer = slot.buffer.subspan(data_header_bytes, payload_bytes_max);
  Writer writer(buffer);
  if (acks_.any()) {
    const Ack ack = acks_.take(now);
    writer.put(flag_ack);
    writer.put(ack.largest);
    writer.put(ack.bitmap);
    writer.put(ack.delay_ms);
  } else {
    writer.put<std::uint8_t>(0);
  }
  const std::size_t before_frames = writer.size();
  if (response_) {
    writer.put(static_cast<std::uint8_t>(FrameType::response));
    writer.put_bytes(*response_);
    response_.reset();
  }
  const std::size_t before_spending = writer.size();
  bool pieces_wait = false;
  if (spends) {
    const bool had_messages = !unreliable_.empty();
    const bool messages_first = turn_ == messages_turn;
    if (messages_first) write_messages(writer);
    pieces_wait = write_pieces(writer, now, statistics);
    if (!messages_first) write_messages(writer);
    if (pieces_wait || !unreliable_.empty()) turn_ = turn_ == messages_turn ? 0 : turn_ + 1;
    if (had_messages)
      message_at_ = now;
    else if (now - message_at_ >= messages_rest)
      unreliable_.release();
  }
  const bool spent = writer.size() > before_spending;
  // A close goes last: what follows it would not be read.
  if (close_due(now) && !pieces_wait && unreliable_.empty() && writer.room() >= 2) {
    writer.put(static_cast<std::uint8_t>(FrameType::close));
    writer.put(static_cast<std::uint8_t>(closed_reason_));
    for (auto& sender : senders_) sender.clear();
    --closes_left_;
    close_at_ = now + close_spacing;
  }
  if (writer.size() == before_frames && ping_due(now)) writer.put(static_cast<std::uint8_t>(FrameType::ping));
  const bool asks = writer.size() > before_frames;
  if (asks) {
    if (!heard_ && now - asked_at_ >= unheard_wait_) unheard_wait_ = std::min(unheard_wait_ * 2, unheard_most);
    ping_wanted_ = false;
    asked_at_ = now;
  }
  finish(slot, peer_, writer.size(), asks, now, statistics);
  if (spent) congestion_.spend(slot.size, now);
  return true;
}

void Connection::finish(Slot& slot, const Address& to, std::size_t payload_size, bool asks, Instant now,
                        Statistics& statistics) {
  encode(DataHeader{peer_receiver_, next_counter_}, slot.buffer);
  const auto payload = slot.buffer.subspan(data_header_bytes, payload_size);
  seal(keys_.send, next_counter_, slot.buffer.first(data_header_bytes), payload,
       slot.buffer.subspan(data_header_bytes, payload_size + tag_bytes));
  round_trip_.on_sent(next_counter_, asks, now);
  congestion_.on_sent(next_counter_, asks);
  ++next_counter_;
  slot.to = to;
  slot.size = data_header_bytes + payload_size + tag_bytes;
  ++statistics.datagrams_sent;
  statistics.bytes_sent += slot.size;
  ++figures_.datagrams_out;
  figures_.bytes_out += slot.size;
}

Instant Connection::next_deadline() const {
  if (closing_) return close_at_;
  Instant next = std::min(ping_at(), opened_at_ + timing_.lapse);
  if (const auto at = acks_.deadline()) next = std::min(next, *at);
  for (const auto& receiver : receivers_)
    if (const auto at = receiver.overdue_at()) next = std::min(next, *at);
  // What spends waits for the bucket.
  const Instant may_send_at = congestion_.may_send_at();
  if (!unreliable_.empty()) next = std::min(next, may_send_at);
  for (const auto& sender : senders_) {
    if (sender.empty()) continue;
    if (const auto at = sender.due_at(round_trip_)) next = std::min(next, std::max(*at, may_send_at));
  }
  return next;
}

std::optional<CloseReason> Connection::expired(Instant now) const {
  if (closing_) return std::nullopt;
  if (now - opened_at_ >= timing_.lapse) return CloseReason::lapse;
  for (const auto& receiver : receivers_)
    if (const auto at = receiver.overdue_at(); at && *at <= now) return CloseReason::protocol;
  return std::nullopt;
}

std::size_t Connection::held_bytes() const {
  std::size_t held = 0;
  for (const auto& receiver : receivers_) held += receiver.held_bytes();
  return held;
}

std::size_t Connection::queued() const {
  std::size_t all = 0;
  for (const auto& sender : senders_) all += sender.cost();
  return all;
}

Quality Connection::quality(Instant now) const {
  return {congestion_.level(), congestion_.loss_permille(), round_trip_.smoothed(), congestion_.bytes_free(now),
          queued()};
}

ConnectionStatistics Connection::statistics() const {
  return {.datagrams_in = figures_.datagrams_in,
          .bytes_in = figures_.bytes_in,
          .datagrams_out = figures_.datagrams_out,
          .bytes_out = figures_.bytes_out,
          .pieces_resent = figures_.resent,
          .packets_lost = figures_.lost,
          .packets_acked = figures_.acked,
          .unreliable_dropped = figures_.unreliable_dropped,
          .replayed = figures_.replayed,
          .rtt = round_trip_.smoothed(),
          .rtt_least = round_trip_.least(),
          .loss_permille = congestion_.loss_permille(),
          .level = congestion_.level()};
}

}  // namespace orrery::wire
