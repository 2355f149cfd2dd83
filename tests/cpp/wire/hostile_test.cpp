// Cut, bent, forged and flooding packets: dropped, counted, never answered by more than they were, never kept.
#include <gtest/gtest.h>
#include <malloc.h>

#include "virtual_network.h"
#include "wire/connection.h"

namespace orrery::wire::test {

static Key32 key(std::uint8_t fill) {
  Key32 k;
  k.fill(fill);
  return k;
}

static const Address home = address("198.51.100.1:4000");

/// All cuts of `packet` and all flips of one bit in it.
template <class Each>
static void each_mutation(const Bytes& packet, Each&& each) {
  for (std::size_t size = 0; size < packet.size(); ++size)
    each(Bytes(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size)), SIZE_MAX);
  for (std::size_t bit = 0; bit < packet.size() * 8; ++bit) {
    Bytes flipped = packet;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    each(flipped, bit / 8);
  }
}

class Hostile : public ::testing::Test {
 protected:
  static EndpointConfig config() {
    EndpointConfig config;
    config.inits_per_second_max = 1'000'000;
    config.half_open_for = seconds{10};
    return config;
  }
  Network net{1, {}, config()};

  /// Bytes that the endpoint sends at once in answer to one datagram.
  std::size_t answered(const Bytes& bytes) {
    const Datagram datagram{home, bytes};
    net.endpoint.on_datagrams({&datagram, 1}, net.now);
    std::array<std::uint8_t, datagram_bytes_max> buffer;
    Slot slot{{}, buffer, 0};
    std::size_t total = 0;
    while (net.endpoint.poll_transmit(slot, net.now)) {
      EXPECT_EQ(slot.to, home);
      total += slot.size;
    }
    return total;
  }
  Bytes next_packet(Dialer& dialer) {
    Bytes bytes(datagram_bytes_max);
    Slot slot{{}, bytes, 0};
    EXPECT_TRUE(dialer.poll_transmit(slot, net.now));
    bytes.resize(slot.size);
    return bytes;
  }
  Bytes answer_to(const Bytes& bytes) {
    const Datagram datagram{home, bytes};
    net.endpoint.on_datagrams({&datagram, 1}, net.now);
    Bytes out(datagram_bytes_max);
    Slot slot{{}, out, 0};
    EXPECT_TRUE(net.endpoint.poll_transmit(slot, net.now));
    out.resize(slot.size);
    return out;
  }
  std::uint64_t dropped() const {
    const Statistics& s = net.endpoint.statistics();
    return s.dropped_malformed + s.dropped_unknown + s.dropped_sealed + s.dropped_replayed + s.dropped_limited;
  }
  /// No mutation of a client's packet opens anything, or is answered by more than it was; those bytes listed may be
  /// answered.
  void check_server(const Bytes& packet, const std::function<bool(std::size_t)>& may_answer) {
    each_mutation(packet, [&](const Bytes& bent, std::size_t where) {
      const auto before = dropped();
      const std::size_t size = answered(bent);
      EXPECT_LE(size, bent.size());
      if (size == 0) {
        EXPECT_EQ(dropped(), before + 1) << "counted once";
      } else {
        EXPECT_TRUE(may_answer(where)) << "byte " << where;
      }
      Effect effect;
      EXPECT_FALSE(net.endpoint.poll_effect(effect)) << "byte " << where;
    });
    EXPECT_EQ(net.endpoint.connection_count(), 0u);
  }
};

