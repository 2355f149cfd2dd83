#include "wire/dialer.h"

#include <algorithm>

#include "wire/connection.h"
#include "wire/endpoint.h"
#include "wire/session_keys.h"

namespace orrery::wire {

using std::chrono::milliseconds;

namespace {

constexpr ConnectionId only_connection{1};
constexpr Duration resend_first = milliseconds{250};
/// Of an Attach: whoever follows a redirect may be there a moment before the server has heard of him.
constexpr Duration attach_again_first = milliseconds{25};
constexpr Duration resend_most = std::chrono::seconds{2};
// Less than a server lets a cookie live, so that an Init does not arrive stale.
constexpr Duration cookie_used_for = std::chrono::seconds{8};
// A Version is not authenticated: it counts only when no Cookie comes for so long.
constexpr Duration version_believed_after = std::chrono::seconds{1};
// Sends of one Init before the next server key is tried; one more each time round.
constexpr unsigned sends_per_key = 2;

}  // namespace

class Dialer::Impl {
 public:
  Impl(LoginTarget target, Timing timing, Duration give_up_after, Random& random, Instant now)
      : Impl(target.server, timing, give_up_after, random, now) {
    login_ = std::move(target);
    state_ = login_->server_keys.empty() ? State::closed : State::hello;
    if (state_ == State::closed) effects_.push(Closed{only_connection, {}, CloseReason::refused});
  }
  Impl(const AttachTarget& target, Timing timing, Duration give_up_after, Random& random, Instant now)
      : Impl(target.server, timing, give_up_after, random, now) {
    attach_ = target;
    enter(State::attach, now);
    random_->fill(client_random_);
  }
  ~Impl() {
    if (attach_) wipe(attach_->k);
  }

  void on_datagram(ByteView bytes, Instant now);
  bool poll_transmit(Slot& slot, Instant now);
  Status send(Channel channel, Delivery delivery, ByteView bytes);
  void close(CloseReason reason);
  std::optional<Instant> next_deadline() const;
  Duration silence(Instant now) const { return now - (connection_ ? connection_->opened_at() : started_at_); }
  bool is_open() const { return state_ == State::open; }
  bool is_closed() const { return state_ == State::closed; }
  /// Time never goes back.
  Instant advance(Instant now) { return now_ = std::max(now_, now); }
  Instant now() const { return now_; }
  const Connection* connection() const { return connection_ ? &*connection_ : nullptr; }

  Address server_;
  EffectQueue effects_;
  Statistics statistics_;

 private:
  enum class State : std::uint8_t { hello, init, attach, open, closing, closed };

  Impl(const Address& server, Timing timing, Duration give_up_after, Random& random, Instant now)
      : server_(server),
        timing_(timing),
        random_(&random),
        started_at_(now),
        give_up_at_(now + give_up_after),
        send_at_(now),
        now_(now) {
    crypto_ready();
    while (client_id_ == 0) client_id_ = random.next<std::uint32_t>();
  }

  bool is_dialing() const { return state_ == State::hello || state_ == State::init || state_ == State::attach; }
  SessionId session() const { return attach_ ? attach_->session : SessionId{}; }
  void enter(State state, Instant now);
  void end(CloseReason reason);
  void give_up(CloseReason reason);
  void begin_init(Instant now);
  void on_handshake(ByteView bytes, Instant now);
  void open_with(const TrafficKeys& keys, std::uint32_t server_id, Connection::Use use, Instant now);
  bool send_handshake(Slot& slot, Instant now);

