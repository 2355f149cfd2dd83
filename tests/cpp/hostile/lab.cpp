#include "lab.h"

#include "wire/session_keys.h"

namespace orrery::wire::test {

EndpointConfig unlimited() {
  EndpointConfig config;
  config.inits_per_second_max = 1'000'000'000;
  return config;
}

std::size_t Outcome::answered_bytes() const {
  std::size_t total = 0;
  for (const Bytes& answer : answers) total += answer.size();
  return total;
}

std::string Outcome::to_string() const {
  return std::to_string(answers.size()) + " answers, " + std::to_string(effects.size()) +
         " effects, dropped: " + std::to_string(after.dropped_malformed - before.dropped_malformed) + " malformed, " +
         std::to_string(after.dropped_unknown - before.dropped_unknown) + " unknown, " +
         std::to_string(after.dropped_sealed - before.dropped_sealed) + " not sealed, " +
         std::to_string(after.dropped_replayed - before.dropped_replayed) + " replayed, " +
         std::to_string(after.dropped_limited - before.dropped_limited) + " limited";
}

Lab::Lab(Family family, const EndpointConfig& config, std::uint64_t seed) : random(seed), endpoint(config, random) {
  const bool v6 = family == Family::v6;
  server = address(v6 ? "[2001:db8::1]:7777" : "192.0.2.1:7777");
  home = address(v6 ? "[2001:db8:1::1]:4000" : "198.51.100.1:4000");
  elsewhere = address(v6 ? "[2001:db8:2::1]:4000" : "198.51.100.2:4000");
  healthy_home = address(v6 ? "[2001:db8:3::1]:4000" : "203.0.113.1:4000");
  endpoint.accept_logins({&static_key, 1}, "dev");
  endpoint.expect(hostile_session, epoch, self, key(1));
  endpoint.expect(healthy_session, epoch, self, key(2));
  healthy_.emplace(attach(epoch, key(2), self, healthy_session));
  const Instant until = now + seconds{1};
  while (now < until) {
    pump_healthy();
    now += milliseconds{10};
  }
  EXPECT_TRUE(healthy_->is_open());
  for (const Attached& attached : all<Attached>(healthy_told_)) healthy_id_ = attached.connection;
}

Dialer Lab::login(const Key32& server_key) {
  return Dialer(LoginTarget{server, "dev", {server_key}}, {}, seconds{30}, random, now);
}

Dialer Lab::attach(Epoch at_epoch, const Key32& k, ServerId server_id, SessionId session) {
  return Dialer(AttachTarget{server, session, server_id, at_epoch, k}, {}, seconds{30}, random, now);
}

Bytes Lab::next(Dialer& dialer) const {
  Bytes bytes(datagram_bytes_max);
  Slot slot{{}, bytes, 0};
  bytes.resize(dialer.poll_transmit(slot, now) ? slot.size : 0);
  return bytes;
}

Outcome Lab::give(const Address& from, ByteView bytes) {
  Outcome outcome;
  outcome.before = endpoint.statistics();
  const Datagram datagram{from, bytes};
  endpoint.on_datagrams({&datagram, 1}, now);
  Effect effect;
  while (endpoint.poll_effect(effect)) outcome.effects.push_back(Network::keep(effect));
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer, 0};
  while (endpoint.poll_transmit(slot, now)) {
    if (slot.to == healthy_home && from != healthy_home) {  // it talks all the time
      healthy_->on_datagram(ByteView(buffer).first(slot.size), now);
      continue;
    }
    EXPECT_EQ(slot.to, from) << "nobody else is answered";
    outcome.answers.emplace_back(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(slot.size));
  }
  outcome.after = endpoint.statistics();
  return outcome;
}

Outcome Lab::give(Dialer& dialer, ByteView bytes) const {
  Outcome outcome;
  outcome.before = dialer.statistics();
  dialer.on_datagram(bytes, now);
  Effect effect;
  while (dialer.poll_effect(effect)) outcome.effects.push_back(Network::keep(effect));
  outcome.after = dialer.statistics();
  return outcome;
}

Bytes Lab::answer(ByteView bytes) {
  const Outcome outcome = give(bytes);
  EXPECT_EQ(outcome.answers.size(), 1u) << outcome.to_string();
  return outcome.answers.empty() ? Bytes{} : outcome.answers[0];
}

void Lab::run(Dialer& dialer, Duration time, std::vector<Seen>& told, std::vector<Seen>& seen) {
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer, 0};
  Effect effect;
  for (const Instant until = now + time; now < until; now += milliseconds{5}) {
    while (dialer.poll_transmit(slot, now)) {
      const Datagram datagram{home, ByteView(buffer).first(slot.size)};
      endpoint.on_datagrams({&datagram, 1}, now);
      while (endpoint.poll_effect(effect)) told.push_back(Network::keep(effect));
    }
    while (endpoint.poll_transmit(slot, now)) {
      if (slot.to == healthy_home) healthy_->on_datagram(ByteView(buffer).first(slot.size), now);
      if (slot.to == home) dialer.on_datagram(ByteView(buffer).first(slot.size), now);
    }
    while (endpoint.poll_effect(effect)) told.push_back(Network::keep(effect));
    while (dialer.poll_effect(effect)) seen.push_back(Network::keep(effect));
    while (healthy_->poll_transmit(slot, now)) {
      const Datagram datagram{healthy_home, ByteView(buffer).first(slot.size)};
      endpoint.on_datagrams({&datagram, 1}, now);
    }
  }
}

