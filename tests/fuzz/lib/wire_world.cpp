#include "wire_world.h"

#include <sanitizer/allocator_interface.h>

#include <algorithm>

namespace orrery::fuzz {

using namespace wire;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t flying_max = 256, recorded_max = 64;
constexpr std::size_t packets_at_once_max = 4096;
constexpr std::size_t header_bytes = 9;  // of a message: stream 4, channel 1, sequence 4
// Both ends of every connection, with what flies and what is remembered of it.
constexpr std::size_t allocated_max = 8 << 20;
constexpr std::array<int, 8> waits_ms{1, 7, 30, 100, 300, 1000, 3000, 11000};
const Address server = address_of("192.0.2.1:7777");
constexpr ServerId server_id{77};
const Key32 static_key = key_of(5);

Key32 k_of(SessionId session, Epoch epoch) {
  return key_of(static_cast<std::uint8_t>(session.value * 32 + epoch.value));
}

EndpointConfig config() {
  EndpointConfig config;
  config.half_open_max = 3;  // so that the bounds are met
  config.logins_max = 3;
  return config;
}

std::uint8_t filler(std::uint32_t stream, std::uint32_t sequence) {
  return static_cast<std::uint8_t>(stream * 31 + sequence * 7 + 3);
}

}  // namespace

WireWorld::WireWorld(std::uint64_t seed) : random_(seed), endpoint_(config(), random_) {
  endpoint_.accept_logins({&static_key, 1}, "dev");
  constexpr std::array<const char*, player_count> homes{"198.51.100.1:4000", "198.51.100.1:4001", "203.0.113.7:4000",
                                                        "[2001:db8::1]:4000"};
  for (std::size_t i = 0; i < player_count; ++i) {
    players_[i].address = address_of(homes[i]);
    players_[i].session = SessionId{i + 1};
    players_[i].epoch = Epoch{1};
  }
  allocated_before_ = __sanitizer_get_current_allocated_bytes();
}

void WireWorld::dial(Player& player, bool login) {
  player.dialer.reset();
  if (login) {
    player.dialer.emplace(LoginTarget{server, "dev", {public_key(key_of(5))}}, Timing{}, std::chrono::seconds{20},
                          random_, now_);
  } else {
    const Key32 k = k_of(player.session, player.epoch);
    endpoint_.expect(player.session, player.epoch, server_id, k);
    player.dialer.emplace(AttachTarget{server, player.session, server_id, player.epoch, k}, Timing{},
                          std::chrono::seconds{20}, random_, now_);
  }
  player.stream = ++last_stream_;
  player.hears = 0;
  player.closed = false;
}

std::optional<Bytes> WireWorld::message(std::uint32_t stream, std::uint32_t sequence, Channel channel,
                                        std::size_t size) {
  Bytes bytes(std::max(size, header_bytes), filler(stream, sequence));
  Writer writer(bytes);
  writer.put(stream);
  writer.put(static_cast<std::uint8_t>(channel));
  writer.put(sequence);
  return bytes;
}

/// Whole and unchanged, over the one connection it was sent on, once, and in order where that was asked for.
void WireWorld::hear(std::uint32_t& hears, const Message& message) {
  Reader reader(message.bytes);
  const auto id = reader.take<std::uint32_t>();
  const auto channel = reader.take<std::uint8_t>();
  const auto sequence = reader.take<std::uint32_t>();
  check(reader.ok() && channel == static_cast<std::uint8_t>(message.channel), "a message comes on its channel");
  const ByteView rest = reader.rest();
  check(std::ranges::all_of(rest, [&](std::uint8_t b) { return b == filler(id, sequence); }), "a message is unchanged");
  if (hears == 0) hears = id;
  check(hears == id, "a connection carries one peer's messages");
  Stream& stream = streams_.at(id);
  if (message.delivery == Delivery::reliable) {
    check(sequence == stream.heard[channel]++, "reliable messages come once and in order");
  } else {
    check(stream.heard_unreliable.insert(sequence).second, "an unreliable message comes once at most");
  }
}

void WireWorld::give_server(const Address& from, ByteView bytes) {
  traffic_[from].in += bytes.size();
  const Datagram datagram{from, bytes};
  endpoint_.on_datagrams({&datagram, 1}, now_);
  collect_server();
}