  std::optional<LoginTarget> login_;
  std::optional<AttachTarget> attach_;
  Timing timing_;
  Random* random_;
  Instant started_at_;
  Instant give_up_at_;
  Instant send_at_;
  Instant cookie_at_{};
  Duration resend_wait_ = resend_first;
  State state_ = State::closed;
  std::uint32_t client_id_ = 0;
  std::optional<Instant> refused_at_;  // when a Version that excludes ours will be believed
  std::optional<Cookie> cookie_;
  std::optional<NoiseNk> noise_;
  Init init_;
  Hash64 handshake_hash_{};
  Key32 client_random_{};
  std::size_t key_index_ = 0;
  unsigned sends_ = 0;
  unsigned patience_ = sends_per_key;
  Instant now_;
  bool pending_ = true;  // something may have to be sent at once
  std::optional<Connection> connection_;
};

void Dialer::Impl::enter(State state, Instant now) {
  state_ = state;
  resend_wait_ = state == State::attach ? attach_again_first : resend_first;
  send_at_ = now;
  sends_ = 0;
}

void Dialer::Impl::end(CloseReason reason) {
  effects_.push(Closed{only_connection, session(), reason});
  state_ = State::closed;
}

/// Ends an open connection of our own accord: the server is told as well.
void Dialer::Impl::give_up(CloseReason reason) {
  effects_.push(Closed{only_connection, session(), reason});
  connection_->abandon(reason);
  state_ = State::closing;
}

/// Message 1 for the server key whose turn it is; one that is not a key is passed over.
void Dialer::Impl::begin_init(Instant now) {
  const std::size_t count = login_->server_keys.size();
  for (std::size_t tried = 0; tried < count; ++tried, key_index_ = (key_index_ + 1) % count) {
    const Key32& server_key = login_->server_keys[key_index_];
    Key32 ephemeral;
    random_->fill(ephemeral);
    noise_ = NoiseNk::initiator(login_prologue(login_->cluster), server_key, ephemeral);
    wipe(ephemeral);
    const auto message = noise_->write_first({});
    if (!message) continue;
    init_.client_id = client_id_;
    init_.cookie = *cookie_;
    init_.key_id = key_id(server_key);
    std::copy(message->begin(), message->end(), init_.noise.begin());
    return enter(State::init, now);
  }
  end(CloseReason::refused);
}

void Dialer::Impl::open_with(const TrafficKeys& keys, std::uint32_t server_id, Connection::Use use, Instant now) {
  connection_.emplace(Connection::Role::client, use, keys, server_id, server_, timing_, now);
  state_ = State::open;
  if (use == Connection::Use::session)
    effects_.push(Attached{only_connection, attach_->session, attach_->epoch, server_});
  else
    effects_.push(LoginOpened{only_connection, server_, handshake_hash_});
}

void Dialer::Impl::on_datagram(ByteView bytes, Instant now) {
  effects_.begin_batch();
  pending_ = true;
  ++statistics_.datagrams_received;
  statistics_.bytes_received += bytes.size();
  if (is_dialing()) return on_handshake(bytes, now);
  if (state_ != State::open) return;
  const auto header = decode_data_header(bytes);
  if (!header) {
    ++statistics_.dropped_malformed;
    return;
  }
  if (header->receiver != client_id_) {
    ++statistics_.dropped_unknown;
    return;
  }
  switch (connection_->on_data(bytes, server_, now, only_connection, SIZE_MAX / 2, effects_, *random_, statistics_)) {
    case Connection::Received::dropped:
    case Connection::Received::opened:
      break;
    case Connection::Received::closed:
      end(connection_->closed_reason());
      break;
    case Connection::Received::violation:
      give_up(CloseReason::protocol);
      break;
  }
}

void Dialer::Impl::on_handshake(ByteView bytes, Instant now) {
  // Only a Hello is answered so.
  if (const auto range = decode_version(bytes); range && state_ == State::hello) {
    const bool ours = range->lowest <= protocol_version && protocol_version <= range->highest;
    if (!ours && range->lowest <= range->highest && !refused_at_) refused_at_ = now + version_believed_after;
    return;
  }
  if (const auto cookie = decode_cookie(bytes); cookie && state_ == State::hello) {
    cookie_ = cookie;
    cookie_at_ = now;
    refused_at_.reset();
    return begin_init(now);
  }
  if (const auto reply = decode_reply(bytes); reply && state_ == State::init) {
    NoiseNk noise = *noise_;  // a forged Reply must not spoil the state that the right one needs
    if (reply->client_id != client_id_) {
      ++statistics_.dropped_unknown;
    } else if (const auto payload = noise.read_second(reply->noise); payload && payload->empty()) {
      handshake_hash_ = noise.handshake_hash();
      noise_.reset();
      open_with(noise.split(), reply->server_id, Connection::Use::login, now);
    } else {
      ++statistics_.dropped_sealed;
    }
    return;
  }
  if (const auto attached = decode_attached(bytes); attached && state_ == State::attach) {
    if (attached->client_id != client_id_)
      ++statistics_.dropped_unknown;
    else if (!equal_secret(attached_mac(attach_->k, client_random_, bytes.first(attached_mac_at)), attached->mac))
      ++statistics_.dropped_sealed;
    else
      open_with(client_traffic_keys(attach_->k, client_random_, attached->server_random), attached->server_id,
                Connection::Use::session, now);
    return;
  }
  ++statistics_.dropped_malformed;
}

bool Dialer::Impl::send_handshake(Slot& slot, Instant now) {
  if (now >= give_up_at_) {
    end(CloseReason::lapse);
    return false;
  }
  if (refused_at_ && now >= *refused_at_) {
    end(CloseReason::protocol);
    return false;
  }
  if (now < send_at_) return false;
  if (state_ == State::init) {
    const bool next_key = sends_ >= patience_;
    if (next_key) key_index_ = (key_index_ + 1) % login_->server_keys.size();
    // All keys went unanswered: perhaps it is the cookie, which anyone may have forged.
    const bool next_round = next_key && key_index_ == 0;
    if (next_round) ++patience_;
    if (next_round || now - cookie_at_ >= cookie_used_for)
      enter(State::hello, now);
    else if (next_key)
      begin_init(now);
    if (state_ == State::closed) return false;
  }
  if (state_ == State::hello) {
    slot.size = encode_hello(slot.buffer);
  } else if (state_ == State::init) {
    slot.size = encode(init_, slot.buffer);
  } else {
    Attach attach{client_id_, attach_->session, attach_->server_id, attach_->epoch, client_random_, {}};
    encode(attach, slot.buffer);
    attach.mac = attach_mac(attach_->k, slot.buffer.first(attach_mac_at));
    slot.size = encode(attach, slot.buffer);
  }
  slot.to = server_;
  ++sends_;
  send_at_ = now + resend_wait_;
  resend_wait_ = std::min(resend_wait_ * 2, resend_most);
  ++statistics_.datagrams_sent;
  statistics_.bytes_sent += slot.size;
  return true;
}

bool Dialer::Impl::poll_transmit(Slot& slot, Instant now) {
  pending_ = false;
  if (is_dialing()) return send_handshake(slot, now);
  if (state_ == State::closed) return false;
  if (const auto reason = state_ == State::open ? connection_->expired(now) : std::nullopt) {
    // To one that is silent nothing is said.
    if (*reason == CloseReason::lapse) {
      end(CloseReason::lapse);
      return false;
    }
    give_up(*reason);
  }
  if (connection_->poll_transmit(slot, now, statistics_)) return pending_ = true;
  if (connection_->is_finished()) state_ = State::closed;
  return false;
}

Status Dialer::Impl::send(Channel channel, Delivery delivery, ByteView bytes) {
  if (state_ != State::open) return Error{"the connection is not open", "ENOTCONN"};
  pending_ = true;
  return connection_->send(channel, delivery, bytes, statistics_);
}

void Dialer::Impl::close(CloseReason reason) {
  if (state_ == State::open) {
    connection_->close(reason);
    effects_.drop(only_connection);
    state_ = State::closing;
    pending_ = true;
  } else if (is_dialing()) {
    state_ = State::closed;
  }
}

std::optional<Instant> Dialer::Impl::next_deadline() const {
  if (is_dialing()) return std::min({send_at_, give_up_at_, refused_at_.value_or(give_up_at_)});
  if (state_ == State::closed) return std::nullopt;
  return pending_ ? now_ : connection_->next_deadline();
}

Dialer::Dialer(LoginTarget target, Timing timing, Duration give_up_after, Random& random, Instant now)
    : impl_(std::make_unique<Impl>(std::move(target), timing, give_up_after, random, now)) {}
Dialer::Dialer(AttachTarget target, Timing timing, Duration give_up_after, Random& random, Instant now)
    : impl_(std::make_unique<Impl>(target, timing, give_up_after, random, now)) {
  wipe(target.k);
}
Dialer::~Dialer() = default;
Dialer::Dialer(Dialer&&) noexcept = default;
Dialer& Dialer::operator=(Dialer&&) noexcept = default;

bool Dialer::is_open() const { return impl_->is_open(); }
bool Dialer::is_closed() const { return impl_->is_closed(); }
Duration Dialer::silence(Instant now) const { return impl_->silence(now); }
Address Dialer::server() const { return impl_->server_; }
Status Dialer::send(Channel channel, Delivery delivery, ByteView bytes) {
  return impl_->send(channel, delivery, bytes);
}
void Dialer::close(CloseReason reason) { impl_->close(reason); }
void Dialer::on_datagram(ByteView bytes, Instant now) { impl_->on_datagram(bytes, impl_->advance(now)); }
bool Dialer::poll_transmit(Slot& slot, Instant now) { return impl_->poll_transmit(slot, impl_->advance(now)); }
bool Dialer::poll_effect(Effect& effect) { return impl_->effects_.poll(effect); }
std::optional<Instant> Dialer::next_deadline() const { return impl_->next_deadline(); }
const Statistics& Dialer::statistics() const { return impl_->statistics_; }
std::optional<Duration> Dialer::rtt() const {
  const Connection* connection = impl_->connection();
  return connection ? connection->rtt() : std::nullopt;
}
std::optional<Quality> Dialer::quality() const {
  const Connection* connection = impl_->connection();
  return connection ? std::optional(connection->quality(impl_->now())) : std::nullopt;
}
std::optional<ConnectionStatistics> Dialer::connection_statistics() const {
  const Connection* connection = impl_->connection();
  return connection ? std::optional(connection->statistics()) : std::nullopt;
}

}  // namespace orrery::wire
