#include "wire/endpoint.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "base/deadline_heap.h"
#include "wire/connection.h"
#include "wire/half_open.h"
#include "wire/ring.h"
#include "wire/session_keys.h"

namespace orrery::wire {

using Kind = ReceiverTable::Kind;

namespace {

/// Answers to handshake packets that wait for poll_transmit; more are dropped.
constexpr std::size_t answers_max = 4096;
constexpr std::size_t key_sets_waiting_max = 4;
/// An Attach that is here before its session, as after a hand-off: so many are kept, and answered when it comes so
/// soon.
constexpr std::size_t early_attaches_max = 256;
constexpr Duration early_attach_for = std::chrono::milliseconds{250};
constexpr std::uint32_t no_peer = UINT32_MAX;
constexpr unsigned connection_index_bits = 24;
/// A deadline this far away is looked at up to so much early, together with its neighbours: most have moved on by then,
/// and the owner is not woken for each.
constexpr Duration far_away = std::chrono::seconds{1};
constexpr Duration early_by = std::chrono::milliseconds{50};

/// When to look at a deadline that lies after `now`: after `now` too.
Instant look_at(Instant deadline, Instant now) {
  return deadline < now + far_away ? deadline : deadline - deadline.time_since_epoch() % early_by;
}

/// What a repeated Attach is known by, and its answer.
struct Answered {
  std::uint32_t client_id = 0;
  Key32 client_random{};
  std::array<std::uint8_t, attached_bytes> bytes{};

  bool is_of(const Attach& attach) const {
    return client_id == attach.client_id && client_random == attach.client_random;
  }
};

/// One answered Attach: its answer, and the keys until a packet opens under them.
struct KeySet {
  Answered answer;
  std::uint32_t receiver = 0;
  TrafficKeys keys;
  Address from;
};

struct EarlyAttach {
  Instant at;
  SessionId session;
  Epoch epoch;
  Address from;
  std::array<std::uint8_t, attach_bytes> bytes{};
};

struct Expected {
  ServerId self;
  Epoch epoch;
  Key32 k{};
  std::uint32_t peer = no_peer;  // index of its connection
  std::optional<Answered> live;
  std::vector<KeySet> waiting;  // oldest first

  ~Expected() { wipe(k); }
};

struct Peer {
  ConnectionId id;
  SessionId session;  // 0: a login connection
  std::uint32_t receiver = 0;
  bool owned = true;  // the owner still knows it
  bool ready = false;
  std::uint32_t held = 0;  // of held_bytes_
  Connection connection;
};

struct Answer {
  Address to;
  std::array<std::uint8_t, reply_bytes> bytes{};
  std::uint8_t size = 0;
};
static_assert(attached_bytes <= reply_bytes && cookie_bytes <= reply_bytes);

}  // namespace

class Endpoint::Impl {
 public:
  Impl(EndpointConfig config, Random& random) : config_(config), random_(random) { crypto_ready(); }

  void accept_logins(std::span<const Key32> static_keys, const std::string& cluster) {
    if (!half_open_) half_open_.emplace(config_, random_);
    half_open_->set_keys(static_keys, cluster);
  }
  void expect(SessionId session, Epoch epoch, ServerId self, const Key32& k);
  void forget(SessionId session, CloseReason reason);
  void let_go(SessionId session);
  Status send(ConnectionId id, Channel channel, Delivery delivery, ByteView bytes);
  void close(ConnectionId id, CloseReason reason);
  void on_datagrams(std::span<const Datagram> batch, Instant now);
  bool poll_transmit(Slot& slot, Instant now);
  std::optional<Instant> next_deadline() const;
  const Connection* connection(ConnectionId id) const {
    const Peer* peer = find(id);
    return peer ? &peer->connection : nullptr;
  }
  /// Time never goes back.
  Instant advance(Instant now) { return now_ = std::max(now_, now); }

  EffectQueue effects_;
  Statistics statistics_;
  std::size_t owned_count_ = 0;
  std::size_t held_bytes_ = 0;
  Instant now_ = Instant::min();