void WireWorld::deliver(const Flight& flight) {
  if (flight.to == server) return give_server(flight.from, flight.bytes);
  for (Player& player : players_) {
    if (player.address != flight.to || !player.dialer) continue;
    if (flight.from == server) traffic_[flight.to].reached = true;
    player.dialer->on_datagram(flight.bytes, now_);
    collect(player);
  }
}

void WireWorld::collect_server() {
  Effect effect;
  while (endpoint_.poll_effect(effect)) {
    if (const auto* opened = std::get_if<LoginOpened>(&effect)) {
      check(!peers_.contains(opened->connection) && !gone_.contains(opened->connection), "a connection's id is new");
      peers_[opened->connection] = {{}, ++last_stream_, 0};
      streams_[last_stream_];
    } else if (const auto* attached = std::get_if<Attached>(&effect)) {
      check(!gone_.contains(attached->connection), "a connection that is gone does not come back");
      peers_[attached->connection] = {attached->session, ++last_stream_, 0};
      streams_[last_stream_];
    } else if (const auto* closed = std::get_if<Closed>(&effect)) {
      check(peers_.erase(closed->connection) == 1, "the end of a connection is told once");
      gone_.insert(closed->connection);
    } else if (const auto* message = std::get_if<Message>(&effect)) {
      const auto peer = peers_.find(message->connection);
      check(peer != peers_.end(), "a message is of a connection that is open");
      hear(peer->second.hears, *message);
    }
  }
  check(endpoint_.connection_count() == peers_.size(), "the endpoint counts its connections");
}

void WireWorld::collect(Player& player) {
  Effect effect;
  while (player.dialer->poll_effect(effect)) {
    check(!player.closed, "nothing is told after the end");
    if (std::holds_alternative<Closed>(effect)) player.closed = true;
    if (const auto* message = std::get_if<Message>(&effect)) hear(player.hears, *message);
  }
}

/// Lets everybody send what they have to, and looks at what must hold.
void WireWorld::settle() {
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer, 0};
  std::size_t sent = 0;
  const auto fly = [&](const Address& from) {
    check(++sent < packets_at_once_max, "nobody sends without end");
    if (flying_.size() < flying_max)
      flying_.push_back(
          {from, slot.to, Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(slot.size))});
  };
  while (endpoint_.poll_transmit(slot, now_)) {
    Traffic& traffic = traffic_[slot.to];
    traffic.out += slot.size;
    check(traffic.reached || traffic.out <= traffic.in,
          "an address that nothing has reached is sent no more than came from it");
    fly(server);
  }
  collect_server();
  if (const auto next = endpoint_.next_deadline()) check(*next > now_, "an endpoint with nothing to do waits");
  for (Player& player : players_) {
    if (!player.dialer) continue;
    while (player.dialer->poll_transmit(slot, now_)) fly(player.address);
    collect(player);
    if (const auto next = player.dialer->next_deadline()) check(*next > now_, "a dialer with nothing to do waits");
  }
  check(__sanitizer_get_current_allocated_bytes() < allocated_before_ + allocated_max, "memory is bounded");
}

WireWorld::Flight WireWorld::take(std::size_t i) {
  Flight flight = std::move(flying_[i]);
  flying_.erase(flying_.begin() + static_cast<std::ptrdiff_t>(i));
  recorded_.push_back(flight);
  if (recorded_.size() > recorded_max) recorded_.pop_front();
  return flight;
}

