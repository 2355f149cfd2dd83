// Messages between an Endpoint and several Dialers over bad networks: reliable ones arrive once and in order, on every
// seed.
#include <gtest/gtest.h>

#include "virtual_network.h"
#include "wire/reliable.h"

namespace orrery::wire::test {

/// What one side sends on one channel, and how far it has come.
struct Stream {
  std::vector<Bytes> to_send;
  std::size_t queued = 0;
};

static std::vector<Bytes> make_messages(SeededRandom& random, std::uint64_t seed, std::size_t big_max) {
  std::vector<Bytes> out;
  const std::size_t count = 1 + random.below(12);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size = random.chance(150) ? 1 + random.below(big_max) : 1 + random.below(1500);
    out.push_back(pattern(size, seed * 100 + i));
  }
  return out;
}

/// The first two clients are on login connections, on which they may say less.
static std::size_t up_bytes_max(std::size_t client, Channel channel) {
  return client < 2 ? login_message_bytes_max : message_bytes_max(channel);
}

struct Result {
  Statistics server;
  std::vector<Bytes> first_received;
  Duration took;
};

static Result run_seed(std::uint64_t seed, Weather weather) {
  EndpointConfig config;
  config.timing.lapse = seconds{60};
  Network net(seed, weather, config);
  net.timing.lapse = seconds{60};
  const Instant start = net.now;
  Key32 k;
  net.random.fill(k);
  net.endpoint.expect(SessionId{9}, Epoch{5}, net.server_id, k);
  net.add_login("198.51.100.1:4000");
  net.add_login("198.51.100.2:4000");
  net.add_attach("198.51.100.3:4000", SessionId{9}, Epoch{5}, k);
  const std::size_t clients = net.clients.size();

  std::map<Address, ConnectionId> connections;
  EXPECT_TRUE(net.run(seconds{60},
                      [&] {
                        for (const auto& one : all<LoginOpened>(net.server_seen))
                          connections[one.from] = one.connection;
                        for (const auto& one : all<Attached>(net.server_seen)) connections[one.from] = one.connection;
                        return connections.size() == clients;
                      }))
      << "seed " << seed << ": not all open";
  if (connections.size() != clients) return {};

  std::vector<std::array<Stream, channel_count>> up(clients), down(clients);
  for (std::size_t i = 0; i < clients; ++i) {
    for (std::size_t channel = 0; channel < channel_count; ++channel) {
      up[i][channel].to_send =
          make_messages(net.random, seed * 1000 + i * 10 + channel, up_bytes_max(i, static_cast<Channel>(channel)));
      down[i][channel].to_send =
          make_messages(net.random, seed * 2000 + i * 10 + channel, message_bytes_max(static_cast<Channel>(channel)));
    }
  }
  // The longest and the shortest in every run.
  up[0][0].to_send.push_back(pattern(login_message_bytes_max, seed));
  down[0][1].to_send.push_back(pattern(message_bytes_max(Channel::game), seed));
  down[0][0].to_send.insert(down[0][0].to_send.begin(), pattern(1, seed));

  std::uint64_t unreliable_sent = 0;
  const auto feed = [&] {
    for (std::size_t i = 0; i < clients; ++i) {
      const ConnectionId connection = connections.at(net.clients[i]->address);
      for (std::size_t c = 0; c < channel_count; ++c) {
        const auto channel = static_cast<Channel>(c);
        for (Stream& s = up[i][c]; s.queued < s.to_send.size(); ++s.queued)
          if (!net.dialer(i).send(channel, Delivery::reliable, s.to_send[s.queued])) break;
        for (Stream& s = down[i][c]; s.queued < s.to_send.size(); ++s.queued)
          if (!net.endpoint.send(connection, channel, Delivery::reliable, s.to_send[s.queued])) break;
      }
      if (unreliable_sent < 300) {
        EXPECT_TRUE(
            net.endpoint.send(connection, Channel::game, Delivery::unreliable, pattern(300, ++unreliable_sent)));
        EXPECT_TRUE(net.dialer(i).send(Channel::game, Delivery::unreliable, pattern(60, unreliable_sent)));
      }
    }
  };
  const auto received_up = [&](std::size_t i, std::size_t c) {
    std::vector<Bytes> out;
    for (const Seen& one : net.server_seen)
      if (const auto* m = std::get_if<Message>(&one.effect))
        if (m->connection == connections.at(net.clients[i]->address) && m->channel == static_cast<Channel>(c) &&
            m->delivery == Delivery::reliable)
          out.push_back(one.bytes);
    return out;
  };
  std::size_t expected = 0;
  for (std::size_t i = 0; i < clients; ++i)
    for (std::size_t c = 0; c < channel_count; ++c) expected += up[i][c].to_send.size() + down[i][c].to_send.size();
  const auto count_reliable = [&] {
    std::size_t count = 0;
    const auto add = [&](const std::vector<Seen>& seen) {
      for (const Seen& one : seen)
        if (const auto* m = std::get_if<Message>(&one.effect)) count += m->delivery == Delivery::reliable;
    };
    add(net.server_seen);
    for (const auto& client : net.clients) add(client->seen);
    return count;
  };
  for (int step = 0; step < 1200 && count_reliable() < expected; ++step) {
    feed();
    net.run(milliseconds{50});
  }
  const Duration took = net.now - start;
  net.run(seconds{3});  // late duplicates must not be delivered

  for (std::size_t i = 0; i < clients; ++i) {
    for (std::size_t c = 0; c < channel_count; ++c) {
      EXPECT_EQ(received_up(i, c), up[i][c].to_send) << "seed " << seed << " client " << i << " channel " << c << " up";
      EXPECT_EQ(messages(net.seen(i), static_cast<Channel>(c), Delivery::reliable), down[i][c].to_send)
          << "seed " << seed << " client " << i << " channel " << c << " down";
    }
    const auto got = messages(net.seen(i), Channel::game, Delivery::unreliable);
    std::set<Bytes> distinct(got.begin(), got.end());
    EXPECT_EQ(distinct.size(), got.size()) << "seed " << seed << ": an unreliable message came twice";
    for (const Bytes& bytes : got) EXPECT_EQ(bytes.size(), 300u);
  }
  EXPECT_TRUE(all<Closed>(net.server_seen).empty()) << "seed " << seed;
  return {net.endpoint.statistics(), received_up(0, 0), took};
}