 private:
  void prefetch(const Datagram& datagram) const;
  void on_datagram(const Datagram& datagram, Instant now);
  void answer(const Address& to, ByteView bytes);
  void on_attach(const Datagram& datagram);
  void keep_early(const Attach& attach, const Datagram& datagram);
  void answer_early();
  void on_data(const Datagram& datagram, Instant now);
  void open_login(std::uint32_t receiver, std::uint64_t index, const Datagram& datagram, Instant now);
  void open_attached(std::uint32_t receiver, SessionId session, const Datagram& datagram, Instant now);
  void deliver(std::uint32_t index, const Datagram& datagram, Instant now);

  std::uint32_t add_peer(SessionId session, std::uint32_t receiver, Connection connection);
  Peer* find(ConnectionId id) const;
  void drop_waiting(Expected& expected);
  std::uint32_t index_of(ConnectionId id) const {
    return static_cast<std::uint32_t>(id.value & ((1u << connection_index_bits) - 1));
  }
  void make_ready(std::uint32_t index);
  void release(std::uint32_t index);
  void destroy(std::uint32_t index);
  void account(Peer& peer, std::size_t held);
  void give_up(std::uint32_t index, CloseReason reason);
  void run_deadlines(Instant now);

  EndpointConfig config_;
  Random& random_;
  std::optional<HalfOpenTable> half_open_;
  ReceiverTable receivers_;
  std::unordered_map<SessionId, Expected> expected_;
  Ring<EarlyAttach> early_attaches_;
  bool has_new_ = false;  // expected since they were looked through
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<std::uint32_t> free_peers_;
  std::uint64_t next_serial_ = 1;
  std::size_t login_count_ = 0;
  DeadlineHeap deadlines_;
  Ring<std::uint32_t> ready_;
  Ring<Answer> answers_;
};

void Endpoint::Impl::expect(SessionId session, Epoch epoch, ServerId self, const Key32& k) {
  if (!epoch) return;
  Expected& expected = expected_[session];
  if (epoch <= expected.epoch) return;
  drop_waiting(expected);
  expected.self = self;
  expected.epoch = epoch;
  expected.k = k;
  has_new_ = !early_attaches_.empty();
}

/// Forgets the key sets that wait, and their receiver ids (0: taken over).
void Endpoint::Impl::drop_waiting(Expected& expected) {
  for (const KeySet& set : expected.waiting)
    if (set.receiver != 0) receivers_.remove(set.receiver);
  expected.waiting.clear();
}

void Endpoint::Impl::forget(SessionId session, CloseReason reason) {
  const auto it = expected_.find(session);
  if (it == expected_.end()) return;
  if (it->second.peer != no_peer) close(peers_[it->second.peer]->id, reason);
  drop_waiting(it->second);
  expected_.erase(it);
}

void Endpoint::Impl::let_go(SessionId session) {
  const auto it = expected_.find(session);
  if (it == expected_.end()) return;
  drop_waiting(it->second);
  expected_.erase(it);
}

Status Endpoint::Impl::send(ConnectionId id, Channel channel, Delivery delivery, ByteView bytes) {
  Peer* peer = find(id);
  if (!peer) return Error{"the connection is gone", "ENOTCONN"};
  Status status = peer->connection.send(channel, delivery, bytes, statistics_);
  if (status) make_ready(index_of(id));
  return status;
}

void Endpoint::Impl::close(ConnectionId id, CloseReason reason) {
  Peer* peer = find(id);
  if (!peer) return;
  peer->connection.close(reason);
  account(*peer, 0);
  effects_.drop(id);
  make_ready(index_of(id));
  release(index_of(id));
}

Peer* Endpoint::Impl::find(ConnectionId id) const {
  const std::uint32_t index = index_of(id);
  if (index >= peers_.size() || !peers_[index]) return nullptr;
  Peer* peer = peers_[index].get();
  return peer->id == id && peer->owned ? peer : nullptr;
}

std::uint32_t Endpoint::Impl::add_peer(SessionId session, std::uint32_t receiver, Connection connection) {
  std::uint32_t index;
  if (free_peers_.empty()) {
    index = static_cast<std::uint32_t>(peers_.size());
    peers_.emplace_back();
  } else {
    index = free_peers_.back();
    free_peers_.pop_back();
  }
  const ConnectionId id{next_serial_++ << connection_index_bits | index};
  peers_[index] = std::make_unique<Peer>(Peer{.id = id,
                                              .session = session,
                                              .receiver = receiver,
                                              .owned = true,
                                              .ready = false,
                                              .held = 0,
                                              .connection = std::move(connection)});
  receivers_.set(receiver, {Kind::live, index});
  ++owned_count_;
  return index;
}

void Endpoint::Impl::make_ready(std::uint32_t index) {
  Peer& peer = *peers_[index];
  if (peer.ready) return;
  peer.ready = true;
  ready_.push_back(index);
}

/// The owner and the peer know it no more; it may still send.
void Endpoint::Impl::release(std::uint32_t index) {
  Peer& peer = *peers_[index];
  if (!peer.owned) return;
  peer.owned = false;
  --owned_count_;
  if (!peer.session) --login_count_;
  receivers_.remove(peer.receiver);
  const auto it = expected_.find(peer.session);
  if (it != expected_.end() && it->second.peer == index) {
    it->second.peer = no_peer;
    it->second.live.reset();
  }
}

/// Takes note of how much a connection holds now.
void Endpoint::Impl::account(Peer& peer, std::size_t held) {
  held_bytes_ += held;
  held_bytes_ -= peer.held;
  peer.held = static_cast<std::uint32_t>(held);
}

/// Ends a connection of our own accord, and says so to the owner.
void Endpoint::Impl::give_up(std::uint32_t index, CloseReason reason) {
  Peer& peer = *peers_[index];
  effects_.push(Closed{peer.id, peer.session, reason});
  peer.connection.abandon(reason);
  account(peer, 0);
  make_ready(index);
  release(index);
}

void Endpoint::Impl::destroy(std::uint32_t index) {
  account(*peers_[index], 0);
  release(index);
  deadlines_.remove(index);
  peers_[index].reset();
  free_peers_.push_back(index);
}

void Endpoint::Impl::answer(const Address& to, ByteView bytes) {
  if (answers_.size() >= answers_max) {
    ++statistics_.dropped_limited;
    return;
  }
  Answer answer;
  answer.to = to;
  answer.size = static_cast<std::uint8_t>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), answer.bytes.begin());
  answers_.push_back(answer);
}

