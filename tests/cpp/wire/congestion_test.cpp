// What a connection may send, what it holds meanwhile, and what a peer that does not play along can make of it.
#include "wire/congestion.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include "virtual_network.h"
#include "wire/connection.h"

namespace orrery::wire::test {

static const Address home = address("198.51.100.1:4000");
static const Instant start{seconds{1000}};

static Key32 key(std::uint8_t fill) {
  Key32 k;
  k.fill(fill);
  return k;
}

/// One side of a connection, and a peer that seals whatever a test wants it to.
struct Side {
  explicit Side(Timing timing = {}, Connection::Role role = Connection::Role::server,
                Connection::Use use = Connection::Use::session)
      : connection(role, use, keys, 7, home, timing, start) {}

  Status send(Channel channel, Delivery delivery, ByteView bytes) {
    return connection.send(channel, delivery, bytes, statistics);
  }
  /// What leaves now, as lengths.
  std::vector<std::size_t> transmit(Instant now) {
    std::vector<std::size_t> sizes;
    Slot slot{{}, out, 0};
    while (sizes.size() < 10000 && connection.poll_transmit(slot, now, statistics)) sizes.push_back(slot.size);
    EXPECT_LT(sizes.size(), 10000u) << "it never stops";
    return sizes;
  }
  Connection::Received take(ByteView payload, Instant now) {
    Bytes packet(data_header_bytes + payload.size() + tag_bytes);
    encode(DataHeader{1, counter}, packet);
    seal(keys.receive, counter++, ByteView(packet).first(data_header_bytes), payload,
         std::span(packet).subspan(data_header_bytes));
    return connection.on_data(packet, home, now, ConnectionId{1}, room, effects, random, statistics);
  }
  Connection::Received piece(std::uint8_t channel, std::uint32_t sequence, bool more, std::size_t size, Instant now) {
    Bytes payload(10 + size);
    Writer writer(payload);
    writer.put<std::uint8_t>(0);
    writer.put<std::uint8_t>(2);
    writer.put(channel);
    writer.put(sequence);
    writer.put(static_cast<std::uint8_t>(more));
    writer.put(static_cast<std::uint16_t>(size));
    return take(payload, now);
  }
  Connection::Received ack(std::uint32_t largest, std::uint32_t bitmap, Instant now) {
    Bytes payload(11);
    Writer writer(payload);
    writer.put<std::uint8_t>(1);
    writer.put(largest);
    writer.put(bitmap);
    writer.put<std::uint16_t>(0);
    return take(payload, now);
  }

