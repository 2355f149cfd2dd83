#include "wire/connection.h"

#include <algorithm>

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

}  // namespace

Connection::Connection(Role role, const TrafficKeys& keys, std::uint32_t peer_receiver, const Address& peer,
                       Timing timing, Instant now)
    : keys_(keys),
      peer_(peer),
      timing_(timing),
      opened_at_(now),
      sent_at_(now),
      peer_receiver_(peer_receiver),
      unheard_wait_(unheard_first),
      heard_(role == Role::server),
      ping_wanted_(role == Role::client) {}

Connection::~Connection() { wipe(keys_); }

bool Connection::opens(const TrafficKeys& keys, ByteView datagram) {
  const auto header = decode_data_header(datagram);
  if (!header) return false;
  std::array<std::uint8_t, datagram_bytes_max> plain;
  const ByteView sealed = datagram.subspan(data_header_bytes);
  return open(keys.receive, header->counter, datagram.first(data_header_bytes), sealed,
              std::span(plain).first(sealed.size() - tag_bytes));
}

Connection::Received Connection::on_data(ByteView datagram, const Address& from, Instant now, ConnectionId id,
                                         EffectQueue& effects, Random& random, Statistics& statistics) {
  const auto header = decode_data_header(datagram);
  if (!header) {
    ++statistics.dropped_malformed;
    return Received::dropped;
  }
  if (!replay_.is_fresh(header->counter)) {
    ++statistics.dropped_replayed;
    return Received::dropped;
  }
  const std::size_t used = effects.used();
  const ByteView sealed = datagram.subspan(data_header_bytes);
  const auto plain = effects.allocate(sealed.size() - tag_bytes);
  if (!open(keys_.receive, header->counter, datagram.first(data_header_bytes), sealed, plain)) {
    effects.give_back(used);
    ++statistics.dropped_sealed;
    return Received::dropped;
  }
  const bool highest = replay_.is_highest(header->counter);
  replay_.take(header->counter);
  if (closing_) {
    effects.give_back(used);
    return Received::dropped;
  }
  opened_at_ = now;
  heard_ = true;
  if (from != peer_ || candidate_) note_address(from, datagram.size(), highest, random, now);

  // Delivering a message may move the block that `plain` lies in, so the frames are read from a copy of their own.
  std::array<std::uint8_t, payload_bytes_max> payload;
  std::copy(plain.begin(), plain.end(), payload.begin());
  const std::size_t size = plain.size();
  effects.give_back(used);
  Frames frames;
  if (!take_payload(ByteView(payload).first(size), from, now, id, effects, frames)) {
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

bool Connection::take_payload(ByteView payload, const Address& from, Instant now, ConnectionId id, EffectQueue& effects,
                              Frames& frames) {
  Reader reader(payload);
  const auto flags = reader.take<std::uint8_t>();
  if ((flags & ~flag_ack) != 0) return false;
  if (flags & flag_ack) {
    Ack ack;
    ack.largest = reader.take<std::uint32_t>();
    ack.bitmap = reader.take<std::uint32_t>();
    ack.delay_ms = reader.take<std::uint16_t>();
    if (!reader.ok()) return false;
    take_ack(ack, now);
  }
  while (reader.ok() && reader.remaining() > 0) {
    frames.asks = true;
    switch (static_cast<FrameType>(reader.take<std::uint8_t>())) {
      case FrameType::message: {
        const auto channel = reader.take<std::uint8_t>();
        const ByteView bytes = reader.take_bytes(reader.take<std::uint16_t>());
        if (!reader.ok() || channel >= channel_count) return false;
        effects.push_message(id, static_cast<Channel>(channel), Delivery::unreliable, bytes);
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
        const auto taken = receivers_[channel].take(piece, [&](ByteView bytes) {
          effects.push_message(id, static_cast<Channel>(channel), Delivery::reliable, bytes);
        });
        if (taken == ReliableReceiver::Taken::violation) return false;
        if (taken == ReliableReceiver::Taken::refused) frames.refused = true;
        break;
      }
      case FrameType::ping:
        break;
      case FrameType::close: {
        const auto reason = reader.take<std::uint8_t>();
        if (!reader.ok()) return false;
        closed_reason_ = reason >= 1 && reason <= 8 ? static_cast<CloseReason>(reason) : CloseReason::none;
        frames.closed = true;
        break;
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
        }
        break;
      }
      default:
        return false;
    }
  }
  return reader.ok();
}

void Connection::take_ack(const Ack& ack, Instant now) {
  const auto largest = full_counter(ack.largest, next_counter_);
  if (!largest) return;
  round_trip_.on_ack(*largest, ack.delay_ms, now);
  for (auto& sender : senders_)
    if (!sender.empty()) sender.on_ack(*largest, ack.bitmap);
}

Status Connection::send(Channel channel, Delivery delivery, ByteView bytes) {
  if (closing_) return Error{"the connection is closing", "ENOTCONN"};
  if (delivery == Delivery::reliable) return senders_[static_cast<std::size_t>(channel)].queue(bytes);
  if (bytes.size() > unreliable_bytes_max) return Error{"an unreliable message must fit one packet", "EMSGSIZE"};
  unreliable_.push(channel, bytes);
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
}

bool Connection::close_due(Instant now) const { return closing_ && closes_left_ > 0 && close_at_ <= now; }

bool Connection::ping_due(Instant now) const {
  if (closing_) return false;
  return ping_wanted_ || now - sent_at_ >= timing_.keepalive || (!heard_ && now - sent_at_ >= unheard_wait_);
}

bool Connection::has_something(Instant now) const {
  if (closing_) {
    if (closes_left_ == 0) return false;
    if (close_due(now)) return true;
  } else {
    if (response_ || ping_due(now)) return true;
    if (const auto at = acks_.deadline(); at && *at <= now) return true;
  }
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

bool Connection::poll_transmit(Slot& slot, Instant now, Statistics& statistics) {
  if (write_challenge(slot, now, statistics)) return true;
  if (!has_something(now)) return false;
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
  bool pieces_wait = false;
  for (std::size_t channel = 0; channel < channel_count; ++channel) {
    ReliableSender& sender = senders_[channel];
    while (!sender.empty()) {
      const auto piece = sender.due(round_trip_, now);
      if (!piece) break;
      if (writer.room() < piece_header_bytes + piece->bytes.size()) {
        pieces_wait = true;
        break;
      }
      writer.put(static_cast<std::uint8_t>(FrameType::piece));
      writer.put(static_cast<std::uint8_t>(channel));
      writer.put(piece->sequence);
      writer.put(static_cast<std::uint8_t>(piece->more));
      writer.put(static_cast<std::uint16_t>(piece->bytes.size()));
      writer.put_bytes(piece->bytes);
      if (sender.sent(piece->sequence, next_counter_, now)) ++statistics.pieces_resent;
    }
  }
  while (const auto message = unreliable_.front()) {
    if (writer.room() < message_header_bytes + message->bytes.size()) break;
    writer.put(static_cast<std::uint8_t>(FrameType::message));
    writer.put(static_cast<std::uint8_t>(message->channel));
    writer.put(static_cast<std::uint16_t>(message->bytes.size()));
    writer.put_bytes(message->bytes);
    unreliable_.pop();
  }
  // A close goes last: what follows it would not be read.
  if (close_due(now) && !pieces_wait && unreliable_.empty() && writer.room() >= 2) {
    writer.put(static_cast<std::uint8_t>(FrameType::close));
    writer.put(static_cast<std::uint8_t>(closed_reason_));
    for (auto& sender : senders_) sender = {};
    --closes_left_;
    close_at_ = now + close_spacing;
  }
  if (writer.size() == before_frames && ping_due(now)) writer.put(static_cast<std::uint8_t>(FrameType::ping));
  const bool asks = writer.size() > before_frames;
  if (asks) {
    if (!heard_ && now - sent_at_ >= unheard_wait_) unheard_wait_ = std::min(unheard_wait_ * 2, unheard_most);
    ping_wanted_ = false;
  }
  finish(slot, peer_, writer.size(), asks, now, statistics);
  sent_at_ = now;
  return true;
}

void Connection::finish(Slot& slot, const Address& to, std::size_t payload_size, bool asks, Instant now,
                        Statistics& statistics) {
  encode(DataHeader{peer_receiver_, next_counter_}, slot.buffer);
  const auto payload = slot.buffer.subspan(data_header_bytes, payload_size);
  seal(keys_.send, next_counter_, slot.buffer.first(data_header_bytes), payload,
       slot.buffer.subspan(data_header_bytes, payload_size + tag_bytes));
  round_trip_.on_sent(next_counter_, asks, now);
  ++next_counter_;
  slot.to = to;
  slot.size = data_header_bytes + payload_size + tag_bytes;
  ++statistics.datagrams_sent;
  statistics.bytes_sent += slot.size;
}

Instant Connection::next_deadline() const {
  if (closing_) return close_at_;
  Instant next = std::min(sent_at_ + timing_.keepalive, opened_at_ + timing_.lapse);
  if (!heard_) next = std::min(next, sent_at_ + unheard_wait_);
  if (const auto at = acks_.deadline()) next = std::min(next, *at);
  for (const auto& sender : senders_) {
    if (sender.empty()) continue;
    if (const auto at = sender.resend_at(round_trip_)) next = std::min(next, *at);
  }
  return next;
}

}  // namespace orrery::wire