void Endpoint::Impl::on_datagrams(std::span<const Datagram> batch, Instant now) {
  effects_.begin_batch();
  for (const Datagram& datagram : batch) prefetch(datagram);
  for (const Datagram& datagram : batch) on_datagram(datagram, now);
}

/// Of many thousands of connections few are in the processor's cache: they are read while others are served.
void Endpoint::Impl::prefetch(const Datagram& datagram) const {
  constexpr std::size_t line_bytes = 64;
  const auto header = decode_data_header(datagram.bytes);
  if (!header) return;
  const auto target = receivers_.find(header->receiver);
  if (target.kind != Kind::live) return;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(peers_[target.value].get());
  for (std::size_t at = 0; at < sizeof(Peer); at += line_bytes) __builtin_prefetch(bytes + at, 1);
}

void Endpoint::Impl::on_datagram(const Datagram& datagram, Instant now) {
  ++statistics_.datagrams_received;
  statistics_.bytes_received += datagram.bytes.size();
  const ByteView bytes = datagram.bytes;
  std::array<std::uint8_t, reply_bytes> buffer;
  if (bytes.empty()) {
    ++statistics_.dropped_malformed;
  } else if (bytes[0] == static_cast<std::uint8_t>(PacketType::data)) {
    on_data(datagram, now);
  } else if (is_hello_of_other_version(bytes)) {
    const std::size_t size = encode(VersionRange{protocol_version, protocol_version}, buffer);
    answer(datagram.from, ByteView(buffer).first(size));
  } else if (is_hello(bytes)) {
    if (!half_open_) {
      ++statistics_.dropped_unknown;
      return;
    }
    const std::size_t size = encode(half_open_->bake(datagram.from, now), buffer);
    answer(datagram.from, ByteView(buffer).first(size));
  } else if (bytes[0] == static_cast<std::uint8_t>(PacketType::init)) {
    const auto init = decode_init(bytes);
    if (!init) {
      ++statistics_.dropped_malformed;
    } else if (!half_open_) {
      ++statistics_.dropped_unknown;
    } else {
      half_open_->expire(now, receivers_);
      const ByteView reply = half_open_->on_init(*init, datagram.from, now, receivers_, random_, statistics_);
      if (!reply.empty()) answer(datagram.from, reply);
    }
  } else {
    on_attach(datagram);
  }
}