  TrafficKeys keys{key(1), key(2)};
  Connection connection;
  EffectQueue effects;
  Statistics statistics;
  SeededRandom random{1};
  std::size_t room = SIZE_MAX / 2;
  std::uint64_t counter = 0;
  std::array<std::uint8_t, datagram_bytes_max> out;
};

TEST(Congestion, ABurstThenTheRate) {
  Congestion congestion(8000, start);
  EXPECT_EQ(congestion.bytes_free(start), burst_bytes);
  Instant now = start;
  std::size_t sent = 0;
  for (; congestion.may_send(now); sent += 1000) congestion.spend(1000, now);
  EXPECT_EQ(sent, 17000u) << "overdrawn by one";
  EXPECT_EQ(congestion.bytes_free(now), 0u);
  EXPECT_EQ(congestion.may_send_at() - now, Duration{std::int64_t{125000} * (17000 - 16384)});
  for (int i = 0; i < 100; ++i) {
    now = congestion.may_send_at();
    ASSERT_TRUE(congestion.may_send(now)) << "to the nanosecond, or a loop would spin";
    ASSERT_FALSE(congestion.may_send(now - Duration{1}));
    congestion.spend(1000, now);
    sent += 1000;
  }
  EXPECT_NEAR(static_cast<double>(sent), 16384 + 8.0 * static_cast<double>((now - start) / milliseconds{1}), 1001);
  EXPECT_EQ(congestion.bytes_free(now + seconds{100}), burst_bytes);
}

TEST(Congestion, RatesAtTheEndsOfTheirRangeDoNotOverflow) {
  for (const std::uint32_t rate : {0u, 1u, UINT32_MAX}) {
    Congestion congestion(rate, start);
    Instant now = start;
    for (int i = 0; i < 100; ++i) {
      now = std::max(now, congestion.may_send_at());
      ASSERT_TRUE(congestion.may_send(now));
      ASSERT_LE(congestion.bytes_free(now), burst_bytes);
      congestion.spend(1200, now);
      ASSERT_GT(congestion.may_send_at(), start - seconds{20000});
    }
    EXPECT_EQ(congestion.bytes_free(now + seconds{100000}), burst_bytes);
  }
}

/// Packets that all ask, one each 20 ms and acknowledged 50 ms later, lost as `loses` says.
template <class Loses>
static void drive(Congestion& congestion, std::uint64_t& counter, Instant& now, Duration time, Duration rtt,
                  Loses loses, Congestion::Decided& total) {
  for (const Instant end = now + time; now < end; now += milliseconds{20}) {
    congestion.on_sent(counter, true);
    static std::uint32_t history = 0;
    if (counter == 0) history = 0;
    const bool lost = loses(counter);
    if (!lost) {
      const auto decided = congestion.on_ack(counter, history, rtt, milliseconds{50}, now);
      total.acked += decided.acked;
      total.lost += decided.lost;
    }
    history = history << 1 | (lost ? 0u : 1u);
    ++counter;
  }
}

TEST(Congestion, LossAndRisingRoundTripsHalveTheRateTwiceAndNoMore) {
  Congestion congestion(8000, start);
  std::uint64_t counter = 0;
  Instant now = start;
  Congestion::Decided total;
  const auto every = [](std::uint64_t n) { return [n](std::uint64_t c) { return n != 0 && c % n == n - 1; }; };
  drive(congestion, counter, now, seconds{10}, milliseconds{50}, every(0), total);
  EXPECT_EQ(congestion.level(), 0);
  EXPECT_EQ(total.lost, 0u);
  EXPECT_NEAR(total.acked, 500 - 33, 1);

  drive(congestion, counter, now, seconds{20}, milliseconds{50}, every(20), total);
  EXPECT_EQ(congestion.level(), 0) << "5 % is neither good nor bad";
  EXPECT_NEAR(congestion.loss_permille(), 50, 20);
  drive(congestion, counter, now, milliseconds{3500}, milliseconds{50}, every(5), total);
  EXPECT_EQ(congestion.level(), 2);
  const std::size_t free = congestion.bytes_free(now);
  congestion.spend(free + 1000, now);
  EXPECT_EQ(congestion.may_send_at() - now, milliseconds{500}) << "a quarter of 8,000 a second";
  drive(congestion, counter, now, seconds{20}, milliseconds{50}, every(3), total);
  EXPECT_EQ(congestion.level(), 2) << "the floor";
  drive(congestion, counter, now, seconds{20}, milliseconds{50}, every(20), total);
  EXPECT_EQ(congestion.level(), 2) << "not good enough to rise";
  drive(congestion, counter, now, milliseconds{5500}, milliseconds{50}, every(0), total);
  EXPECT_EQ(congestion.level(), 1);
  drive(congestion, counter, now, milliseconds{3500}, milliseconds{50}, every(0), total);
  EXPECT_EQ(congestion.level(), 0);

  drive(congestion, counter, now, seconds{5}, milliseconds{200}, every(0), total);
  EXPECT_EQ(congestion.level(), 0) << "twice the least and 100 ms";
  drive(congestion, counter, now, milliseconds{2500}, milliseconds{201}, every(0), total);
  EXPECT_EQ(congestion.level(), 2);
  EXPECT_EQ(congestion.loss_permille(), 0u);
}

TEST(Congestion, WhatIsLostIsWhatWasNot) {
  SeededRandom random(3);
  for (int round = 0; round < 50; ++round) {
    Congestion congestion(8000, start);
    const unsigned loss = static_cast<unsigned>(random.below(400));
    std::uint32_t history = 0, asked = 0, lost = 0;
    Congestion::Decided total;
    for (std::uint64_t counter = 0; counter < 2000; ++counter) {
      const bool asks = random.chance(700), arrives = counter >= 1967 || !random.chance(loss);
      congestion.on_sent(counter, asks);
      if (arrives && (random.chance(300) || counter >= 1967)) {
        const auto decided = congestion.on_ack(counter, history, {}, {}, start);
        total.acked += decided.acked;
        total.lost += decided.lost;
      }
      history = history << 1 | (arrives ? 1u : 0u);
      if (counter < 1967) {
        asked += asks;
        lost += asks && !arrives;
      }
    }
    // Acks that came too seldom leave a gap; what they name is right.
    EXPECT_LE(total.acked + total.lost, asked);
    EXPECT_GE(total.acked + total.lost, asked - 2);
    EXPECT_GE(total.lost + 2, lost);
  }
}

TEST(Pace, WhatIsReliableWaitsForTheBucketAndArrives) {
  Network net;
  net.endpoint.expect(SessionId{9}, Epoch{5}, net.server_id, key(1));
  net.add_attach("198.51.100.1:4000", SessionId{9}, Epoch{5}, key(1));
  ASSERT_TRUE(net.run(seconds{1}, [&] { return !all<Attached>(net.server_seen).empty(); }));
  const ConnectionId id = all<Attached>(net.server_seen)[0].connection;
  net.run(milliseconds{100});
  const auto before = net.endpoint.statistics().bytes_sent;
  const Instant begun = net.now;
  std::size_t queued = 0;
  Duration took{};
  for (std::size_t i = 0; i < 100; ++i) {
    while (queued < 40 && net.endpoint.send(id, Channel::game, Delivery::reliable, pattern(1000, queued))) ++queued;
    net.run(milliseconds{100});
    if (messages(net.seen(0), Channel::game, Delivery::reliable).size() == 40) {
      took = net.now - begun;
      break;
    }
  }
  EXPECT_EQ(messages(net.seen(0), Channel::game, Delivery::reliable).size(), 40u);
  const auto sent = static_cast<double>(net.endpoint.statistics().bytes_sent - before);
  EXPECT_GE(took, Duration{static_cast<std::int64_t>((sent - burst_bytes - 3000) / 8000 * 1e9)});
  EXPECT_LE(took, Duration{static_cast<std::int64_t>((sent - burst_bytes) / 8000 * 1e9)} + milliseconds{300});
  EXPECT_EQ(net.endpoint.statistics().pieces_resent, 0u) << "what waits was not lost";
}

TEST(Pace, ALateSnapshotGivesWayToANewerOne) {
  Side side;
  side.transmit(start);
  for (int i = 0; i < 17; ++i) {
    ASSERT_TRUE(side.send(Channel::game, Delivery::unreliable, Bytes(960)));
    EXPECT_EQ(side.transmit(start).size(), 1u);
  }
  // The bucket is empty now.
  for (std::uint8_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(side.send(Channel::game, Delivery::unreliable, Bytes(500, i)));
    EXPECT_TRUE(side.transmit(start).empty());
  }
  EXPECT_EQ(side.statistics.unreliable_dropped, 3u);
  EXPECT_EQ(side.connection.statistics().unreliable_dropped, 3u);
  const Instant next = side.connection.next_deadline();
  ASSERT_GT(next, start);
  EXPECT_EQ(side.connection.quality(start).bytes_free, 0u);
  EXPECT_EQ(side.transmit(next), (std::vector<std::size_t>{13 + 1 + 2 * 504 + 16})) << "the newest two, in one packet";
}

TEST(Pace, AcksPingsAndResponsesLeaveThoughTheBucketIsEmpty) {
  Side side;
  side.transmit(start);
  while (side.connection.quality(start).bytes_free > 0) {
    ASSERT_TRUE(side.send(Channel::control, Delivery::unreliable, Bytes(1000)));
    ASSERT_EQ(side.transmit(start).size(), 1u);
  }
  ASSERT_TRUE(side.send(Channel::control, Delivery::reliable, Bytes(1000)));
  const std::array<std::uint8_t, 10> challenge{0, 5, 1, 2, 3, 4, 5, 6, 7, 8};
  const Instant debt = side.connection.next_deadline();
  EXPECT_EQ(side.take(challenge, start), Connection::Received::opened);
  EXPECT_EQ(side.transmit(start), (std::vector<std::size_t>{13 + 11 + 9 + 16})) << "response and ack, no piece";
  EXPECT_EQ(side.connection.next_deadline(), debt) << "and it cost nothing";
  side.connection.close(CloseReason::kicked);
  EXPECT_EQ(side.transmit(start).size(), 1u) << "who closes waits no more";
}

// Catches a loop that is told to come again at once and finds nothing to do.
TEST(Pace, TheNextDeadlineIsAheadOfWhoeverHasNothingToSend) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SeededRandom random(seed);
    Timing timing;
    timing.keepalive = random.chance(100) ? Duration{} : milliseconds{random.below(3000)};
    timing.client_rate_bytes_s = static_cast<std::uint32_t>(1 + random.below(random.chance(500) ? 300 : 100000));
    Side side(timing, random.chance(500) ? Connection::Role::server : Connection::Role::client);
    Instant now = start;
    for (int step = 0; step < 300; ++step) {
      const auto channel = static_cast<Channel>(random.below(3));
      switch (random.below(6)) {
        case 0:
          (void)side.send(channel, Delivery::reliable, Bytes(random.below(3000)));
          break;
        case 1:
          (void)side.send(channel, Delivery::unreliable, Bytes(random.below(1157)));
          break;
        case 2:
          side.ack(static_cast<std::uint32_t>(random.below(300)), random.next<std::uint32_t>(), now);
          break;
        case 3:
          side.piece(static_cast<std::uint8_t>(channel), static_cast<std::uint32_t>(random.below(20)),
                     random.chance(800), random.below(1152), now);
          break;
        case 4:
          side.take(std::array<std::uint8_t, 10>{0, 5, 1, 2, 3, 4, 5, 6, 7, 8}, now);
          break;
        default:
          if (random.chance(10)) side.connection.close(CloseReason::logout);
      }
      side.transmit(now);
      if (side.connection.is_finished() || side.connection.expired(now)) break;
      const Instant next = side.connection.next_deadline();
      ASSERT_GT(next, now) << "seed " << seed << " step " << step;
      now = random.chance(500) ? next : std::min(next, now + milliseconds{random.below(50)});
    }
  }
}

