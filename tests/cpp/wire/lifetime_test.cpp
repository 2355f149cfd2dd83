// How connections live and end: lost handshake packets, keep-alive, lapse, closing, attaching anew, changing address.
#include <gtest/gtest.h>

#include "virtual_network.h"
#include "wire/packet.h"

namespace orrery::wire::test {

static const char* const home = "198.51.100.1:4000";

static Key32 key(std::uint8_t fill) {
  Key32 k;
  k.fill(fill);
  return k;
}

static ConnectionId open_login(Network& net) {
  net.add_login(home);
  EXPECT_TRUE(net.run(seconds{30}, [&] { return !all<LoginOpened>(net.server_seen).empty(); }));
  return all<LoginOpened>(net.server_seen).at(0).connection;
}

static ConnectionId open_session(Network& net, std::uint64_t epoch = 5) {
  net.endpoint.expect(SessionId{9}, Epoch{epoch}, net.server_id, key(1));
  net.add_attach(home, SessionId{9}, Epoch{epoch}, key(1));
  EXPECT_TRUE(net.run(seconds{30}, [&] { return !all<Attached>(net.server_seen).empty(); }));
  return all<Attached>(net.server_seen).at(0).connection;
}

/// Counts what is sent, by first byte and direction.
struct Counts {
  std::map<std::uint8_t, int> from_server, to_server;
  std::vector<Bytes> inits, attaches, replies, attacheds;
  explicit Counts(Network& net) {
    net.tap = [this, &net](const Network::Flying& one) {
      ++(one.to == net.server ? to_server : from_server)[one.bytes[0]];
      if (one.bytes[0] == 3) inits.push_back(one.bytes);
      if (one.bytes[0] == 4) replies.push_back(one.bytes);
      if (one.bytes[0] == 5) attaches.push_back(one.bytes);
      if (one.bytes[0] == 6) attacheds.push_back(one.bytes);
    };
  }
};

TEST(Handshake, ALostReplyIsAskedForWithTheSameInitAndAnsweredTheSame) {
  Network net;
  Counts counts(net);
  net.add_login(home);
  ASSERT_TRUE(net.run(seconds{1}, [&] { return counts.replies.size() == 1; }));
  net.flying.clear();
  ASSERT_TRUE(net.run(seconds{1}, [&] { return !all<LoginOpened>(net.server_seen).empty(); }));
  ASSERT_EQ(counts.inits.size(), 2u);
  EXPECT_EQ(counts.inits[0], counts.inits[1]);
  ASSERT_EQ(counts.replies.size(), 2u);
  EXPECT_EQ(counts.replies[0], counts.replies[1]);
}

TEST(Handshake, ALostFirstDataIsFollowedByAnother) {
  Network net;
  net.add_login(home);
  ASSERT_TRUE(net.run(seconds{1}, [&] { return net.dialer(0).is_open(); }));
  net.flying.clear();
  EXPECT_TRUE(net.run(seconds{1}, [&] { return !all<LoginOpened>(net.server_seen).empty(); }));
}

TEST(Handshake, ARepeatedAttachGetsTheSameAnswerBeforeAndAfterItOpens) {
  Network net;
  Counts counts(net);
  net.endpoint.expect(SessionId{9}, Epoch{5}, net.server_id, key(1));
  net.add_attach(home, SessionId{9}, Epoch{5}, key(1));
  ASSERT_TRUE(net.run(seconds{1}, [&] { return counts.attacheds.size() == 1; }));
  net.flying.clear();
  ASSERT_TRUE(net.run(seconds{1}, [&] { return !all<Attached>(net.server_seen).empty(); }));
  ASSERT_EQ(counts.attacheds.size(), 2u);
  EXPECT_EQ(counts.attaches[0], counts.attaches[1]);
  EXPECT_EQ(counts.attacheds[0], counts.attacheds[1]);
  net.fly(address(home), net.server, Bytes(counts.attaches[0]));
  net.run(milliseconds{100});
  ASSERT_EQ(counts.attacheds.size(), 3u);
  EXPECT_EQ(counts.attacheds[0], counts.attacheds[2]);
  EXPECT_EQ(all<Attached>(net.server_seen).size(), 1u);
}

TEST(Handshake, ServerKeysAreTriedInTurn) {
  Network net;
  net.add_login(home, {public_key(key(3)), public_key(key(4)), public_key(net.static_key)});
  EXPECT_TRUE(net.run(seconds{5}, [&] { return !all<LoginOpened>(net.server_seen).empty(); }));
}

TEST(Handshake, AnAnswerOfAnotherVersionClosesAndOneOfOursDoesNot) {
  Network net;
  net.cut = true;
  net.add_login(home);
  net.run(milliseconds{1});
  const std::array<std::uint8_t, 3> ours{7, 1, 2}, other{7, 2, 3}, none{7, 3, 2};
  net.dialer(0).on_datagram(ours, net.now);
  net.dialer(0).on_datagram(none, net.now);
  net.run(seconds{2});
  EXPECT_FALSE(net.dialer(0).is_closed());
  net.dialer(0).on_datagram(other, net.now);
  net.run(milliseconds{900});
  EXPECT_FALSE(net.dialer(0).is_closed());
  net.run(milliseconds{200});
  EXPECT_TRUE(net.dialer(0).is_closed());
  EXPECT_EQ(all<Closed>(net.seen(0)).at(0).reason, CloseReason::protocol);
}

// Catches a client that anyone ends who can forge three bytes.
TEST(Handshake, AForgedVersionEndsNothingWhereACookieComes) {
  Network net;
  net.cut = true;
  net.add_login(home);
  net.run(milliseconds{1});
  const std::array<std::uint8_t, 3> other{7, 2, 3};
  net.dialer(0).on_datagram(other, net.now);
  net.cut = false;
  net.run(seconds{2});
  EXPECT_TRUE(net.dialer(0).is_open());
}

// Catches a client that believes a forged Cookie for as long as cookies last.
TEST(Handshake, AForgedCookieCostsLessThanASecond) {
  Network net;
  net.cut = true;
  net.add_login(home);
  net.run(milliseconds{1});
  std::array<std::uint8_t, cookie_bytes> forged{2, 1};
  net.dialer(0).on_datagram(forged, net.now);
  net.cut = false;
  net.run(milliseconds{1000});
  EXPECT_TRUE(net.dialer(0).is_open());
}

TEST(Handshake, OnlyAWholeHelloOfAnotherVersionIsAnsweredByVersion) {
  Network net;
  std::vector<Bytes> answers;
  net.tap = [&](const Network::Flying& one) { answers.push_back(one.bytes); };
  const auto give = [&](std::uint8_t type, std::size_t size, std::uint8_t last) {
    Bytes packet(size);
    packet[0] = type;
    packet[1] = 2;
    packet.back() = last;
    const Datagram datagram{address(home), packet};
    net.endpoint.on_datagrams({&datagram, 1}, net.now);
    net.transmit();
  };
  give(5, 78, 0);
  give(3, 1200, 0);
  give(1, 1199, 0);
  give(1, 1200, 1);
  EXPECT_TRUE(answers.empty());
  give(1, 1200, 0);
  EXPECT_EQ(answers, (std::vector<Bytes>{{7, 1, 1}}));
}

TEST(Handshake, ADialerGivesUp) {
  Network net;
  net.cut = true;
  net.give_up_after = seconds{5};
  net.add_login(home);
  EXPECT_FALSE(net.run(milliseconds{4900}, [&] { return net.dialer(0).is_closed(); }));
  EXPECT_TRUE(net.run(milliseconds{200}, [&] { return net.dialer(0).is_closed(); }));
  EXPECT_EQ(all<Closed>(net.seen(0)).at(0).reason, CloseReason::lapse);
  EXPECT_FALSE(net.dialer(0).next_deadline());
}

TEST(Handshake, WhoDoesNotSpeakWithinTheHalfOpenTimeIsForgotten) {
  Network net;
  Counts counts(net);
  net.add_login(home);
  ASSERT_TRUE(net.run(seconds{1}, [&] { return counts.replies.size() == 1; }));
  const auto reply = net.flying;  // held back until the server has forgotten
  net.flying.clear();
  net.clients[0]->dialer->close(CloseReason::logout);
  net.run(seconds{6});
  EXPECT_FALSE(net.endpoint.next_deadline()) << "nothing is left to wait for";
  EXPECT_EQ(net.endpoint.connection_count(), 0u);
}

TEST(Alive, KeepAliveHoldsAnIdleConnectionAndCostsLittle) {
  Network net;
  const ConnectionId id = open_login(net);
  const auto sent = net.endpoint.statistics().datagrams_sent;
  net.run(seconds{60});
  EXPECT_TRUE(all<Closed>(net.server_seen).empty());
  EXPECT_TRUE(net.dialer(0).is_open());
  EXPECT_TRUE(net.endpoint.rtt(id));
  // The server acknowledges a ping each second, and pings each 2.5 s.
  EXPECT_LE(net.endpoint.statistics().datagrams_sent - sent, 60u + 24u);
  EXPECT_LE(net.dialer(0).silence(net.now), seconds{3});
}

TEST(Alive, SilenceLapsesOnBothSidesOnceAndInTime) {
  Network net;
  const ConnectionId id = open_login(net);
  net.run(seconds{1});
  net.cut = true;
  const Instant cut_at = net.now;
  ASSERT_TRUE(net.run(seconds{20}, [&] { return !all<Closed>(net.server_seen).empty(); }));
  EXPECT_GE(net.now - cut_at, seconds{7});
  EXPECT_LE(net.now - cut_at, seconds{10});
  net.run(seconds{20});
  ASSERT_EQ(all<Closed>(net.server_seen).size(), 1u);
  EXPECT_EQ(all<Closed>(net.server_seen)[0].connection, id);
  EXPECT_EQ(all<Closed>(net.server_seen)[0].reason, CloseReason::lapse);
  ASSERT_EQ(all<Closed>(net.seen(0)).size(), 1u);
  EXPECT_EQ(all<Closed>(net.seen(0))[0].reason, CloseReason::lapse);
  EXPECT_EQ(net.endpoint.connection_count(), 0u);
  EXPECT_FALSE(net.endpoint.send(id, Channel::game, Delivery::unreliable, Bytes(1)));
}

TEST(Close, TheServerSaysWhatItHadQueuedThenWhy) {
  Network net(1, {.loss_permille = 0});
  const ConnectionId id = open_login(net);
  const Bytes last = pattern(message_bytes_max(Channel::control), 1);
  ASSERT_TRUE(net.endpoint.send(id, Channel::control, Delivery::reliable, last));
  net.endpoint.close(id, CloseReason::shutdown);
  EXPECT_FALSE(net.endpoint.send(id, Channel::control, Delivery::reliable, last));
  EXPECT_EQ(net.endpoint.connection_count(), 0u);
  net.run(seconds{6});
  EXPECT_EQ(messages(net.seen(0), Channel::control, Delivery::reliable), std::vector<Bytes>{last});
  EXPECT_EQ(all<Closed>(net.seen(0)).at(0).reason, CloseReason::shutdown);
  EXPECT_TRUE(net.dialer(0).is_closed());
  EXPECT_TRUE(all<Closed>(net.server_seen).empty()) << "the owner is not told of its own close";
  EXPECT_FALSE(net.endpoint.next_deadline());
}

TEST(Close, ThreeCloseFramesSurviveTheLossOfTwo) {
  Network net;
  open_login(net);
  net.run(seconds{1});
  net.dialer(0).close(CloseReason::logout);
  EXPECT_FALSE(net.dialer(0).is_closed()) << "its close frames have not left";
  net.cut = true;
  net.run(milliseconds{60});
  net.cut = false;
  ASSERT_TRUE(net.run(seconds{1}, [&] { return !all<Closed>(net.server_seen).empty(); }));
  EXPECT_EQ(all<Closed>(net.server_seen)[0].reason, CloseReason::logout);
  EXPECT_TRUE(net.run(seconds{1}, [&] { return net.dialer(0).is_closed(); }));
  EXPECT_TRUE(all<Closed>(net.seen(0)).empty());
}

TEST(Close, ForgettingASessionTellsItsClientAndRefusesItLater) {
  Network net;
  open_session(net);
  net.endpoint.forget(SessionId{9}, CloseReason::kicked);
  net.run(seconds{1});
  EXPECT_EQ(all<Closed>(net.seen(0)).at(0).reason, CloseReason::kicked);
  net.add_attach("198.51.100.2:4000", SessionId{9}, Epoch{5}, key(1));
  net.run(seconds{3});
  EXPECT_FALSE(net.dialer(1).is_open());
  EXPECT_GT(net.endpoint.statistics().dropped_unknown, 0u);
}

TEST(Attach, TheWrongKeyEpochServerOrSessionIsNotAnswered) {
  Network net;
  net.endpoint.expect(SessionId{9}, Epoch{5}, net.server_id, key(1));
  net.endpoint.expect(SessionId{9}, Epoch{4}, net.server_id, key(2));  // lower: ignored
  net.endpoint.expect(SessionId{10}, Epoch{0}, net.server_id, Key32{});
  net.add_attach("198.51.100.1:4000", SessionId{9}, Epoch{5}, key(2));
  net.add_attach("198.51.100.2:4000", SessionId{9}, Epoch{4}, key(2));
  net.add_attach("198.51.100.3:4000", SessionId{8}, Epoch{5}, key(1));
  net.add_attach("198.51.100.4:4000", SessionId{10}, Epoch{0}, Key32{});
  net.server_id = ServerId{78};
  net.add_attach("198.51.100.5:4000", SessionId{9}, Epoch{5}, key(1));
  net.run(seconds{3});
  for (std::size_t i = 0; i < net.clients.size(); ++i) EXPECT_FALSE(net.dialer(i).is_open()) << i;
  EXPECT_EQ(net.endpoint.statistics().datagrams_sent, 0u);
  EXPECT_FALSE(net.endpoint.next_deadline());
}

TEST(Attach, AHigherEpochTakesTheConnectionOverWithFreshChannels) {
  Network net;
  const ConnectionId id = open_session(net);
  ASSERT_TRUE(net.dialer(0).send(Channel::control, Delivery::reliable, as_bytes("one")));
  net.run(milliseconds{200});
  net.endpoint.expect(SessionId{9}, Epoch{6}, net.server_id, key(2));
  ASSERT_TRUE(net.endpoint.send(id, Channel::control, Delivery::reliable, as_bytes("still here")));
  net.run(milliseconds{200});
  EXPECT_EQ(messages(net.seen(0), Channel::control, Delivery::reliable).size(), 1u) << "the old keys serve until then";

  net.add_attach("198.51.100.2:4000", SessionId{9}, Epoch{6}, key(2));
  ASSERT_TRUE(net.run(seconds{1}, [&] { return all<Attached>(net.server_seen).size() == 2; }));
  const auto again = all<Attached>(net.server_seen)[1];
  EXPECT_EQ(again.connection, id);
  EXPECT_EQ(again.epoch, Epoch{6});
  EXPECT_EQ(net.endpoint.connection_count(), 1u);
  ASSERT_TRUE(net.dialer(1).send(Channel::control, Delivery::reliable, as_bytes("two")));
  ASSERT_TRUE(net.endpoint.send(id, Channel::control, Delivery::reliable, as_bytes("welcome")));
  ASSERT_TRUE(net.dialer(0).send(Channel::control, Delivery::reliable, as_bytes("ghost")));
  net.run(seconds{1});
  EXPECT_EQ(messages(net.server_seen, Channel::control, Delivery::reliable).size(), 2u);
  EXPECT_EQ(messages(net.seen(1), Channel::control, Delivery::reliable).size(), 1u);
}

TEST(Attach, TheSameEpochMayAttachAnewAfterALapse) {
  Network net;
  const ConnectionId id = open_session(net);
  net.cut = true;
  ASSERT_TRUE(net.run(seconds{15}, [&] { return !all<Closed>(net.server_seen).empty(); }));
  EXPECT_EQ(all<Closed>(net.server_seen)[0].session, SessionId{9});
  net.cut = false;
  net.add_attach("198.51.100.2:4000", SessionId{9}, Epoch{5}, key(1));
  ASSERT_TRUE(net.run(seconds{1}, [&] { return all<Attached>(net.server_seen).size() == 2; }));
  EXPECT_NE(all<Attached>(net.server_seen)[1].connection, id);
}

TEST(Attach, FourKeySetsWaitAndNoMore) {
  Network net;
  net.endpoint.expect(SessionId{9}, Epoch{5}, net.server_id, key(1));
  for (const char* from : {"198.51.100.1:1", "198.51.100.1:2", "198.51.100.1:3", "198.51.100.1:4", "198.51.100.1:5"})
    net.add_attach(from, SessionId{9}, Epoch{5}, key(1));
  // All Attaches arrive before any first packet: the first of five gives way.
  net.run(milliseconds{11});
  net.run(seconds{1});
  EXPECT_EQ(net.endpoint.connection_count(), 1u);
  EXPECT_EQ(all<Attached>(net.server_seen).size(), 1u);
  EXPECT_EQ(all<Attached>(net.server_seen)[0].from.port, 2);
}

TEST(Restart, AnEndpointThatKnowsNothingStaysSilentAndTheClientLapses) {
  Network net;
  open_login(net);
  const std::uint64_t bytes_before = net.endpoint.statistics().bytes_sent;
  Network other(2);
  net.tap = [&](const Network::Flying& one) {
    if (one.to != net.server) return;
    const Datagram datagram{one.from, one.bytes};
    other.endpoint.on_datagrams({&datagram, 1}, net.now);
    other.transmit();
  };
  net.cut = true;
  EXPECT_TRUE(net.run(seconds{15}, [&] { return net.dialer(0).is_closed(); }));
  EXPECT_GT(other.endpoint.statistics().dropped_unknown, 0u);
  EXPECT_EQ(other.endpoint.statistics().datagrams_sent, 0u);
  EXPECT_GE(net.endpoint.statistics().bytes_sent, bytes_before);
}

TEST(Migration, AClientMayChangeItsAddressAndIsSentNoMoreThanItSentUntilItProvesIt) {
  Network net;
  const ConnectionId id = open_login(net);
  net.run(seconds{1});
  const Address moved = address("203.0.113.9:5000");
  std::size_t bytes_in = 0, bytes_out = 0;
  bool proved = false;
  net.tap = [&](const Network::Flying& one) {
    if (one.from == moved) bytes_in += one.bytes.size();
    if (one.to == moved) {
      bytes_out += one.bytes.size();
      if (!proved) {
        EXPECT_LE(bytes_out, bytes_in);
      }
    }
  };
  net.clients[0]->address = moved;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(net.dialer(0).send(Channel::game, Delivery::unreliable, as_bytes("x")));
    ASSERT_TRUE(net.endpoint.send(id, Channel::game, Delivery::unreliable, pattern(1000, 1)));
    net.run(milliseconds{5});
    if (i == 4) proved = true;  // one round trip and the challenge are over
  }
  net.run(milliseconds{100});
  EXPECT_GT(bytes_out, 5000u) << "the new address is served";
  EXPECT_TRUE(all<Closed>(net.server_seen).empty());
  net.run(seconds{30});
  EXPECT_TRUE(net.dialer(0).is_open());
}