void Endpoint::Impl::on_attach(const Datagram& datagram) {
  const auto attach = decode_attach(datagram.bytes);
  if (!attach) {
    ++statistics_.dropped_malformed;
    return;
  }
  const auto it = expected_.find(attach->session);
  if (it == expected_.end() || it->second.self != attach->server || it->second.epoch != attach->epoch) {
    ++statistics_.dropped_unknown;
    if (it == expected_.end() || it->second.epoch < attach->epoch) keep_early(*attach, datagram);
    return;
  }
  Expected& expected = it->second;
  if (!equal_secret(attach_mac(expected.k, datagram.bytes.first(attach_mac_at)), attach->mac)) {
    ++statistics_.dropped_sealed;
    return;
  }
  if (expected.live && expected.live->is_of(*attach)) return answer(datagram.from, expected.live->bytes);
  // A copy from elsewhere gets a set of its own: what opens under a set was sent by who received its answer.
  for (const KeySet& set : expected.waiting)
    if (set.from == datagram.from && set.answer.is_of(*attach)) return answer(datagram.from, set.answer.bytes);
  if (expected.waiting.size() >= key_sets_waiting_max) {
    receivers_.remove(expected.waiting.front().receiver);
    expected.waiting.erase(expected.waiting.begin());
  }
  KeySet set;
  set.answer.client_id = attach->client_id;
  set.answer.client_random = attach->client_random;
  set.from = datagram.from;
  set.receiver = receivers_.add({Kind::waiting, attach->session.value}, random_);
  if (set.receiver == 0) {
    ++statistics_.dropped_limited;
    return;
  }
  AttachedPacket attached{attach->client_id, set.receiver, {}, {}};
  random_.fill(attached.server_random);
  encode(attached, set.answer.bytes);
  attached.mac = attached_mac(expected.k, attach->client_random, ByteView(set.answer.bytes).first(attached_mac_at));
  encode(attached, set.answer.bytes);
  set.keys = server_traffic_keys(expected.k, attach->client_random, attached.server_random);
  answer(datagram.from, set.answer.bytes);
  expected.waiting.push_back(set);
}

/// Anyone may send one: a flood crowds out the others, and their clients send theirs again.
void Endpoint::Impl::keep_early(const Attach& attach, const Datagram& datagram) {
  if (early_attaches_.size() >= early_attaches_max) early_attaches_.pop_front();
  EarlyAttach early{now_, attach.session, attach.epoch, datagram.from, {}};
  std::copy(datagram.bytes.begin(), datagram.bytes.end(), early.bytes.begin());
  early_attaches_.push_back(early);
}

void Endpoint::Impl::answer_early() {
  has_new_ = false;
  for (std::size_t left = early_attaches_.size(); left > 0; --left) {
    const EarlyAttach early = early_attaches_.front();
    early_attaches_.pop_front();
    if (now_ - early.at > early_attach_for) continue;
    const auto known = expected_.find(early.session);
    if (known == expected_.end() || known->second.epoch < early.epoch) {
      early_attaches_.push_back(early);
      continue;
    }
    --statistics_.dropped_unknown;
    on_attach({early.from, early.bytes});
  }
}