TEST_F(Hostile, EveryBentPacketOfALoginIsDroppedAndTheTrueOnesStillWork) {
  Dialer dialer(LoginTarget{net.server, net.cluster, {public_key(net.static_key)}}, {}, seconds{30}, net.random,
                net.now);
  const auto check_client = [&](const Bytes& packet, const std::function<bool(std::size_t)>& may_open) {
    each_mutation(packet, [&](const Bytes& bent, std::size_t where) {
      if (may_open(where)) return;
      dialer.on_datagram(bent, net.now);
      EXPECT_FALSE(dialer.is_open()) << "byte " << where;
      EXPECT_FALSE(dialer.is_closed()) << "byte " << where;
    });
  };
  const Bytes hello = next_packet(dialer);
  check_server(hello, [](std::size_t where) { return where == 1; });  // another version
  const Bytes cookie = answer_to(hello);
  // A bent cookie is believed, since nothing signs it to the client; the server then refuses the Init.
  check_client(cookie, [](std::size_t where) { return where != SIZE_MAX && where >= 2; });
  dialer.on_datagram(cookie, net.now);
  const Bytes init = next_packet(dialer);
  check_server(init,
               [](std::size_t where) { return where >= 2 && where < 6; });  // the client's id is its own to choose
  const Bytes reply = answer_to(init);
  ASSERT_EQ(reply.size(), reply_bytes);
  check_client(reply,
               [](std::size_t where) { return where >= 5 && where < 9; });  // nor does anything sign the server's id
  dialer.on_datagram(reply, net.now);
  ASSERT_TRUE(dialer.is_open());
  ASSERT_TRUE(dialer.send(Channel::control, Delivery::reliable, as_bytes("credentials")));
  const Bytes data = next_packet(dialer);
  check_server(data, [](std::size_t) { return false; });
  const Datagram datagram{home, data};
  net.endpoint.on_datagrams({&datagram, 1}, net.now);
  EXPECT_EQ(net.endpoint.connection_count(), 1u);
}

TEST_F(Hostile, EveryBentPacketOfAnAttachIsDroppedAndTheTrueOnesStillWork) {
  net.endpoint.expect(SessionId{9}, Epoch{5}, net.server_id, key(1));
  Dialer dialer(AttachTarget{net.server, SessionId{9}, net.server_id, Epoch{5}, key(1)}, {}, seconds{30}, net.random,
                net.now);
  const Bytes attach = next_packet(dialer);
  check_server(attach, [](std::size_t) { return false; });
  const Bytes attached = answer_to(attach);
  each_mutation(attached, [&](const Bytes& bent, std::size_t) {
    dialer.on_datagram(bent, net.now);
    EXPECT_FALSE(dialer.is_open());
  });
  dialer.on_datagram(attached, net.now);
  ASSERT_TRUE(dialer.is_open());
  const Bytes data = next_packet(dialer);
  check_server(data, [](std::size_t) { return false; });
  EXPECT_EQ(answered(data), 0u);
  EXPECT_EQ(net.endpoint.connection_count(), 1u);
  Effect effect;
  ASSERT_TRUE(net.endpoint.poll_effect(effect));
  EXPECT_TRUE(std::holds_alternative<Attached>(effect));

  // The same once the connection lives, in both directions.
  const auto replayed = net.endpoint.statistics().dropped_replayed;
  EXPECT_EQ(answered(data), 0u);
  EXPECT_EQ(net.endpoint.statistics().dropped_replayed, replayed + 1);
  ASSERT_TRUE(dialer.send(Channel::chat, Delivery::unreliable, as_bytes("hello")));
  const Bytes second = next_packet(dialer);
  each_mutation(second, [&](const Bytes& bent, std::size_t) {
    EXPECT_EQ(answered(bent), 0u);
    EXPECT_FALSE(net.endpoint.poll_effect(effect));
  });
  answered(second);
  EXPECT_TRUE(net.endpoint.poll_effect(effect));
}

TEST_F(Hostile, RandomBytesOfEveryLengthAreNotAnswered) {
  SeededRandom random(5);
  for (int i = 0; i < 100000; ++i) {
    Bytes bytes(random.below(1300));
    random.fill(bytes);
    if (!bytes.empty() && random.chance(800)) bytes[0] = static_cast<std::uint8_t>(random.below(0x21));
    if (bytes.size() > 1 && random.chance(800)) bytes[1] = 1;
    EXPECT_LE(answered(bytes), bytes.size());
  }
  EXPECT_EQ(net.endpoint.connection_count(), 0u);
}

