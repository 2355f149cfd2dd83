// Both ways of carrying the bots' datagrams, over the real loopback.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "bots/multiplexed.h"
#include "bots/own_sockets.h"
#include "client/udp_socket.h"

namespace orrery::bots::testing {

namespace {

struct Got {
  std::size_t seat;
  Address from;
  std::string text;
  bool operator==(const Got&) const = default;
};

class NetworkTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    auto made = GetParam() ? Multiplexed::make(7) : OwnSockets::make();
    ASSERT_TRUE(made) << made.error().message;
    network_ = std::move(*made);
    auto opened = client::UdpSocket::open();
    ASSERT_TRUE(opened) << opened.error().message;
    server_.emplace(std::move(*opened));
    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    ASSERT_EQ(::getsockname(server_->fd(), reinterpret_cast<sockaddr*>(&bound), &length), 0);
    server_at_ = *Address::parse("127.0.0.1", Address::from_sockaddr(bound).port);
  }

  void send(std::size_t seat, const std::string& text) {
    wire::Slot slot = network_->slot();
    std::copy(text.begin(), text.end(), slot.buffer.begin());
    slot.to = server_at_;
    slot.size = text.size();
    network_->send(seat, slot);
  }
  /// What has come at the server: from whom, by text.
  std::map<std::string, Address> at_server() {
    std::map<std::string, Address> all;
    std::array<std::uint8_t, 1500> bytes;
    while (readable(server_->fd()))
      if (const auto datagram = server_->receive(bytes)) all[text_of(datagram->bytes)] = datagram->from;
    return all;
  }
  void answer(const Address& to, const std::string& text) {
    Bytes bytes(text.begin(), text.end());
    ASSERT_TRUE(server_->send({to, bytes, bytes.size()}));
  }
  std::vector<Got> received() {
    std::vector<Got> all;
    while (readable(network_->fd()))
      network_->receive([&](std::size_t seat, const wire::Datagram& datagram) {
        all.push_back({seat, datagram.from, text_of(datagram.bytes)});
      });
    return all;
  }

  std::unique_ptr<Network> network_;
  std::optional<client::UdpSocket> server_;
  Address server_at_;

 private:
  static std::string text_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }
  static bool readable(int fd) {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, 50) == 1;
  }
};

}  // namespace

// Catches seats that share an address, and what is said to one seat coming to another.
TEST_P(NetworkTest, KeepsSeatsApart) {
  for (const std::size_t seat : {0u, 1u, 2u}) ASSERT_TRUE(network_->open(seat));
  for (const std::size_t seat : {2u, 0u, 1u}) send(seat, "I am " + std::to_string(seat));
  network_->flush();
  const auto heard = at_server();
  ASSERT_EQ(heard.size(), 3u);
  EXPECT_NE(heard.at("I am 0"), heard.at("I am 1"));
  EXPECT_NE(heard.at("I am 1"), heard.at("I am 2"));
  answer(heard.at("I am 1"), "you are 1");
  EXPECT_EQ(received(), (std::vector<Got>{{1, server_at_, "you are 1"}}));
}

// Catches a seat that is closed and hears or speaks, and one that does not when it is opened again.
TEST_P(NetworkTest, IsSilentWhileClosed) {
  for (const std::size_t seat : {0u, 1u}) ASSERT_TRUE(network_->open(seat));
  send(0, "before");
  network_->flush();
  const auto before = at_server();
  network_->close(0);
  send(0, "closed");
  network_->flush();
  EXPECT_EQ(network_->unsent(), 1u);
  EXPECT_TRUE(at_server().empty());
  answer(before.at("before"), "too late");
  EXPECT_TRUE(received().empty());
  ASSERT_TRUE(network_->open(0));
  send(0, "after");
  network_->flush();
  const auto after = at_server();
  ASSERT_EQ(after.size(), 1u);
  answer(after.at("after"), "welcome");
  EXPECT_EQ(received(), (std::vector<Got>{{0, server_at_, "welcome"}}));
}

// Catches a batch of which something is lost, doubled or sent in another's name.
TEST_P(NetworkTest, CarriesMoreThanABatch) {
  constexpr std::size_t seats = Multiplexed::batch_max * 2 + 3;
  for (std::size_t seat = 0; seat < seats; ++seat) {
    ASSERT_TRUE(network_->open(seat));
    send(seat, std::to_string(seat));
  }
  network_->flush();
  const auto heard = at_server();
  ASSERT_EQ(heard.size(), seats);
  for (const auto& [text, from] : heard) answer(from, text);
  const auto got = received();
  EXPECT_EQ(got.size(), seats);
  for (const Got& one : got) EXPECT_EQ(one.text, std::to_string(one.seat));
}

INSTANTIATE_TEST_SUITE_P(Each, NetworkTest, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "Multiplexed" : "OwnSockets"; });

// Two processes' bots have addresses that differ, as their numbers do: a login server counts attempts by address.
TEST(MultiplexedTest, NumbersMakeAddresses) {
  auto server = client::UdpSocket::open();
  ASSERT_TRUE(server);
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  ASSERT_EQ(::getsockname(server->fd(), reinterpret_cast<sockaddr*>(&bound), &length), 0);
  const auto at = *Address::parse("127.0.0.1", Address::from_sockaddr(bound).port);
  for (const auto& [first, seat, host] :
       {std::tuple(1u, 0u, "127.1.0.1"), {1u, 255u, "127.1.1.0"}, {10'001u, 4u, "127.1.39.21"}}) {
    auto network = Multiplexed::make(first);
    ASSERT_TRUE(network);
    ASSERT_TRUE((*network)->open(seat));
    wire::Slot slot = (*network)->slot();
    slot.to = at;
    slot.size = 1;
    (*network)->send(seat, slot);
    (*network)->flush();
    std::array<std::uint8_t, 16> bytes;
    pollfd one{server->fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&one, 1, 1000), 1);
    const auto datagram = server->receive(bytes);
    ASSERT_TRUE(datagram);
    EXPECT_EQ(datagram->from.host(), host);
  }
}

TEST(MultiplexedTest, ReachesTheLoopbackOnly) {
  EXPECT_TRUE(Multiplexed::reaches(*Address::parse("127.0.0.1:7777")));
  EXPECT_TRUE(Multiplexed::reaches(*Address::parse("127.73.1.2:7777")));
  EXPECT_FALSE(Multiplexed::reaches(*Address::parse("192.0.2.1:7777")));
  EXPECT_FALSE(Multiplexed::reaches(*Address::parse("[::1]:7777")));
}

}  // namespace orrery::bots::testing