TEST(Migration, ACopiedPacketFromElsewhereDoesNotTakeTheConnection) {
  EndpointConfig config;
  config.timing.client_rate_bytes_s = 1'000'000;  // as much as is sent here
  Network net(1, {}, config);
  const ConnectionId id = open_login(net);
  net.run(seconds{1});
  const Address thief = address("203.0.113.66:6666");
  std::size_t bytes_in = 0, bytes_out = 0;
  bool copying = false;
  net.tap = [&](const Network::Flying& one) {
    if (one.to == thief) bytes_out += one.bytes.size();
    if (copying || one.to != net.server || one.from == thief) return;
    copying = true;  // the thief is faster than the client itself
    const Datagram datagram{thief, one.bytes};
    bytes_in += one.bytes.size();
    net.endpoint.on_datagrams({&datagram, 1}, net.now);
    copying = false;
  };
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(net.dialer(0).send(Channel::game, Delivery::unreliable, pattern(50, 2)));
    ASSERT_TRUE(net.endpoint.send(id, Channel::game, Delivery::unreliable, pattern(1000, 1)));
    net.run(milliseconds{10});
  }
  EXPECT_GT(bytes_in, 0u);
  EXPECT_LE(bytes_out, bytes_in);
  EXPECT_GE(messages(net.seen(0), Channel::game, Delivery::unreliable).size(), 98u)
      << "the client is served throughout";
}

