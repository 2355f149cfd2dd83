// An endpoint's tables and its clock: static keys that come and go, ids that run out, time that stands still or goes
// back.
#include "wire/endpoint.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "virtual_network.h"
#include "wire/half_open.h"
#include "wire/packet.h"
#include "wire/receiver_table.h"
#include "wire/session_keys.h"

namespace orrery::wire::test {

static Key32 key(std::uint8_t fill) {
  Key32 k;
  k.fill(fill);
  return k;
}

TEST(StaticKeys, OneComesAndOneGoesWhileLoginsAreUnderWay) {
  Network net;
  const Key32 old_key = net.static_key, new_key = key(9);
  net.add_login("198.51.100.1:1", {public_key(old_key)});
  ASSERT_TRUE(net.run(seconds{1}, [&] { return net.dialer(0).is_open(); }));
  net.flying.clear();
  net.add_login("198.51.100.1:2", {public_key(old_key)});
  ASSERT_TRUE(net.run(seconds{1}, [&] { return !all<LoginOpened>(net.seen(1)).empty(); }));
  // One is open, one half open, when the key they used goes.
  const std::array<Key32, 2> both{new_key, old_key};
  net.endpoint.accept_logins(both, net.cluster);
  net.endpoint.accept_logins({&new_key, 1}, net.cluster);
  net.run(seconds{2});
  EXPECT_EQ(all<LoginOpened>(net.server_seen).size(), 2u);
  net.add_login("198.51.100.1:3", {public_key(new_key)});
  net.add_login("198.51.100.1:4", {public_key(old_key), public_key(new_key)});
  net.add_login("198.51.100.1:5", {public_key(old_key)});
  net.run(seconds{5});
  EXPECT_TRUE(net.dialer(2).is_open());
  EXPECT_TRUE(net.dialer(3).is_open());
  EXPECT_FALSE(net.dialer(4).is_open());
}

// Catches a Diffie-Hellman, or a quota, spent on an Init that is for another key.
TEST(StaticKeys, AnInitForAKeyThatIsNotHereIsDroppedBeforeAnythingElse) {
  SeededRandom random(1);
  EndpointConfig config;
  config.inits_per_second_max = 1;
  HalfOpenTable table(config, random);
  const Key32 secret = key(5);
  table.set_keys({&secret, 1}, "dev");
  ReceiverTable receivers;
  Statistics statistics;
  const Instant now{seconds{10}};
  const Address from = address("198.51.100.1:1");
  auto noise = NoiseNk::initiator(login_prologue("dev"), public_key(secret), key(6));
  const Bytes first = *noise.write_first({});
  Init init{.client_id = 1, .cookie = table.bake(from, now), .key_id = key_id(public_key(key(7))), .noise = {}};
  std::copy(first.begin(), first.end(), init.noise.begin());
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(table.on_init(init, from, now, receivers, random, statistics).empty());
  EXPECT_EQ(statistics.dropped_unknown, 10u);
  EXPECT_EQ(statistics.dropped_limited + statistics.dropped_sealed, 0u);
  init.key_id = key_id(public_key(secret));
  EXPECT_FALSE(table.on_init(init, from, now, receivers, random, statistics).empty());
}

TEST(StaticKeys, KeyIdAgreesWithPython) {
  // hashlib.blake2b(bytes([9]) * 32, digest_size=32).hexdigest()[:8]
  EXPECT_EQ(to_hex(key_id(key(9))), "25d80d45");
}

TEST(StaticKeys, AFifthIsIgnoredAndNoneIsNone) {
  Network net;
  const std::array<Key32, 5> five{key(1), key(2), key(3), key(4), key(5)};
  net.endpoint.accept_logins(five, net.cluster);
  net.add_login("198.51.100.1:1", {public_key(five[3])});
  net.add_login("198.51.100.1:2", {public_key(five[4])});
  net.run(seconds{3});
  EXPECT_TRUE(net.dialer(0).is_open());
  EXPECT_FALSE(net.dialer(1).is_open());
  net.endpoint.accept_logins({}, net.cluster);
  net.add_login("198.51.100.1:3", {public_key(five[0])});
  net.run(seconds{3});
  EXPECT_FALSE(net.dialer(2).is_open());
}

TEST(StaticKeys, BothEndsSeeTheSameHandshakeHashAndNoOther) {
  Network net;
  net.add_login("198.51.100.1:1");
  net.add_login("198.51.100.1:2");
  net.run(seconds{1});
  const auto opened = all<LoginOpened>(net.server_seen);
  ASSERT_EQ(opened.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto client = all<LoginOpened>(net.seen(i)).at(0);
    const auto same = std::find_if(opened.begin(), opened.end(),
                                   [&](const auto& one) { return one.from == net.clients[i]->address; });
    EXPECT_EQ(client.handshake_hash, same->handshake_hash);
  }
  EXPECT_NE(opened[0].handshake_hash, opened[1].handshake_hash);
  EXPECT_NE(opened[0].handshake_hash, Hash64{});
}

// Catches one bad key in a connect string that keeps the good ones from being tried.
TEST(StaticKeys, AKeyThatIsNoneIsPassedOver) {
  Network net;
  net.add_login("198.51.100.1:1", {Key32{}, public_key(net.static_key)});
  net.run(seconds{1});
  EXPECT_TRUE(net.dialer(0).is_open());
  net.add_login("198.51.100.1:2", {Key32{}});
  net.run(seconds{1});
  EXPECT_TRUE(net.dialer(1).is_closed());
}

// Catches an id beyond the table's 20 bits, which would stand for somebody else.
TEST(ReceiverTable, GivesOutNoMoreThanItsIndexHolds) {
  SeededRandom random(1);
  ReceiverTable table;
  std::vector<std::uint32_t> ids;
  for (std::uint64_t i = 0; i < 1u << 20; ++i) {
    ids.push_back(table.add({ReceiverTable::Kind::live, i}, random));
    ASSERT_NE(ids.back(), 0u);
  }
  EXPECT_EQ(table.add({ReceiverTable::Kind::live, 0}, random), 0u);
  for (std::uint64_t i = 0; i < ids.size(); i += 4099) EXPECT_EQ(table.find(ids[i]).value, i);
  table.remove(ids[17]);
  EXPECT_EQ(table.find(ids[17]).kind, ReceiverTable::Kind::none);
  const auto again = table.add({ReceiverTable::Kind::waiting, 4711}, random);
  EXPECT_EQ(table.find(again).value, 4711u);
}

// Catches a round trip of 71 minutes, measured when an ack's time is a little before that of its packet.
TEST(Clock, MayStandStillOrGoBack) {
  Network net;
  net.add_login("198.51.100.1:1");
  ASSERT_TRUE(net.run(seconds{1}, [&] { return !all<LoginOpened>(net.server_seen).empty(); }));
  const ConnectionId id = all<LoginOpened>(net.server_seen)[0].connection;
  net.run(seconds{1});
  net.weather_.delay_min = net.weather_.delay_max = Duration{};
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(net.endpoint.send(id, Channel::game, Delivery::unreliable, Bytes(10)));
    net.transmit();
    const Instant sent = net.now;
    net.deliver();
    net.now += milliseconds{30};
    for (const auto& client : net.clients) {
      std::array<std::uint8_t, datagram_bytes_max> buffer;
      Slot slot{{}, buffer, 0};
      while (client->dialer->poll_transmit(slot, net.now)) {
        const Datagram datagram{client->address, ByteView(buffer).first(slot.size)};
        net.endpoint.on_datagrams({&datagram, 1}, sent - milliseconds{1});
      }
    }
    net.run(milliseconds{20});
  }
  EXPECT_LT(*net.endpoint.rtt(id), seconds{1});
  const Instant before = net.now;
  net.now -= seconds{5};
  net.transmit();
  ASSERT_TRUE(net.endpoint.next_deadline());
  EXPECT_GE(*net.endpoint.next_deadline(), before) << "or it would be called in vain for five seconds";
  net.now = before;
  net.run(seconds{20});
  EXPECT_TRUE(all<Closed>(net.server_seen).empty());
  EXPECT_TRUE(net.dialer(0).is_open());
}