void Lab::expect_served(Dialer& dialer) {
  std::vector<Seen> told, seen;
  for (int i = 0; i < 40 && !dialer.is_open(); ++i) run(dialer, milliseconds{250}, told, seen);
  ASSERT_TRUE(dialer.is_open()) << "the true packets still work";
  const Bytes words = pattern(300, 7);
  ASSERT_TRUE(dialer.send(Channel::control, Delivery::reliable, words));
  run(dialer, seconds{1}, told, seen);
  EXPECT_EQ(messages(told, Channel::control, Delivery::reliable), std::vector<Bytes>{words});
  EXPECT_TRUE(all<Closed>(told).empty());
  EXPECT_TRUE(all<Closed>(seen).empty());
}

void Lab::pump_healthy() {
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer, 0};
  Effect effect;
  for (bool moved = true; moved;) {
    moved = false;
    while (healthy_->poll_transmit(slot, now)) {
      moved = true;
      const Datagram datagram{healthy_home, ByteView(buffer).first(slot.size)};
      endpoint.on_datagrams({&datagram, 1}, now);
    }
    while (endpoint.poll_transmit(slot, now)) {
      moved = true;
      if (slot.to == healthy_home) healthy_->on_datagram(ByteView(buffer).first(slot.size), now);
    }
    while (endpoint.poll_effect(effect)) healthy_told_.push_back(Network::keep(effect));
    while (healthy_->poll_effect(effect)) healthy_seen_.push_back(Network::keep(effect));
  }
}

void Lab::expect_healthy() {
  healthy_told_.clear();
  healthy_seen_.clear();
  ASSERT_TRUE(healthy_->is_open());
  const Bytes there = pattern(3000, 1), back = pattern(3000, 2), input = pattern(50, 3), snapshot = pattern(1000, 4);
  ASSERT_TRUE(healthy_->send(Channel::control, Delivery::reliable, there));
  ASSERT_TRUE(healthy_->send(Channel::game, Delivery::unreliable, input));
  ASSERT_TRUE(endpoint.send(healthy_id_, Channel::control, Delivery::reliable, back));
  ASSERT_TRUE(endpoint.send(healthy_id_, Channel::game, Delivery::unreliable, snapshot));
  for (int i = 0; i < 100; ++i, now += milliseconds{10}) pump_healthy();
  EXPECT_EQ(messages(healthy_told_, Channel::control, Delivery::reliable), std::vector<Bytes>{there});
  EXPECT_EQ(messages(healthy_told_, Channel::game, Delivery::unreliable), std::vector<Bytes>{input});
  EXPECT_EQ(messages(healthy_seen_, Channel::control, Delivery::reliable), std::vector<Bytes>{back});
  EXPECT_EQ(messages(healthy_seen_, Channel::game, Delivery::unreliable), std::vector<Bytes>{snapshot});
  for (const Closed& closed : all<Closed>(healthy_told_)) EXPECT_NE(closed.session, healthy_session);
  EXPECT_TRUE(all<Closed>(healthy_seen_).empty());
  EXPECT_EQ(healthy_->statistics().pieces_resent, 0u) << "it was never made to wait";
  EXPECT_EQ(dropped(healthy_->statistics()), 0u);
}

Lab::Broken Lab::break_in(SessionId session) {
  const Key32 k = key(static_cast<std::uint8_t>(session.value));
  Dialer dialer = attach(epoch, k, self, session);
  const Bytes asked = next(dialer), answered = answer(asked);
  const auto attach_packet = decode_attach(asked);
  const auto attached = decode_attached(answered);
  EXPECT_TRUE(attach_packet && attached);
  const TrafficKeys client = client_traffic_keys(k, attach_packet->client_random, attached->server_random);
  const TrafficKeys at_server = server_traffic_keys(k, attach_packet->client_random, attached->server_random);
  dialer.on_datagram(answered, now);
  Effect effect;
  while (dialer.poll_effect(effect)) continue;
  const Outcome opened = give(next(dialer));
  ConnectionId connection;
  for (const Attached& one : all<Attached>(opened.effects)) connection = one.connection;
  EXPECT_TRUE(connection);
  // What both have to say at once, so that nothing is left of it.
  std::vector<Bytes> answers = opened.answers;
  for (int turn = 0; turn < 10; ++turn) {
    for (const Bytes& bytes : std::exchange(answers, {})) (void)give(dialer, bytes);
    for (Bytes bytes = next(dialer); !bytes.empty(); bytes = next(dialer)) {
      const Outcome outcome = give(bytes);
      answers.insert(answers.end(), outcome.answers.begin(), outcome.answers.end());
    }
  }
  return {std::move(dialer), connection, Sealer(attached->server_id, client), Sealer(attached->client_id, at_server)};
}

Bytes piece_payload(Channel channel, std::uint32_t sequence, bool more, ByteView bytes) {
  Bytes payload(1 + 9 + bytes.size());
  Writer writer(payload);
  writer.put<std::uint8_t>(0);
  writer.put<std::uint8_t>(2);
  writer.put(static_cast<std::uint8_t>(channel));
  writer.put(sequence);
  writer.put(static_cast<std::uint8_t>(more));
  writer.put(static_cast<std::uint16_t>(bytes.size()));
  writer.put_bytes(bytes);
  return payload;
}

}  // namespace orrery::wire::test