/// `count` attached clients whose datagrams arrive at once; one at a time, so that the harness's linear search stays
/// short.
static void attach_many(Network& net, SeededRandom& random, std::uint64_t count) {
  for (std::uint64_t i = 1; i <= count; ++i) net.endpoint.expect(SessionId{i}, Epoch{1}, net.server_id, key(1));
  for (std::uint64_t i = 1; i <= count; ++i) {
    Address from = address(home);
    from.port = static_cast<std::uint16_t>(i);
    net.clients.push_back(std::make_unique<Network::Client>());
    net.clients.back()->address = from;
    net.clients.back()->dialer.emplace(AttachTarget{net.server, SessionId{i}, net.server_id, Epoch{1}, key(1)},
                                       net.timing, seconds{10}, random, net.now);
    std::array<std::uint8_t, datagram_bytes_max> buffer;
    Slot slot{{}, buffer, 0};
    Dialer& dialer = *net.clients.back()->dialer;
    for (int turn = 0; turn < 3; ++turn) {
      while (dialer.poll_transmit(slot, net.now)) {
        const Datagram datagram{from, ByteView(buffer).first(slot.size)};
        net.endpoint.on_datagrams({&datagram, 1}, net.now);
      }
      while (net.endpoint.poll_transmit(slot, net.now)) dialer.on_datagram(ByteView(buffer).first(slot.size), net.now);
    }
  }
  ASSERT_EQ(net.endpoint.connection_count(), count);
}