void Endpoint::Impl::on_data(const Datagram& datagram, Instant now) {
  const auto header = decode_data_header(datagram.bytes);
  if (!header) {
    ++statistics_.dropped_malformed;
    return;
  }
  const auto target = receivers_.find(header->receiver);
  switch (target.kind) {
    case Kind::none:
      ++statistics_.dropped_unknown;
      break;
    case Kind::half_open:
      open_login(header->receiver, target.value, datagram, now);
      break;
    case Kind::waiting:
      open_attached(header->receiver, SessionId{target.value}, datagram, now);
      break;
    case Kind::live:
      deliver(static_cast<std::uint32_t>(target.value), datagram, now);
      break;
  }
}

void Endpoint::Impl::open_login(std::uint32_t receiver, std::uint64_t index, const Datagram& datagram, Instant now) {
  const HalfOpenTable::Entry& entry = half_open_->at(index);
  if (!Connection::opens(entry.keys, datagram.bytes)) {
    ++statistics_.dropped_sealed;
    return;
  }
  if (login_count_ >= config_.logins_max) {
    ++statistics_.dropped_limited;
    return;
  }
  ++login_count_;
  const std::uint32_t peer = add_peer({}, receiver,
                                      Connection(Connection::Role::server, Connection::Use::login, entry.keys,
                                                 entry.init.client_id, entry.from, config_.timing, now));
  effects_.push(LoginOpened{peers_[peer]->id, entry.from, entry.handshake_hash});
  half_open_->take(index);
  deliver(peer, datagram, now);
}

void Endpoint::Impl::open_attached(std::uint32_t receiver, SessionId session, const Datagram& datagram, Instant now) {
  Expected& expected = expected_.at(session);
  const auto it = std::find_if(expected.waiting.begin(), expected.waiting.end(),
                               [&](const KeySet& set) { return set.receiver == receiver; });
  if (!Connection::opens(it->keys, datagram.bytes)) {
    ++statistics_.dropped_sealed;
    return;
  }
  const Answered answered = it->answer;
  const Address from = it->from;
  Connection connection(Connection::Role::server, Connection::Use::session, it->keys, answered.client_id, from,
                        config_.timing, now);
  it->receiver = 0;
  drop_waiting(expected);
  if (expected.peer == no_peer) {
    expected.peer = add_peer(session, receiver, std::move(connection));
  } else {
    Peer& peer = *peers_[expected.peer];
    account(peer, 0);
    receivers_.remove(peer.receiver);
    peer.receiver = receiver;
    peer.connection = std::move(connection);
    receivers_.set(receiver, {Kind::live, expected.peer});
  }
  expected.live = answered;
  effects_.push(Attached{peers_[expected.peer]->id, session, expected.epoch, from});
  deliver(expected.peer, datagram, now);
}

void Endpoint::Impl::deliver(std::uint32_t index, const Datagram& datagram, Instant now) {
  Peer& peer = *peers_[index];
  const std::size_t room = config_.held_bytes_max > held_bytes_ ? config_.held_bytes_max - held_bytes_ : 0;
  const auto received =
      peer.connection.on_data(datagram.bytes, datagram.from, now, peer.id, room, effects_, random_, statistics_);
  if (received == Connection::Received::dropped) return;
  account(peer, peer.connection.held_bytes());
  switch (received) {
    case Connection::Received::dropped:
    case Connection::Received::opened:
      make_ready(index);
      break;
    case Connection::Received::closed:
      effects_.push(Closed{peer.id, peer.session, peer.connection.closed_reason()});
      destroy(index);
      break;
    case Connection::Received::violation:
      give_up(index, CloseReason::protocol);
      break;
  }
}