TEST(Pace, NoChannelStarvesWhileTheOthersAreFull) {
  EndpointConfig config;
  config.timing.client_rate_bytes_s = 2000;
  Network net(1, {}, config);
  net.endpoint.expect(SessionId{9}, Epoch{5}, net.server_id, key(1));
  net.add_attach("198.51.100.1:4000", SessionId{9}, Epoch{5}, key(1));
  ASSERT_TRUE(net.run(seconds{1}, [&] { return !all<Attached>(net.server_seen).empty(); }));
  const ConnectionId id = all<Attached>(net.server_seen)[0].connection;
  for (int i = 0; i < 400; ++i) {
    (void)net.endpoint.send(id, Channel::chat, Delivery::reliable, Bytes(2000));
    (void)net.endpoint.send(id, Channel::game, Delivery::reliable, Bytes(10000));
    while (net.endpoint.send(id, Channel::control, Delivery::reliable, Bytes(6000))) continue;
    ASSERT_TRUE(net.endpoint.send(id, Channel::game, Delivery::unreliable, Bytes(300)));
    net.run(milliseconds{100});
  }
  EXPECT_TRUE(all<Closed>(net.seen(0)).empty()) << "no message took too long";
  for (const Channel channel : {Channel::control, Channel::game, Channel::chat}) {
    EXPECT_GE(messages(net.seen(0), channel, Delivery::reliable).size(), 2u) << static_cast<int>(channel);
  }
  EXPECT_GE(messages(net.seen(0), Channel::game, Delivery::unreliable).size(), 20u);
}

