// Endpoint and Dialer together: handshakes, messages, keep-alive, lapse, closing, re-attach, migration.
#include "wire/connection.h"

#include <gtest/gtest.h>

#include "virtual_network.h"

namespace orrery::wire::test {

static ByteView text(const char* words) { return as_bytes(words); }

static Key32 key(std::uint8_t fill) {
  Key32 k;
  k.fill(fill);
  return k;
}

TEST(Login, OpensOnBothSidesAndCarriesMessagesBothWays) {
  Network net;
  const auto client = net.add_login("198.51.100.1:4000");
  ASSERT_TRUE(net.run(seconds{5}, [&] { return !all<LoginOpened>(net.server_seen).empty(); }));
  EXPECT_TRUE(net.dialer(client).is_open());
  EXPECT_EQ(all<LoginOpened>(net.seen(client)).size(), 1u);
  const auto opened = all<LoginOpened>(net.server_seen).at(0);
  EXPECT_EQ(opened.from, address("198.51.100.1:4000"));
  EXPECT_EQ(net.endpoint.connection_count(), 1u);

  ASSERT_TRUE(net.dialer(client).send(Channel::control, Delivery::reliable, text("credentials")));
  ASSERT_TRUE(net.dialer(client).send(Channel::game, Delivery::unreliable, text("input")));
  ASSERT_TRUE(net.endpoint.send(opened.connection, Channel::chat, Delivery::reliable, text("welcome")));
  ASSERT_TRUE(net.endpoint.send(opened.connection, Channel::game, Delivery::unreliable, {}));
  net.run(milliseconds{100});
  EXPECT_EQ(messages(net.server_seen, Channel::control, Delivery::reliable).size(), 1u);
  EXPECT_EQ(as_text(messages(net.server_seen, Channel::game, Delivery::unreliable).at(0)), "input");
  EXPECT_EQ(as_text(messages(net.seen(client), Channel::chat, Delivery::reliable).at(0)), "welcome");
  EXPECT_TRUE(messages(net.seen(client), Channel::game, Delivery::unreliable).at(0).empty());
  ASSERT_TRUE(net.endpoint.rtt(opened.connection));
  EXPECT_NEAR(static_cast<double>(net.endpoint.rtt(opened.connection)->count()), 20e6, 2e6);
}

TEST(Login, OpensWithinTwoRoundTripsAndItsFirstPacket) {
  Network net;
  net.add_login("198.51.100.1:4000");
  // Hello, Cookie, Init, Reply, Data: five flights of 10 ms.
  EXPECT_TRUE(net.run(milliseconds{51}, [&] { return !all<LoginOpened>(net.server_seen).empty(); }));
}

TEST(Attach, OpensAndCarriesMessages) {
  Network net;
  net.endpoint.expect(SessionId{9}, Epoch{5}, net.server_id, key(1));
  const auto client = net.add_attach("[2001:db8::1]:4000", SessionId{9}, Epoch{5}, key(1));
  ASSERT_TRUE(net.run(seconds{5}, [&] { return !all<Attached>(net.server_seen).empty(); }));
  const auto attached = all<Attached>(net.server_seen).at(0);
  EXPECT_EQ(attached.session, SessionId{9});
  EXPECT_EQ(attached.epoch, Epoch{5});
  ASSERT_TRUE(net.endpoint.send(attached.connection, Channel::control, Delivery::reliable, text("here")));
  net.run(milliseconds{100});
  EXPECT_EQ(messages(net.seen(client), Channel::control, Delivery::reliable).size(), 1u);
}

}  // namespace orrery::wire::test