void Endpoint::Impl::run_deadlines(Instant now) {
  if (half_open_) half_open_->expire(now, receivers_);
  while (!deadlines_.empty() && deadlines_.first_at() <= now) {
    const std::uint32_t index = deadlines_.first();
    Peer& peer = *peers_[index];
    const Instant at = peer.connection.next_deadline();
    if (at > now) {
      deadlines_.set(index, look_at(at, now));
      continue;
    }
    deadlines_.remove(index);
    if (const auto reason = peer.connection.expired(now))
      give_up(index, *reason);
    else
      make_ready(index);
  }
}

bool Endpoint::Impl::poll_transmit(Slot& slot, Instant now) {
  run_deadlines(now);
  if (has_new_) answer_early();
  if (!answers_.empty()) {
    const Answer& first = answers_.front();
    slot.to = first.to;
    slot.size = first.size;
    std::copy_n(first.bytes.begin(), first.size, slot.buffer.begin());
    answers_.pop_front();
    ++statistics_.datagrams_sent;
    statistics_.bytes_sent += slot.size;
    return true;
  }
  while (!ready_.empty()) {
    const std::uint32_t index = ready_.front();
    Peer* peer = peers_[index].get();
    if (peer && peer->connection.poll_transmit(slot, now, statistics_)) return true;
    ready_.pop_front();
    if (!peer) continue;
    peer->ready = false;
    if (peer->connection.is_finished())
      destroy(index);
    else
      deadlines_.bring_forward(index, look_at(peer->connection.next_deadline(), now));
  }
  return false;
}

std::optional<Instant> Endpoint::Impl::next_deadline() const {
  if (!answers_.empty() || !ready_.empty() || has_new_) return now_;
  std::optional<Instant> next;
  if (!deadlines_.empty()) next = deadlines_.first_at();
  if (half_open_)
    if (const auto at = half_open_->next_deadline(); at && (!next || *at < *next)) next = at;
  return next;
}

Endpoint::Endpoint(EndpointConfig config, Random& random) : impl_(std::make_unique<Impl>(config, random)) {}
Endpoint::~Endpoint() = default;

void Endpoint::accept_logins(std::span<const Key32> static_keys, const std::string& cluster) {
  impl_->accept_logins(static_keys, cluster);
}
void Endpoint::expect(SessionId session, Epoch epoch, ServerId self, const Key32& k) {
  impl_->expect(session, epoch, self, k);
}
void Endpoint::forget(SessionId session, CloseReason reason) { impl_->forget(session, reason); }
void Endpoint::let_go(SessionId session) { impl_->let_go(session); }
Status Endpoint::send(ConnectionId connection, Channel channel, Delivery delivery, ByteView bytes) {
  return impl_->send(connection, channel, delivery, bytes);
}
void Endpoint::close(ConnectionId connection, CloseReason reason) { impl_->close(connection, reason); }
void Endpoint::on_datagrams(std::span<const Datagram> batch, Instant now) {
  impl_->on_datagrams(batch, impl_->advance(now));
}
bool Endpoint::poll_transmit(Slot& slot, Instant now) { return impl_->poll_transmit(slot, impl_->advance(now)); }
bool Endpoint::poll_effect(Effect& effect) { return impl_->effects_.poll(effect); }
std::optional<Instant> Endpoint::next_deadline() const { return impl_->next_deadline(); }
const Statistics& Endpoint::statistics() const { return impl_->statistics_; }
std::size_t Endpoint::connection_count() const { return impl_->owned_count_; }
std::optional<Duration> Endpoint::rtt(ConnectionId id) const {
  const Connection* connection = impl_->connection(id);
  return connection ? connection->rtt() : std::nullopt;
}
std::optional<Quality> Endpoint::quality(ConnectionId id) const {
  const Connection* connection = impl_->connection(id);
  return connection ? std::optional(connection->quality(impl_->now_)) : std::nullopt;
}
std::optional<ConnectionStatistics> Endpoint::connection_statistics(ConnectionId id) const {
  const Connection* connection = impl_->connection(id);
  return connection ? std::optional(connection->statistics()) : std::nullopt;
}
std::size_t Endpoint::held_bytes() const { return impl_->held_bytes_; }

}  // namespace orrery::wire