TEST(Channels, ReliableMessagesArriveOnceAndInOrderOnBadNetworks) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SeededRandom pick(seed);
    const Weather weather{.loss_permille = static_cast<unsigned>(pick.below(250)),
                          .duplicate_permille = static_cast<unsigned>(pick.below(200)),
                          .delay_min = milliseconds{1 + static_cast<int>(pick.below(20))},
                          .delay_max = milliseconds{21 + static_cast<int>(pick.below(120))}};
    const Result result = run_seed(seed, weather);
    if (weather.loss_permille > 50) {
      EXPECT_GT(result.server.pieces_resent, 0u) << "seed " << seed;
    }
    if (HasFailure()) break;
  }
}

TEST(Channels, AGoodNetworkNeedsNoResend) {
  const Result result = run_seed(4711, {.delay_min = milliseconds{30}, .delay_max = milliseconds{30}});
  EXPECT_EQ(result.server.pieces_resent, 0u);
  EXPECT_EQ(result.server.dropped_replayed, 0u);
}

// Catches a short line that costs as much of the window as a full piece.
TEST(Channels, ThirtyLinesOfChatNeedNoSecondRoundTrip) {
  Network net(1, {.delay_min = milliseconds{100}, .delay_max = milliseconds{100}});
  net.endpoint.expect(SessionId{9}, Epoch{5}, net.server_id, Key32{});
  net.add_attach("198.51.100.1:4000", SessionId{9}, Epoch{5}, Key32{});
  ASSERT_TRUE(net.run(seconds{2}, [&] { return !all<Attached>(net.server_seen).empty(); }));
  const ConnectionId id = all<Attached>(net.server_seen)[0].connection;
  net.run(seconds{1});
  for (std::uint64_t i = 0; i < 30; ++i)
    ASSERT_TRUE(net.endpoint.send(id, Channel::chat, Delivery::reliable, pattern(100, i)));
  net.run(milliseconds{110});
  EXPECT_EQ(messages(net.seen(0), Channel::chat, Delivery::reliable).size(), 30u);
  for (std::uint64_t i = 0; i < 6; ++i)
    ASSERT_TRUE(net.endpoint.send(id, Channel::chat, Delivery::reliable, pattern(piece_bytes_max, i)));
  net.run(milliseconds{110});
  EXPECT_EQ(messages(net.seen(0), Channel::chat, Delivery::reliable).size(), 30u) << "the lines' acks are on their way";
  net.run(seconds{1});
  EXPECT_EQ(messages(net.seen(0), Channel::chat, Delivery::reliable).size(), 36u);
}

TEST(Channels, TheSameSeedGivesTheSameRun) {
  const Weather weather{
      .loss_permille = 100, .duplicate_permille = 100, .delay_min = milliseconds{5}, .delay_max = milliseconds{60}};
  const Result one = run_seed(7, weather), other = run_seed(7, weather);
  EXPECT_EQ(one.took, other.took);
  EXPECT_EQ(one.server.datagrams_sent, other.server.datagrams_sent);
  EXPECT_EQ(one.server.bytes_received, other.server.bytes_received);
  EXPECT_NE(run_seed(8, weather).server.bytes_received, one.server.bytes_received);
}

TEST(Channels, WhatIsTooLongIsRefused) {
  Network net;
  net.add_login("198.51.100.1:4000");
  ASSERT_TRUE(net.run(seconds{5}, [&] { return !all<LoginOpened>(net.server_seen).empty(); }));
  const ConnectionId id = all<LoginOpened>(net.server_seen)[0].connection;
  EXPECT_TRUE(net.endpoint.send(id, Channel::game, Delivery::unreliable, Bytes(1156)));
  EXPECT_FALSE(net.endpoint.send(id, Channel::game, Delivery::unreliable, Bytes(1157)));
  EXPECT_FALSE(net.endpoint.send(id, Channel::game, Delivery::reliable, Bytes(message_bytes_max(Channel::game) + 1)));
  EXPECT_FALSE(net.endpoint.send(id, Channel::chat, Delivery::reliable, Bytes(message_bytes_max(Channel::chat) + 1)));
  EXPECT_TRUE(net.dialer(0).send(Channel::control, Delivery::reliable, Bytes(login_message_bytes_max)));
  EXPECT_FALSE(net.dialer(0).send(Channel::control, Delivery::reliable, Bytes(login_message_bytes_max + 1)))
      << "a login connection takes less";
  EXPECT_FALSE(net.endpoint.send(ConnectionId{12345}, Channel::game, Delivery::unreliable, Bytes(1)));
  net.run(milliseconds{100});
  EXPECT_EQ(messages(net.seen(0), Channel::game, Delivery::unreliable).at(0).size(), 1156u);
}

}  // namespace orrery::wire::test