TEST_F(Hostile, FloodsFromForgedAddressesKeepNothing) {
  SeededRandom random(6);
  std::array<std::uint8_t, datagram_bytes_max> hello, init, out;
  encode_hello(hello);
  Slot slot{{}, out, 0};
  std::size_t in_bytes = 0, out_bytes = 0;
  const auto flood = [&](int packets) {
    for (int i = 0; i < packets; ++i) {
      Address from;
      random.fill(from.ip);
      from.port = random.next<std::uint16_t>();
      Init forged{random.next<std::uint32_t>() | 1, {}, {}};
      forged.cookie.time_ms = static_cast<std::uint64_t>(net.now.time_since_epoch().count() / 1'000'000);
      random.fill(forged.cookie.mac);
      random.fill(forged.noise);
      encode(forged, init);
      const std::array<Datagram, 2> batch{Datagram{from, hello}, Datagram{from, init}};
      net.endpoint.on_datagrams(batch, net.now);
      in_bytes += 2 * datagram_bytes_max;
      if (i % 8000 == 0)
        while (net.endpoint.poll_transmit(slot, net.now)) out_bytes += slot.size;
    }
    while (net.endpoint.poll_transmit(slot, net.now)) out_bytes += slot.size;
  };
  flood(10000);
  const auto before = mallinfo2().uordblks;
  flood(50000);
  EXPECT_LE(mallinfo2().uordblks, before + 65536);
  EXPECT_LT(out_bytes * 40, in_bytes);
  EXPECT_GT(net.endpoint.statistics().dropped_limited, 0u) << "answers that waited were bounded";
  EXPECT_FALSE(net.endpoint.next_deadline()) << "nothing was begun";
}

TEST_F(Hostile, HalfOpenConnectionsAreBoundedInNumberAndTime) {
  EndpointConfig small;
  small.half_open_max = 100;
  Network crowded(1, {}, small);
  int replies = 0;
  crowded.tap = [&](const Network::Flying& one) {
    replies += one.bytes[0] == static_cast<std::uint8_t>(PacketType::reply);
  };
  const auto login = [&](int i) {
    const Address from = address(("10." + std::to_string(i / 250) + ".0." + std::to_string(i % 250) + ":9").c_str());
    Dialer dialer(LoginTarget{crowded.server, crowded.cluster, {public_key(crowded.static_key)}}, {}, seconds{30},
                  crowded.random, crowded.now);
    std::array<std::uint8_t, datagram_bytes_max> buffer;
    Slot slot{{}, buffer, 0};
    dialer.poll_transmit(slot, crowded.now);
    Datagram datagram{from, ByteView(buffer).first(slot.size)};
    crowded.endpoint.on_datagrams({&datagram, 1}, crowded.now);
    crowded.endpoint.poll_transmit(slot, crowded.now);
    dialer.on_datagram(ByteView(buffer).first(slot.size), crowded.now);
    dialer.poll_transmit(slot, crowded.now);
    datagram = {from, ByteView(buffer).first(slot.size)};
    crowded.endpoint.on_datagrams({&datagram, 1}, crowded.now);
    crowded.transmit();
  };
  for (int i = 0; i < 300; ++i) login(i);
  EXPECT_EQ(replies, 100);
  EXPECT_EQ(crowded.endpoint.statistics().dropped_limited, 200u);
  crowded.run(seconds{6});
  for (int i = 300; i < 310; ++i) login(i);
  EXPECT_EQ(replies, 110) << "there is room again";
}

// Catches memory that grows with clients that complete the handshake and never show credentials.
TEST_F(Hostile, LoginConnectionsAreBounded) {
  EndpointConfig small;
  small.logins_max = 3;
  Network crowded(1, {}, small);
  for (const char* from : {"10.0.0.1:9", "10.0.0.2:9", "10.0.0.3:9", "10.0.0.4:9"}) crowded.add_login(from);
  crowded.run(seconds{1});
  EXPECT_EQ(crowded.endpoint.connection_count(), 3u);
  EXPECT_GT(crowded.endpoint.statistics().dropped_limited, 0u);
  crowded.dialer(0).close(CloseReason::logout);
  crowded.run(seconds{8});
  EXPECT_EQ(crowded.endpoint.connection_count(), 3u) << "the fourth came in when the first had left";
}