TEST(Bounds, QueuesLeaveRoomForControl) {
  Side side;
  std::size_t game = 0, control = 0;
  while (side.send(Channel::game, Delivery::reliable, Bytes(1000))) ++game;
  EXPECT_FALSE(side.send(Channel::chat, Delivery::reliable, Bytes(1000)));
  EXPECT_EQ(game, queued_bytes_max_beside_control / (1000 + piece_cost));
  while (side.send(Channel::control, Delivery::reliable, Bytes(1000))) ++control;
  EXPECT_EQ(game + control, queued_bytes_max / (1000 + piece_cost));
  Side tiny;
  std::size_t count = 0;
  while (tiny.send(Channel::control, Delivery::reliable, Bytes(1))) ++count;
  EXPECT_EQ(count, queued_bytes_max / (1 + piece_cost));
}

#ifndef __SANITIZE_ADDRESS__
// Catches whatever a peer can make a connection hold: its window in every channel in pieces of any length, acks that it
// does not send, and queues as full as they go.
TEST(Bounds, AConnectionHoldsLessThan64KiBWhateverItsPeerDoes) {
  for (const std::size_t piece_size : {std::size_t{0}, std::size_t{1}, std::size_t{25},
                                       window_bytes_of(12) / window_pieces_max - held_cost, piece_bytes_max}) {
    for (const std::size_t message_size : {std::size_t{1}, std::size_t{200}, std::size_t{4096}}) {
      constexpr int count = 50;
      std::vector<std::unique_ptr<Side>> sides;
      sides.reserve(count);
      for (int i = 0; i < count; ++i) {
        sides.push_back(std::make_unique<Side>());
        sides.back()->counter = 0;
      }
      const auto before = mallinfo2().uordblks;
      for (auto& side : sides) {
        for (int round = 0; round < 2; ++round) {
          for (std::uint8_t channel = 0; channel < channel_count; ++channel) {
            while (side->send(static_cast<Channel>(channel), Delivery::reliable, Bytes(message_size))) continue;
            for (std::uint32_t sequence = 1; sequence < window_pieces_max; ++sequence)
              side->piece(channel, sequence, true, piece_size, start);
          }
          for (int i = 0; i < 200; ++i) (void)side->send(Channel::game, Delivery::unreliable, Bytes(i * 37 % 1157));
          for (int i = 0; i < 10; ++i) (void)side->send(Channel::game, Delivery::unreliable, Bytes(1156));
          side->transmit(start);
        }
        for (int i = 0; i < 10; ++i) (void)side->send(Channel::game, Delivery::unreliable, Bytes(1156));
        EXPECT_TRUE(side->effects.empty());
      }
      const auto each = (mallinfo2().uordblks - before) / count + sizeof(Connection);
      EXPECT_LE(each, 64u * 1024) << piece_size << ' ' << message_size;
      for (auto& side : sides) {
        side->connection.abandon(CloseReason::protocol);
        EXPECT_EQ(side->connection.held_bytes(), 0u);
      }
      EXPECT_LE(mallinfo2().uordblks, before + 2048) << "and gives all of it back";
    }
  }
}