// Catches a timer for each connection where one for many does.
TEST(Endpoint, BusyConnectionsWakeTheirOwnerSeldom) {
  EndpointConfig config;
  config.timing.keepalive = milliseconds{2300} + std::chrono::microseconds{130};  // never when something arrives
  Network net(1, {}, config);
  SeededRandom random(3);
  constexpr std::uint64_t count = 500;
  net.timing.client_rate_bytes_s = 1'000'000;
  attach_many(net, random, count);
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  std::size_t woken = 0, echoed = 0;
  const auto transmit = [&] {
    std::size_t sent = 0;
    for (Slot slot{{}, buffer, 0}; net.endpoint.poll_transmit(slot, net.now); ++sent) {
      Dialer& dialer = *net.clients[slot.to.port - 1u]->dialer;
      dialer.on_datagram(ByteView(buffer).first(slot.size), net.now);
      Effect effect;
      while (dialer.poll_effect(effect)) echoed += std::holds_alternative<Message>(effect);
    }
    return sent;
  };
  constexpr std::size_t turns = 50;
  for (std::size_t i = 0; i < turns * count; ++i) {
    // Five a second of each, evenly.
    const Instant arrives = net.now + Duration{seconds{1}} / (5 * count);
    for (auto at = net.endpoint.next_deadline(); at && *at < arrives; at = net.endpoint.next_deadline()) {
      net.now = std::max(net.now, *at);
      woken += transmit() == 0;
    }
    net.now = arrives;
    auto& client = *net.clients[i % count];
    ASSERT_TRUE(client.dialer->send(Channel::game, Delivery::unreliable, Bytes(53)));
    Slot slot{{}, buffer, 0};
    while (client.dialer->poll_transmit(slot, net.now)) {
      const Datagram datagram{client.address, ByteView(buffer).first(slot.size)};
      net.endpoint.on_datagrams({&datagram, 1}, net.now);
    }
    Effect effect;
    while (net.endpoint.poll_effect(effect)) {
      const auto* message = std::get_if<Message>(&effect);
      if (message == nullptr) continue;
      ASSERT_TRUE(net.endpoint.send(message->connection, message->channel, message->delivery, message->bytes));
    }
    transmit();
  }
  EXPECT_EQ(echoed, turns * count);
  EXPECT_LE(woken, 250u) << "in 10 s, for connections that had moved on";
}

TEST(Endpoint, IdleConnectionsCostOnlyTheirKeepAlive) {
  EndpointConfig config;
  config.timing = {.keepalive = seconds{1000}, .lapse = seconds{3000}};
  Network net(1, {}, config);
  net.timing = config.timing;
  SeededRandom random(3);
  attach_many(net, random, 2000);
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer, 0};
  net.now += seconds{1};
  while (net.endpoint.poll_transmit(slot, net.now)) continue;  // delayed acks
  ASSERT_TRUE(net.endpoint.next_deadline());
  EXPECT_GT(*net.endpoint.next_deadline() - net.now, seconds{900}) << "no timer runs for idle connections";
}

}  // namespace orrery::wire::test