// Catches three forged bytes that end a dial: only a Hello is answered by a range of versions.
TEST(Dialer, AVersionThatAnswersNoHelloIsIgnored) {
  Network net;
  const std::array<std::uint8_t, 3> other{7, 2, 3};
  net.endpoint.expect(SessionId{9}, Epoch{5}, net.server_id, key(1));
  net.add_attach("198.51.100.1:1", SessionId{9}, Epoch{5}, key(1));
  net.transmit();
  net.dialer(0).on_datagram(other, net.now);
  EXPECT_FALSE(net.dialer(0).is_closed());
  net.run(seconds{1});
  EXPECT_TRUE(net.dialer(0).is_open());

  net.add_login("198.51.100.1:2");
  bool said = false;
  net.tap = [&](const Network::Flying& one) { said |= one.bytes[0] == static_cast<std::uint8_t>(PacketType::init); };
  ASSERT_TRUE(net.run(seconds{1}, [&] { return said; }));
  net.dialer(1).on_datagram(other, net.now);
  EXPECT_FALSE(net.dialer(1).is_closed());
}

// Catches deadlines of entries that were replaced, or opened, from which an address that comes again suffers.
TEST(HalfOpen, AnAddressThatComesAgainHasItsWholeTime) {
  EndpointConfig config;
  config.half_open_for = seconds{5};
  Network net(1, {}, config);
  std::uint64_t opened = 0;
  for (int round = 0; round < 30; ++round) {
    net.add_login("198.51.100.1:1");
    ASSERT_TRUE(net.run(seconds{2}, [&] { return net.dialer(static_cast<std::size_t>(round)).is_open(); })) << round;
    if (round % 3 == 0) {
      net.clients.back()->dialer->close(CloseReason::logout);
      net.clients.back()->address = address("198.51.100.9:9");  // nothing of it arrives as the next one's
      net.flying.clear();
      net.run(milliseconds{1700});
      net.flying.clear();
      continue;
    }
    ASSERT_TRUE(net.run(seconds{1}, [&] { return all<LoginOpened>(net.server_seen).size() > opened; })) << round;
    opened = all<LoginOpened>(net.server_seen).size();
    net.clients.back()->dialer->close(CloseReason::logout);
    net.run(milliseconds{300});
    net.clients.back()->address = address("198.51.100.9:9");
  }
  net.run(seconds{20});
  EXPECT_FALSE(net.endpoint.next_deadline()) << "nothing is left behind";
}