TEST(Bounds, AConnectionThatRestsKeepsNoBlocks) {
  Side side;
  EXPECT_LE(sizeof(Connection), 2560u);
  RecordProperty("sizeof_connection", static_cast<int>(sizeof(Connection)));
  side.transmit(start);
  const auto before = mallinfo2().uordblks;
  ASSERT_TRUE(side.send(Channel::game, Delivery::unreliable, Bytes(1000)));
  ASSERT_TRUE(side.send(Channel::game, Delivery::reliable, Bytes(3000)));
  side.transmit(start);
  side.piece(1, 1, false, 1000, start);
  side.piece(1, 0, true, 1000, start);
  side.ack(3, UINT32_MAX, start + milliseconds{20});
  side.transmit(start + milliseconds{50});
  Effect effect;
  while (side.effects.poll(effect)) continue;
  side.take(std::array<std::uint8_t, 2>{0, 3}, start + seconds{2});
  side.transmit(start + seconds{3});
  side.effects = {};
  EXPECT_LE(mallinfo2().uordblks, before);
}
#endif

TEST(Bounds, WhatALoginConnectionTakesIsLess) {
  Side side({}, Connection::Role::server, Connection::Use::login);
  for (std::uint8_t channel = 0; channel < channel_count; ++channel)
    for (std::uint32_t sequence = 1; sequence < window_pieces_max; ++sequence)
      side.piece(channel, sequence, true, piece_bytes_max, start);
  EXPECT_EQ(side.connection.held_bytes(), channel_count * window_bytes_of(login_window_full_pieces));
}

TEST(Bounds, AMessageThatDoesNotBecomeWholeEndsTheConnection) {
  Network net;
  net.endpoint.expect(SessionId{9}, Epoch{5}, net.server_id, key(1));
  net.add_attach("198.51.100.1:4000", SessionId{9}, Epoch{5}, key(1));
  ASSERT_TRUE(net.run(seconds{1}, [&] { return !all<Attached>(net.server_seen).empty(); }));
  net.run(milliseconds{200});
  // The first piece is lost for good, whenever it is sent again.
  ASSERT_TRUE(net.dialer(0).send(Channel::game, Delivery::reliable, pattern(1200, 1)));
  net.tap = [&](const Network::Flying& one) { net.cut = one.to == net.server && one.bytes.size() > 1000; };
  const Instant begun = net.now;
  net.run(seconds{60}, [&] { return !all<Closed>(net.server_seen).empty(); });
  ASSERT_EQ(all<Closed>(net.server_seen).size(), 1u);
  EXPECT_EQ(all<Closed>(net.server_seen)[0].reason, CloseReason::protocol);
  EXPECT_NEAR(static_cast<double>((net.now - begun) / milliseconds{1}), 30000, 500);
  EXPECT_EQ(net.endpoint.held_bytes(), 0u);
  net.run(seconds{1});
  ASSERT_EQ(all<Closed>(net.seen(0)).size(), 1u);
  EXPECT_EQ(all<Closed>(net.seen(0))[0].reason, CloseReason::protocol);
}

