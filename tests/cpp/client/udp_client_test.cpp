// The blocking loop and its socket, over the real loopback.
#include "client/udp_client.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client/harness.h"

namespace orrery::client::testing {

namespace {

// The port that the kernel gave.
std::uint16_t port_of(const UdpSocket& socket) {
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  EXPECT_EQ(::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&bound), &length), 0);
  return Address::from_sockaddr(bound).port;
}

class UdpClientTest : public ::testing::TestWithParam<const char*> {};

}  // namespace

// Catches a socket that reaches only one address family, a loop that neither sends in time nor ends, and a connection
// that does not outlive its socket.
TEST_P(UdpClientTest, LogsInAndOut) {
  SystemRandom random;
  auto socket = UdpSocket::open();
  ASSERT_TRUE(socket) << socket.error().message;
  auto server = Address::parse(GetParam(), port_of(*socket));
  ASSERT_TRUE(server);
  wire::Endpoint endpoint({}, random);
  const Key32 static_key = key_of(7);
  endpoint.accept_logins({&static_key, 1}, "dev");

  auto client = UdpClient::open({"dev", {*server}, {wire::public_key(key_of(7))}}, {"bot0001", "secret"});
  ASSERT_TRUE(client) << client.error().message;
  UdpClient moved = std::move(*client);  // what open() returns is moved by its caller; the loop must bear it

  bool has_logged_in = false, is_running = true;
  std::string ended;
  const auto on_event = [&](const Event& event) {
    if (std::holds_alternative<LoggedIn>(event)) {
      has_logged_in = true;
      EXPECT_TRUE(moved.rebind());
      moved.client().logout();
    }
    if (const auto* out = std::get_if<LoggedOut>(&event)) ended = out->reason + out->text;
    return true;
  };
  std::array<std::uint8_t, 1500> buffer;
  const Instant give_up = BootClock::now() + 10s;
  while (is_running && BootClock::now() < give_up) {
    is_running = moved.run_for(2ms, on_event);
    while (const auto datagram = socket->receive(buffer)) endpoint.on_datagrams({&*datagram, 1}, BootClock::now());
    wire::Effect effect;
    while (endpoint.poll_effect(effect)) {
      const auto* message = std::get_if<wire::Message>(&effect);
      if (!message) continue;
      proto::ClientControl control;
      ASSERT_TRUE(control.ParseFromArray(message->bytes.data(), static_cast<int>(message->bytes.size())));
      proto::ServerControl answer;
      if (control.has_credentials()) {
        answer.mutable_login_result()->set_session_id(1);
        answer.mutable_login_result()->set_root_secret(std::string(32, 'r'));
      } else {
        answer.mutable_ended()->set_reason("logout");
      }
      ASSERT_TRUE(endpoint.send(message->connection, wire::Channel::control, wire::Delivery::reliable,
                                as_bytes(answer.SerializeAsString())));
    }
    wire::Slot slot{{}, buffer, 0};
    slot.buffer = slot.buffer.first(wire::datagram_bytes_max);
    while (endpoint.poll_transmit(slot, BootClock::now())) socket->send(slot);
  }
  EXPECT_TRUE(has_logged_in);
  EXPECT_EQ(ended, "logout") << "confirmed by the server";
  EXPECT_EQ(moved.rebinds(), 1u);
  EXPECT_FALSE(is_running);
}

// Catches a socket whose errors end the client or keep it busy, and names that it does not look up.
TEST(UdpClient, BearsAddressesThatTheSystemCannotReach) {
  const auto connect =
      ConnectString::parse("dev@[ff02::1]:1,localhost:1,255.255.255.255:1,[::ffff:0.0.0.0]:1#" + std::string(64, 'a'));
  ASSERT_TRUE(connect) << connect.error().message;
  auto client = UdpClient::open(*connect, {"bot0001", "secret"});
  ASSERT_TRUE(client) << client.error().message;
  int told = 0;
  const auto on_event = [&](const Event&) { return ++told > 0; };
  timespec before{}, after{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  EXPECT_TRUE(client->run_for(1s, on_event) || told > 0);
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  EXPECT_LT((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1'000'000, 300) << "it spins";
  client->client().logout();
  while (client->run_for(100ms, on_event)) continue;
  EXPECT_EQ(told, 1);
}

namespace {

std::vector<const char*> loopbacks() {
  std::vector<const char*> hosts{"127.0.0.1"};
  const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  if (fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&loopback), sizeof(loopback)) == 0)
    hosts.push_back("::1");
  if (fd >= 0) ::close(fd);
  return hosts;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Loopback, UdpClientTest, ::testing::ValuesIn(loopbacks()),
                         [](const auto& test) { return std::string(test.index == 0 ? "v4" : "v6"); });

}  // namespace orrery::client::testing