TEST_F(Hostile, InitsAreLimitedForEachNetworkAlone) {
  EndpointConfig limited;
  limited.inits_per_second_max = 20;
  Network busy(1, {}, limited);
  const auto login = [&](const char* host, int count) {
    int replies = 0;
    for (int i = 0; i < count; ++i) {
      Address from = *Address::parse(host, static_cast<std::uint16_t>(1000 + i));
      Dialer dialer(LoginTarget{busy.server, busy.cluster, {public_key(busy.static_key)}}, {}, seconds{30}, busy.random,
                    busy.now);
      std::array<std::uint8_t, datagram_bytes_max> buffer;
      Slot slot{{}, buffer, 0};
      for (int turn = 0; turn < 2; ++turn) {
        dialer.poll_transmit(slot, busy.now);
        const Datagram datagram{from, ByteView(buffer).first(slot.size)};
        busy.endpoint.on_datagrams({&datagram, 1}, busy.now);
        if (!busy.endpoint.poll_transmit(slot, busy.now)) break;
        dialer.on_datagram(ByteView(buffer).first(slot.size), busy.now);
        replies += turn;
      }
    }
    return replies;
  };
  EXPECT_EQ(login("192.0.2.50", 50), 20);
  EXPECT_EQ(login("192.0.2.51", 5), 5);
  EXPECT_EQ(login("2001:db8:1:1::1", 15) + login("2001:db8:1:1::2", 15), 20) << "one /64, one quota";
  EXPECT_EQ(login("2001:db8:1:2::1", 5), 5);
  busy.now += seconds{1};
  EXPECT_EQ(login("192.0.2.50", 50), 20);
}

TEST(HostilePeer, NonsenseUnderTheRightKeysIsSurvivedAndEndsTheConnection) {
  SeededRandom random(8);
  const TrafficKeys keys{key(1), key(2)};
  std::size_t violations = 0, opened = 0;
  for (int round = 0; round < 20000; ++round) {
    Connection connection(Connection::Role::server, keys, 7, home, {}, Instant{seconds{1}});
    EffectQueue effects;
    Statistics statistics;
    ASSERT_TRUE(connection.send(Channel::chat, Delivery::reliable, Bytes(3000)));
    std::array<std::uint8_t, datagram_bytes_max> out;
    Slot slot{{}, out, 0};
    for (std::uint64_t counter = 0; counter < 4; ++counter) {
      Bytes payload(1 + random.below(60));
      random.fill(payload);
      if (random.chance(900)) payload[0] = random.chance(500) ? 1 : 0;
      const std::size_t at = payload[0] == 1 ? 11 : 1;
      if (payload.size() > at) payload[at] = static_cast<std::uint8_t>(random.below(8));
      if (payload.size() > at + 1) payload[at + 1] = static_cast<std::uint8_t>(random.below(4));
      if (payload.size() > at + 3)
        payload[at + 2] = static_cast<std::uint8_t>(random.below(payload.size() - at)), payload[at + 3] = 0;
      Bytes packet(data_header_bytes + payload.size() + tag_bytes);
      encode(DataHeader{1, counter}, packet);
      seal(keys.receive, counter, ByteView(packet).first(data_header_bytes), payload,
           std::span(packet).subspan(data_header_bytes));
      const auto received =
          connection.on_data(packet, home, Instant{seconds{1}}, ConnectionId{1}, effects, random, statistics);
      if (received == Connection::Received::violation) {
        ++violations;
        break;
      }
      opened += received == Connection::Received::opened;
      while (connection.poll_transmit(slot, Instant{seconds{1}}, statistics)) continue;
    }
    Effect effect;
    while (effects.poll(effect)) continue;
  }
  EXPECT_GT(violations, 1000u);
  EXPECT_GT(opened, 200u);
}

}  // namespace orrery::wire::test