// Catches the least round trip of a path that is no more, which would hold a client that has moved at the lowest level.
TEST(Migration, TheNewPathIsMeasuredAnew) {
  Network net;
  net.add_login("198.51.100.1:1");
  ASSERT_TRUE(net.run(seconds{1}, [&] { return !all<LoginOpened>(net.server_seen).empty(); }));
  const ConnectionId id = all<LoginOpened>(net.server_seen)[0].connection;
  const auto play = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      (void)net.endpoint.send(id, Channel::game, Delivery::unreliable, Bytes(100));
      (void)net.dialer(0).send(Channel::game, Delivery::unreliable, Bytes(30));
      net.run(milliseconds{50});
    }
  };
  play(100);
  EXPECT_NEAR(static_cast<double>(net.endpoint.connection_statistics(id)->rtt_least->count()), 20e6, 2e6);
  net.clients[0]->address = address("203.0.113.9:5000");
  net.weather_.delay_min = net.weather_.delay_max = milliseconds{90};
  play(600);
  EXPECT_GT(*net.endpoint.rtt(id), milliseconds{160});
  EXPECT_GT(*net.endpoint.connection_statistics(id)->rtt_least, milliseconds{80});
  EXPECT_EQ(net.endpoint.quality(id)->level, 0);
}

// Catches a client that is there first after a hand-off, and waits for its next Attach.
TEST(Attaching, AnAttachThatIsHereBeforeItsSessionIsAnsweredWhenThatComes) {
  Network net;
  const Instant began = net.now;
  net.add_attach("198.51.100.1:1", SessionId{7}, Epoch{3}, key(2));
  net.run(milliseconds{22});
  net.endpoint.expect(SessionId{8}, Epoch{3}, net.server_id, key(2));
  net.endpoint.expect(SessionId{7}, Epoch{2}, net.server_id, key(2));
  net.endpoint.expect(SessionId{7}, Epoch{3}, net.server_id, key(2));
  ASSERT_TRUE(net.run(seconds{1}, [&] { return !all<Attached>(net.server_seen).empty(); }));
  EXPECT_LT(net.now - began,
            milliseconds{43});  // 10 there, 22 at most until it was expected, 10 and 10; a second Attach: 55
}

// Catches what is kept for ever, and what is kept of all that anybody sends.
TEST(Attaching, AnAttachIsKeptForAMomentAndOnlySoMany) {
  for (const bool is_flooded : {false, true}) {
    Network net;
    const std::size_t client = net.add_attach("198.51.100.1:1", SessionId{7}, Epoch{3}, key(2));
    net.run(milliseconds{12});
    std::array<std::uint8_t, attach_bytes> bytes;
    for (std::uint32_t i = 1; is_flooded && i <= 256; ++i) {
      encode(Attach{i, SessionId{1000 + i}, net.server_id, Epoch{3}, {}, {}}, bytes);
      const Datagram datagram{address("198.51.100.2:1"), bytes};
      net.endpoint.on_datagrams({&datagram, 1}, net.now);
    }
    const auto sent = net.endpoint.statistics().datagrams_sent;
    net.clients.erase(net.clients.begin() + static_cast<std::ptrdiff_t>(client));
    if (!is_flooded) net.run(milliseconds{251});
    net.endpoint.on_datagrams({}, net.now);
    net.endpoint.expect(SessionId{7}, Epoch{3}, net.server_id, key(2));
    net.run(seconds{1});
    EXPECT_EQ(net.endpoint.statistics().datagrams_sent, sent) << is_flooded;
  }
}

}  // namespace orrery::wire::test
