#include "wire_sim/wire_checker.h"

#include <algorithm>

#include "wire_sim/server_process.h"

namespace orrery::wire_sim {
namespace {

// docs/protocol.md's times, and what clocks of different rates make of them.
constexpr Duration cookie_for = 10s, half_open_for = 5s, early_for = 250ms, clock_slack = 10ms;
constexpr int closes = 3;
constexpr Duration closes_within = 1s;
constexpr std::size_t kept_max = 64;
// What may be on its way in a channel.
constexpr std::size_t window_pieces = 32, piece_extra = 48, full_piece = 1151 + piece_extra;
constexpr std::array<std::size_t, 3> window_bytes{12 * full_piece, 12 * full_piece, 4 * full_piece};
constexpr std::size_t login_window_bytes = 4 * full_piece;  // to a login server

template <class T>
bool has(const std::vector<T>& list, const T& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}
template <class T>
void add(std::vector<T>& list, const T& one) {
  if (!has(list, one)) list.push_back(one);
}

std::uint64_t hash_of(ByteView bytes, std::uint64_t seed) {
  std::uint64_t hash = 0xcbf29ce484222325u ^ seed;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
  return hash;
}

}  // namespace

// What leaves.

void WireChecker::sent_by_server(const ServerProcess& server, Packet& packet) {
  if (packet.bytes.empty() || packet.bytes.size() > 1200) broken("a datagram of no length that the protocol has");
  if (packet.bytes[0] == protocol::type_data) return sealed(packet, false);
  Acquaintance& to = acquaintances_[{server.number(), packet.to}];
  to.unproved_out += packet.bytes.size();
  answered(server, packet, to);
  if (to.unproved_out > to.in)
    broken(fmt::format("{} was sent {} bytes and has sent {}: an unproved address is sent more than it sends",
                       packet.to.to_string(), to.unproved_out, to.in));
}

void WireChecker::answered(const ServerProcess& server, const Packet& packet, Acquaintance& to) {
  switch (packet.bytes[0]) {
    case protocol::type_cookie:
      to.cookies.push_back({Bytes(packet.bytes.begin() + 2, packet.bytes.end()), world_.now()});
      if (to.cookies.size() > kept_max) to.cookies.erase(to.cookies.begin());
      return;
    case protocol::type_reply:
      return replied(server, packet, to);
    case protocol::type_attached:
      return attached(server, packet, to);
    case protocol::type_version:
      return;
    default:
      broken("a server sends what only clients send");
  }
}

void WireChecker::replied(const ServerProcess& server, const Packet& packet, Acquaintance& to) {
  const auto reply = protocol::read_reply(packet.bytes);
  if (!reply) broken("a malformed Reply");
  if (!to.init_answers.take(world_.now()))
    broken(fmt::format("{} is sent a Reply and sent no Init with a cookie of its own", packet.to.to_string()));
  for (auto it = to.inits.rbegin(); it != to.inits.rend(); ++it) {
    InitTaken& taken = *it;
    if (taken.init.client_id != reply->client_id) continue;
    if (!taken.reply.empty()) {
      if (taken.reply == packet.bytes) return;
      // Opened, or replaced by another Init of the same address, and asked again: a new one is right then.
      const bool is_only = std::all_of(to.inits.begin(), to.inits.end(), [&](const InitTaken& other) {
        return other.at < taken.reply_at || other.init.noise == taken.init.noise;
      });
      if (is_only && !taken.pairing->has_opened && world_.now() - taken.reply_at < half_open_for - clock_slack)
        broken("a repeated Init was answered by a new Reply");
    }
    for (const Key32& ephemeral : server.random().drawn()) {
      Key32& own = public_of_[ephemeral];
      if (own == Key32{}) own = protocol::public_of(ephemeral);
      if (!std::equal(own.begin(), own.end(), reply->noise.begin())) continue;
      for (const Key32& secret : database_.static_keys()) {
        const auto traffic = protocol::noise_traffic("dev", secret, ephemeral, taken.init.noise, reply->noise);
        if (!traffic) continue;
        taken.reply = packet.bytes;
        taken.reply_at = to.login_reply_at = world_.now();
        Pairing& made = pair(server.number(), taken.client, reply->client_id, reply->server_id, *traffic);
        made.told = made.validated = {packet.to};  // by the cookie
        taken.pairing = &made;
        return;
      }
    }
  }
  broken("a Reply that answers no Init");
}

/// The answer to an Attach that was there before the server held its session, as it does now.
bool WireChecker::take_early(const ServerProcess& server, Acquaintance& to) {
  const auto& held = server.host().sessions();
  const auto found = std::find_if(to.early_attaches.begin(), to.early_attaches.end(), [&](const EarlyAttach& early) {
    const auto session = held.find(SessionId{early.attach.session});
    return session != held.end() && session->second.epoch.value == early.attach.epoch &&
           world_.now() - early.at <= early_for + clock_slack;
  });
  if (found == to.early_attaches.end()) return false;
  to.early_attaches.erase(found);
  return true;
}

void WireChecker::attached(const ServerProcess& server, const Packet& packet, Acquaintance& to) {
  const auto answer = protocol::read_attached(packet.bytes);
  if (!answer) broken("a malformed Attached");
  if (!to.attach_answers.take(world_.now()) && !take_early(server, to))
    broken(fmt::format("{} is sent an Attached and sent no Attach that the server may answer", packet.to.to_string()));
  for (Pairing* known : by_server_[{server.number(), answer->client_id}]) {
    if (known->server_id != answer->server_id || known->server_random != answer->random) continue;
    add(known->told, packet.to);
    return;
  }
  for (auto it = to.attaches.rbegin(); it != to.attaches.rend(); ++it) {
    const AttachTaken& taken = *it;
    if (taken.attach.client_id != answer->client_id ||
        !protocol::attached_mac_holds(taken.k, taken.attach.random, packet.bytes))
      continue;
    if (!server_randoms_.insert(answer->random).second)
      broken("a server random was used for two attaches: traffic keys may be used again");
    Pairing& made = pair(server.number(), taken.client, answer->client_id, answer->server_id,
                         protocol::attach_traffic(taken.k, taken.attach.random, answer->random));
    made.session = taken.attach.session;
    made.server_random = answer->random;
    made.told = {packet.to};
    return;
  }
  broken("an Attached whose mac is of no Attach that was taken");
}

WireChecker::Pairing& WireChecker::pair(std::uint64_t server, std::uint64_t client, std::uint32_t client_id,
                                        std::uint32_t server_id, const protocol::Traffic& traffic) {
  if (!keys_.insert(traffic.client_to_server).second || !keys_.insert(traffic.server_to_client).second)
    broken("traffic keys were made twice");
  pairings_.push_back(std::make_unique<Pairing>());
  Pairing& made = *pairings_.back();
  made.server = server;
  made.client = client;
  made.client_id = client_id;
  made.server_id = server_id;
  made.up.key = traffic.client_to_server;
  made.up.sender = client;
  made.down.key = traffic.server_to_client;
  made.down.sender = server;
  by_server_[{server, client_id}].push_back(&made);
  by_client_[{client, server_id}].push_back(&made);
  return made;
}

void WireChecker::sent_by_client(Packet& packet) {
  if (packet.bytes.empty() || packet.bytes.size() > 1200) broken("a datagram of no length that the protocol has");
  if (packet.bytes[0] == protocol::type_data) sealed(packet, true);
}

void WireChecker::sealed(Packet& packet, bool is_up) {
  const auto header = protocol::read_header(packet.bytes);
  if (!header) broken("a malformed Data packet");
  const auto found = (is_up ? by_client_ : by_server_).find({packet.sender, header->receiver});
  if (found != (is_up ? by_client_ : by_server_).end()) {
    for (auto it = found->second.rbegin(); it != found->second.rend(); ++it) {
      Pairing& pairing = **it;
      Way& way = is_up ? pairing.up : pairing.down;
      const auto plain = protocol::open(way.key, packet.bytes);
      if (!plain) continue;
      ++opened_packets_;
      if (header->counter < way.next)
        broken(fmt::format("nonce {} was used twice under one key (process {})", header->counter, packet.sender));
      way.next = header->counter + 1;
      const auto payload = protocol::read_payload(*plain);
      if (!payload) broken("a process seals what it may not send");
      read_frames(pairing, way, is_up ? pairing.down : pairing.up, *payload, packet);
      if (!is_up) sent_to(pairing, *payload, packet);
      sealed_.push_back(Sealed{&pairing, is_up, header->counter, payload->ack, payload->responses});
      packet.mark = sealed_.size();
      return;
    }
  }
  if (is_up && misled_.contains({packet.sender, header->receiver}))
    return world_.count("packets to where a corrupted Reply pointed");
  broken(fmt::format("process {} sends a Data packet under keys that nobody agreed on", packet.sender));
}

void WireChecker::read_frames(Pairing& pairing, Way& way, const Way& back, const protocol::Payload& payload,
                              const Packet& packet) {
  if (payload.ack) {
    for (std::uint64_t n = 0; n <= 32; ++n) {
      if (n > 0 && (payload.ack->bitmap >> (n - 1) & 1) == 0) continue;
      const std::uint64_t counter = payload.ack->largest - n;
      if (n > payload.ack->largest || counter >= back.arrived.size() || !back.arrived[counter])
        broken(fmt::format("process {} acknowledges packet {}, which never reached it", packet.sender, counter));
    }
  }
  for (const protocol::PieceFrame& piece : payload.pieces) read_piece(pairing, way, piece, packet);
  if (payload.closes > 0 && way.closes++ == 0) watch_close(way);
}

void WireChecker::read_piece(const Pairing& pairing, Way& way, const protocol::PieceFrame& frame,
                             const Packet& packet) {
  way.carried.insert({way.next - 1, {frame.channel, frame.sequence}});
  Stream& stream = way.streams[frame.channel];
  auto& pieces = stream.pieces;
  const std::uint64_t hash = hash_of(frame.bytes, frame.more ? 1 : 0);
  if (frame.sequence < pieces.size()) {
    if (pieces[frame.sequence].hash != hash)
      broken(fmt::format("process {} sends piece {} again, and other bytes", packet.sender, frame.sequence));
    return;
  }
  if (frame.sequence > pieces.size()) broken("a piece that does not follow the one before");
  pieces.push_back({hash, frame.bytes.size() + piece_extra, frame.more, false});
  std::size_t cost = 0;
  for (std::size_t at = stream.base; at < pieces.size(); ++at) cost += pieces[at].cost;
  const bool to_login = pairing.session == 0 && &way == &pairing.up;
  const std::size_t window = to_login ? login_window_bytes : window_bytes[frame.channel];
  if (pieces.size() - stream.base > window_pieces || cost > window)
    broken(fmt::format("process {} sends piece {} of channel {} beyond the window: {} pieces from {} on cost {}",
                       packet.sender, frame.sequence, frame.channel, pieces.size() - stream.base, stream.base, cost));
  if (pieces.size() - stream.base == window_pieces || cost + piece_extra > window) world_.count("windows filled");
}

/// The sender of what went this way learns what has arrived.
void WireChecker::take_ack(Way& way, const protocol::Ack& ack) {
  for (std::uint64_t n = 0; n <= 32; ++n) {
    if (n > 0 && (ack.bitmap >> (n - 1) & 1) == 0) continue;
    const auto [begin, end] = way.carried.equal_range(ack.largest - n);
    for (auto it = begin; it != end; ++it) way.streams[it->second.first].pieces[it->second.second].acked = true;
    way.carried.erase(begin, end);
  }
  for (Stream& stream : way.streams)
    for (std::size_t at = stream.base; at < stream.pieces.size() && stream.pieces[at].acked; ++at)
      if (!stream.pieces[at].more) stream.base = at + 1;
}

/// What a server sends to an address that has not proved to be the client's.
void WireChecker::sent_to(Pairing& pairing, const protocol::Payload& payload, const Packet& packet) {
  for (const auto& token : payload.challenges) {
    pairing.challenges[packet.to].insert(token);
    if (pairing.highest_from != packet.to)
      broken(fmt::format("{} is challenged, but the newest packet came from {}", packet.to.to_string(),
                         pairing.highest_from.to_string()));
  }
  if (has(pairing.validated, packet.to)) return;
  if (!payload.has_only_challenges())
    broken(fmt::format("{} is sent more than a challenge, and has not proved to be the client's address",
                       packet.to.to_string()));
  Acquaintance& to = acquaintances_[{pairing.server, packet.to}];
  to.unproved_out += packet.bytes.size();
  if (to.unproved_out > to.in)
    broken(fmt::format("{} was sent {} bytes and has sent {}: an unproved address is sent more than it sends",
                       packet.to.to_string(), to.unproved_out, to.in));
}

void WireChecker::watch_close(Way& way) {
  const Time from = world_.now();
  world_.timeline.in(closes_within, [this, &way, from] {
    const auto disturbed = disturbed_.find(way.sender);
    if (disturbed != disturbed_.end() && disturbed->second >= from) return;
    if (way.closes != closes)
      broken(fmt::format("process {} said goodbye {} times, not {}: a disconnect is redundant", way.sender, way.closes,
                         closes));
  });
}

// What arrives.

void WireChecker::reaches_server(const ServerProcess& server, const Arrived& arrived) {
  if (arrived.bytes.empty()) return;
  Acquaintance& from = acquaintances_[{server.number(), arrived.from}];
  from.in += arrived.bytes.size();
  switch (arrived.bytes[0]) {
    case protocol::type_init:
      return take_init(server, arrived, from);
    case protocol::type_attach:
      return take_attach(server, arrived, from);
    case protocol::type_data:
      if (arrived.altered || arrived.packet->mark == 0) return;
      if (const Sealed& sealed = sealed_[arrived.packet->mark - 1];
          sealed.is_up && sealed.pairing->server == server.number())
        take_data(sealed, arrived);
      return;
    default:
      return;
  }
}

void WireChecker::take_init(const ServerProcess&, const Arrived& arrived, Acquaintance& from) {
  const auto init = protocol::read_init(arrived.bytes);
  if (!init) return;
  const bool is_given = std::any_of(from.cookies.begin(), from.cookies.end(), [&](const CookieGiven& given) {
    return given.bytes == init->cookie && world_.now() - given.at <= cookie_for + clock_slack;
  });
  if (!is_given) return;
  from.init_answers.add(world_.now());
  const auto known = std::find_if(from.inits.begin(), from.inits.end(), [&](const InitTaken& taken) {
    return taken.init.client_id == init->client_id && taken.init.noise == init->noise;
  });
  if (known != from.inits.end()) {
    known->at = world_.now();
    return;
  }
  from.inits.push_back({*init, arrived.packet->sender, world_.now(), {}, {}});
  if (from.inits.size() > kept_max) from.inits.pop_front();
}

void WireChecker::take_attach(const ServerProcess& server, const Arrived& arrived, Acquaintance& from) {
  const auto attach = protocol::read_attach(arrived.bytes);
  if (!attach || attach->server != server.id().value) return;
  const Database::Session* session = database_.session(SessionId{attach->session});
  const auto& held = server.host().sessions();
  const auto found = held.find(SessionId{attach->session});
  const std::uint64_t epoch = found == held.end() ? 0 : found->second.epoch.value;
  if (session == nullptr || epoch > attach->epoch) return;
  const Key32 k = protocol::session_key(session->root, attach->session, attach->server, attach->epoch);
  if (!protocol::attach_mac_holds(k, arrived.bytes)) return;
  if (epoch == attach->epoch) {
    from.attach_answers.add(world_.now());
  } else {
    from.early_attaches.push_back({*attach, world_.now()});
    if (from.early_attaches.size() > kept_max) from.early_attaches.pop_front();
  }
  from.attaches.push_back({*attach, arrived.packet->sender, k});
  if (from.attaches.size() > kept_max) from.attaches.pop_front();
}

void WireChecker::take_data(const Sealed& sealed, const Arrived& arrived) {
  Pairing& pairing = *sealed.pairing;
  auto& seen = pairing.up.arrived;
  if (seen.size() <= sealed.counter) seen.resize(sealed.counter + 1);
  const bool is_new = !seen[sealed.counter];
  seen[sealed.counter] = true;
  if (!is_new) return;
  if (sealed.ack) take_ack(pairing.down, *sealed.ack);
  const bool is_first = !std::exchange(pairing.has_opened, true);
  if (is_first || sealed.counter > pairing.highest) {
    pairing.highest = sealed.counter;
    pairing.highest_from = arrived.from;
  }
  // Who speaks under the keys has received the answer that made them, where it was sent.
  if (has(pairing.told, arrived.from)) add(pairing.validated, arrived.from);
  if (is_first && pairing.told.size() == 1) add(pairing.validated, pairing.told.front());
  for (const auto& token : sealed.responses) {
    const auto asked = pairing.challenges.find(arrived.from);
    if (asked != pairing.challenges.end() && asked->second.contains(token)) add(pairing.validated, arrived.from);
  }
}

void WireChecker::reaches_client(std::uint64_t client, const Arrived& arrived) {
  if (arrived.altered) {
    // Receiver ids are outside of the handshake hash.
    if (const auto reply = protocol::read_reply(arrived.bytes)) misled_.insert({client, reply->server_id});
    return;
  }
  if (arrived.packet->mark == 0) return;
  const Sealed& sealed = sealed_[arrived.packet->mark - 1];
  if (sealed.is_up || sealed.pairing->client != client) return;
  auto& seen = sealed.pairing->down.arrived;
  if (seen.size() <= sealed.counter) seen.resize(sealed.counter + 1);
  const bool is_new = !seen[sealed.counter];
  seen[sealed.counter] = true;
  if (is_new && sealed.ack) take_ack(sealed.pairing->up, *sealed.ack);
}

void WireChecker::login_opened(const ServerProcess& server, const Address& from) {
  const Time at = acquaintances_[{server.number(), from}].login_reply_at;
  if (at == Time::min()) broken("a login was opened from an address that was sent no Reply");
  if (world_.now() - at > half_open_for + clock_slack)
    broken(fmt::format("a half-open login of {} was opened after {} ms", from.to_string(), (world_.now() - at) / 1ms));
}

}  // namespace orrery::wire_sim