void WireWorld::step(Input& input) {
  const std::uint8_t op = input.byte();
  Player& player = players_[(op >> 5) % player_count];
  const auto peer = std::ranges::find_if(peers_, [&, skip = (op >> 5)](const auto&) mutable { return skip-- == 0; });
  const auto channel = static_cast<Channel>(op % channel_count);
  const auto pick = [&] { return flying_.empty() ? 0 : input.byte() % flying_.size(); };
  switch (op % 32) {
    case 0:
    case 1:
      dial(player, op % 32 == 0);
      streams_[player.stream];
      break;
    case 2:
      player.epoch = Epoch{player.epoch.value % 31 + 1};
      break;
    case 3:
    case 4:
    case 5:  // a channel each
      if (player.dialer) {
        Stream& stream = streams_[player.stream];
        auto& next = stream.sent[static_cast<std::size_t>(channel)];
        const auto bytes = message(player.stream, next, channel, input.number<std::uint16_t>() % 13000);
        if (player.dialer->send(channel, Delivery::reliable, *bytes)) ++next;
      }
      break;
    case 6:
    case 7:
    case 8:
      if (peer != peers_.end()) {
        auto& next = streams_[peer->second.stream].sent[static_cast<std::size_t>(channel)];
        const auto bytes = message(peer->second.stream, next, channel, input.number<std::uint16_t>() % 13000);
        if (endpoint_.send(peer->first, channel, Delivery::reliable, *bytes)) ++next;
      }
      break;
    case 9:
      if (player.dialer) {
        auto& next = streams_[player.stream].sent_unreliable;
        const auto bytes = message(player.stream, next, channel, input.number<std::uint16_t>() % 1160);
        if (player.dialer->send(channel, Delivery::unreliable, *bytes)) ++next;
      }
      break;
    case 10:
      if (peer != peers_.end()) {
        auto& next = streams_[peer->second.stream].sent_unreliable;
        const auto bytes = message(peer->second.stream, next, channel, input.number<std::uint16_t>() % 1160);
        if (endpoint_.send(peer->first, channel, Delivery::unreliable, *bytes)) ++next;
      }
      break;
    case 11:
    case 12:
    case 13:  // in order, and the answers to it
      for (std::size_t n = std::size_t{1} << (op >> 5); n > 0 && !flying_.empty(); --n) {
        deliver(take(0));
        settle();
      }
      break;
    case 14:
      if (!flying_.empty()) deliver(take(pick()));
      break;
    case 15:
      if (!flying_.empty()) (void)take(pick());
      break;
    case 16:
      if (!flying_.empty()) deliver(Flight(flying_[pick()]));
      break;
    case 17:
      if (!flying_.empty()) {
        Flight flight = take(pick());
        flight.bytes = bent(input, flight.bytes);
        deliver(flight);
      }
      break;
    case 18:
      if (!recorded_.empty()) deliver(Flight(recorded_[input.byte() % recorded_.size()]));
      break;
    case 19:  // a copy of what somebody sent, from another's address
      if (!flying_.empty()) {
        const Flight copy = flying_[pick()];
        if (copy.to == server) give_server(player.address, copy.bytes);
      }
      break;
    case 20:  // back to where it came from
      if (!flying_.empty()) {
        const Flight flight = take(pick());
        deliver({flight.to, flight.from, flight.bytes});
      }
      break;
    case 21:
      player.address.port = static_cast<std::uint16_t>(player.address.port + 1 + input.byte() % 3);
      break;
    case 22:
      if (player.dialer) {
        player.dialer->close(static_cast<CloseReason>(input.byte() % 9));
        player.closed = true;
      }
      break;
    case 23:
      if (peer != peers_.end()) {
        endpoint_.close(peer->first, static_cast<CloseReason>(input.byte() % 9));
        gone_.insert(peer->first);
        peers_.erase(peer);
      }
      break;
    case 24: {
      endpoint_.forget(player.session, CloseReason::moved);
      std::erase_if(peers_, [&](const auto& entry) {
        if (entry.second.session != player.session) return false;
        gone_.insert(entry.first);
        return true;
      });
      break;
    }
    case 25:
      player.dialer.reset();
      break;
    case 26:
      flying_.clear();
      break;
    case 27:  // any bytes at all
      give_server(player.address, input.string(datagram_bytes_max + 64));
      break;
    case 28:
      if (player.dialer) {
        player.dialer->on_datagram(input.string(datagram_bytes_max + 64), now_);
        collect(player);
      }
      break;
    default:
      now_ += milliseconds{waits_ms[op >> 5]};
      break;
  }
  settle();
}

void WireWorld::end() {
  for (Player& player : players_) player.dialer.reset();
  flying_.clear();
  recorded_.clear();
  for (int i = 0; i < 60 && endpoint_.next_deadline(); ++i) {
    now_ += milliseconds{500};
    settle();
    flying_.clear();
  }
  check(endpoint_.connection_count() == 0, "silent connections lapse");
  check(!endpoint_.next_deadline(), "nothing is waited for when nobody is there");
}

}  // namespace orrery::fuzz