TEST(Bounds, AllConnectionsTogetherHoldNoMoreThanTheyMay) {
  EndpointConfig config;
  config.held_bytes_max = 20000;
  Network net(1, {}, config);
  net.timing.client_rate_bytes_s = 1'000'000;
  for (std::uint64_t i = 0; i < 4; ++i) {
    net.endpoint.expect(SessionId{i + 1}, Epoch{5}, net.server_id, key(1));
    net.add_attach(("198.51.100.1:" + std::to_string(4000 + i)).c_str(), SessionId{i + 1}, Epoch{5}, key(1));
  }
  ASSERT_TRUE(net.run(seconds{1}, [&] { return all<Attached>(net.server_seen).size() == 4; }));
  net.run(milliseconds{200});
  // Each client's first full packet is lost, so that what follows has to be held.
  std::set<Address> lost;
  std::size_t most = 0;
  net.tap = [&](const Network::Flying& one) {
    most = std::max(most, net.endpoint.held_bytes());
    net.cut = one.to == net.server && one.bytes.size() > 1190 && lost.insert(one.from).second;
  };
  const Bytes message = pattern(12000, 1);
  for (std::size_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(net.dialer(i).send(Channel::game, Delivery::reliable, message));
    ASSERT_TRUE(net.dialer(i).send(Channel::chat, Delivery::reliable, as_bytes("whole at once")));
  }
  net.run(seconds{20});
  EXPECT_LE(most, config.held_bytes_max);
  EXPECT_GT(most, config.held_bytes_max / 2);
  EXPECT_EQ(messages(net.server_seen, Channel::chat, Delivery::reliable).size(), 4u);
  EXPECT_EQ(messages(net.server_seen, Channel::game, Delivery::reliable).size(), 4u) << "who waits comes in later";
  EXPECT_GT(net.endpoint.statistics().dropped_limited, 0u);
  EXPECT_EQ(net.endpoint.held_bytes(), 0u);
}

TEST(Figures, BothEndsAgree) {
  EndpointConfig config;
  Network net(3, {.loss_permille = 100}, config);
  net.endpoint.expect(SessionId{9}, Epoch{5}, net.server_id, key(1));
  net.add_attach("198.51.100.1:4000", SessionId{9}, Epoch{5}, key(1));
  ASSERT_TRUE(net.run(seconds{5}, [&] { return !all<Attached>(net.server_seen).empty(); }));
  const ConnectionId id = all<Attached>(net.server_seen)[0].connection;
  for (int i = 0; i < 600; ++i) {
    ASSERT_TRUE(net.endpoint.send(id, Channel::game, Delivery::unreliable, Bytes(100)));
    (void)net.endpoint.send(id, Channel::chat, Delivery::reliable, Bytes(30));
    net.run(milliseconds{50});
  }
  const auto server = net.endpoint.connection_statistics(id), client = net.dialer(0).connection_statistics();
  ASSERT_TRUE(server && client);
  EXPECT_LT(client->datagrams_in, server->datagrams_out);
  EXPECT_NEAR(static_cast<double>(client->datagrams_in), 0.9 * static_cast<double>(server->datagrams_out),
              0.03 * static_cast<double>(server->datagrams_out));
  EXPECT_GT(server->bytes_out, server->datagrams_out * 40);
  EXPECT_GT(server->pieces_resent, 0u);
  EXPECT_NEAR(static_cast<double>(server->packets_lost), 0.1 * static_cast<double>(server->packets_acked), 25);
  EXPECT_EQ(server->packets_lost, net.endpoint.statistics().packets_lost);
  EXPECT_GT(server->loss_permille, 0u);
  ASSERT_TRUE(server->rtt && server->rtt_least);
  EXPECT_GE(*server->rtt, *server->rtt_least);
  const auto quality = net.endpoint.quality(id);
  ASSERT_TRUE(quality);
  EXPECT_EQ(quality->level, server->level);
  EXPECT_EQ(quality->rtt, server->rtt);
  EXPECT_FALSE(net.endpoint.quality(ConnectionId{4711}));
  EXPECT_FALSE(net.endpoint.connection_statistics(ConnectionId{4711}));
}

}  // namespace orrery::wire::test
