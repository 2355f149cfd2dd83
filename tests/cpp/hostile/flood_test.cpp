// Floods: of forged addresses, of many true ones, of nonsense under the right keys. No answer is longer than what it
// answers, nothing is kept of strangers, and the healthy session goes on.
#include <functional>

#include "counted_memory.h"
#include "lab.h"
#include "wire/connection.h"
#include "wire/session_keys.h"

namespace orrery::wire::test {
namespace {

constexpr int flood_packets = 100'000;
/// What the tables of a server that was flooded before may still grow by.
constexpr std::size_t settled_bytes = 64 * 1024;

/// An address that nobody has.
Address forged(SeededRandom& random, Lab::Family family) {
  Address from = address(family == Lab::Family::v4 ? "10.0.0.1:1" : "[2001:db8::1]:1");
  random.fill(std::span(from.ip).subspan(family == Lab::Family::v4 ? 12 : 0));
  from.port = random.next<std::uint16_t>();
  return from;
}

struct Flood {
  const char* name;
  std::function<Bytes(Lab&, SeededRandom&)> packet;
  friend std::ostream& operator<<(std::ostream& out, const Flood& flood) { return out << flood.name; }
};

Bytes random_bytes(SeededRandom& random, std::size_t size) {
  Bytes bytes(size);
  random.fill(bytes);
  return bytes;
}

Bytes forged_init(Lab& lab, SeededRandom& random) {
  Bytes bytes(init_bytes);
  Init init;
  init.client_id = random.next<std::uint32_t>() | 1;
  init.cookie.time_ms = static_cast<std::uint64_t>(lab.now.time_since_epoch().count() / 1'000'000);
  random.fill(init.cookie.mac);
  random.fill(init.noise);
  encode(init, bytes);
  return bytes;
}

Bytes forged_attach(SeededRandom& random, SessionId session) {
  Bytes bytes(attach_bytes);
  Attach attach{random.next<std::uint32_t>() | 1, session, Lab::self, Lab::epoch, {}, {}};
  random.fill(attach.client_random);
  random.fill(attach.mac);
  encode(attach, bytes);
  return bytes;
}

/// The one Attach that somebody copied from a client.
Bytes copied_attach(Lab& lab, SeededRandom&) {
  static thread_local std::pair<const Lab*, Bytes> copied{};
  if (copied.first != &lab) {
    Dialer dialer = lab.attach();
    copied = {&lab, lab.next(dialer)};
  }
  return copied.second;
}

std::vector<Flood> floods() {
  return {
      {"Hellos",
       [](Lab&, SeededRandom&) {
         Bytes bytes(hello_bytes);
         encode_hello(bytes);
         return bytes;
       }},
      {"HellosOfOtherVersions",
       [](Lab&, SeededRandom& random) {
         Bytes bytes(hello_bytes);
         encode_hello(bytes);
         bytes[1] = static_cast<std::uint8_t>(2 + random.below(250));
         return bytes;
       }},
      {"InitsWithoutCookie", forged_init},
      {"AttachesOfNoSession",
       [](Lab&, SeededRandom& random) { return forged_attach(random, SessionId{random.next<std::uint64_t>()}); }},
      {"AttachesWithoutKey", [](Lab&, SeededRandom& random) { return forged_attach(random, Lab::hostile_session); }},
      {"CopiesOfATrueAttach", copied_attach},
      {"Data",
       [](Lab&, SeededRandom& random) {
         Bytes bytes = random_bytes(random, data_bytes_min + random.below(1100));
         encode(DataHeader{random.next<std::uint32_t>(), random.below(1000)}, bytes);
         return bytes;
       }},
      {"Anything", [](Lab&, SeededRandom& random) {
         Bytes bytes = random_bytes(random, random.below(1300));
         if (!bytes.empty() && random.chance(800)) bytes[0] = static_cast<std::uint8_t>(random.below(0x21));
         if (bytes.size() > 1 && random.chance(800)) bytes[1] = 1;
         return bytes;
       }}};
}

class Spoofed : public ::testing::TestWithParam<std::tuple<Flood, Lab::Family>> {};

TEST_P(Spoofed, AFloodIsAnsweredByNoMoreThanItsOwnBytesAndLeavesNothing) {
  const auto& [flood, family] = GetParam();
  Lab lab(family);
  SeededRandom random(6);
  std::size_t bytes_in = 0, bytes_out = 0;
  const auto pour = [&](int packets) {
    std::array<std::uint8_t, datagram_bytes_max> buffer;
    Slot slot{{}, buffer, 0};
    Effect effect;
    for (int i = 0; i < packets; ++i) {
      const Bytes packet = flood.packet(lab, random);
      const Address from = forged(random, family);
      const std::uint64_t drops_before = dropped(lab.endpoint.statistics());
      const Datagram datagram{from, packet};
      lab.endpoint.on_datagrams({&datagram, 1}, lab.now);
      std::size_t answered = 0;
      while (lab.endpoint.poll_transmit(slot, lab.now)) {
        ASSERT_EQ(slot.to, from);
        answered += slot.size;
      }
      ASSERT_LE(answered, packet.size()) << "packet " << i;
      ASSERT_EQ(dropped(lab.endpoint.statistics()) - drops_before, answered == 0 ? 1u : 0u) << "packet " << i;
      ASSERT_FALSE(lab.endpoint.poll_effect(effect));
      bytes_in += packet.size();
      bytes_out += answered;
    }
  };
  pour(1000);
  const std::size_t before = memory_bytes();
  pour(flood_packets);
  EXPECT_LE(memory_bytes(), before + settled_bytes);
  EXPECT_LE(bytes_out, bytes_in);
  EXPECT_EQ(lab.endpoint.connection_count(), 1u);
  lab.expect_healthy();
}

INSTANTIATE_TEST_SUITE_P(EveryType, Spoofed,
                         ::testing::Combine(::testing::ValuesIn(floods()),
                                            ::testing::Values(Lab::Family::v4, Lab::Family::v6)),
                         [](const auto& one) {
                           return std::get<0>(one.param).name +
                                  std::string(std::get<1>(one.param) == Lab::Family::v4 ? "_v4" : "_v6");
                         });

// Catches answers that wait without bound while the loop cannot send.
TEST(Spoofed, AnswersThatCannotBeSentAreBoundedAndWhatIsBeyondIsCounted) {
  Lab lab;
  SeededRandom random(6);
  Bytes hello(hello_bytes);
  encode_hello(hello);
  const Statistics at_first = lab.endpoint.statistics();
  const std::size_t before = memory_bytes();
  for (int i = 0; i < flood_packets; ++i) {
    const Datagram datagram{forged(random, Lab::Family::v4), hello};
    lab.endpoint.on_datagrams({&datagram, 1}, lab.now);
  }
  EXPECT_LE(memory_bytes(), before + (1 << 20));
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer, 0};
  std::uint64_t sent = 0;
  while (lab.endpoint.poll_transmit(slot, lab.now)) ++sent;
  EXPECT_EQ(sent + lab.endpoint.statistics().dropped_limited - at_first.dropped_limited,
            static_cast<std::uint64_t>(flood_packets));
  lab.expect_healthy();
}

/// Cookies from true addresses, and no word after the Reply.
TEST(Crowd, HandshakesThatNobodyEndsAreHeldForAWhileAndInBoundedNumber) {
  for (const auto family : {Lab::Family::v4, Lab::Family::v6}) {
    Lab lab(family);
    SeededRandom random(6);
    const auto wave = [&] {
      std::size_t replies = 0;
      for (int i = 0; i < 3000; ++i) {
        Address from = forged(random, family);
        Dialer dialer = lab.login();
        const Outcome cookie = lab.give(from, lab.next(dialer));
        ASSERT_EQ(cookie.answers.size(), 1u);
        dialer.on_datagram(cookie.answers[0], lab.now);
        const Bytes init = lab.next(dialer);
        const Outcome reply = lab.give(from, init);
        ASSERT_LE(reply.answered_bytes(), init.size());
        ASSERT_EQ(reply.drops(), reply.answers.empty() ? 1u : 0u);
        replies += reply.answers.size();
      }
      EXPECT_EQ(replies, EndpointConfig{}.half_open_max);
    };
    const auto wait = [&] {
      std::array<std::uint8_t, datagram_bytes_max> buffer;
      Slot slot{{}, buffer, 0};
      lab.now += seconds{6};
      while (lab.endpoint.poll_transmit(slot, lab.now)) continue;
    };
    wave();
    wait();
    lab.expect_healthy();
    const std::size_t before = memory_bytes();
    wave();
    wait();
    EXPECT_LE(memory_bytes(), before + settled_bytes);
    lab.expect_healthy();
  }
}

class FloodedClient : public ::testing::TestWithParam<const char*> {};

TEST_P(FloodedClient, SendsNothingForItAndKeepsNothing) {
  Lab lab;
  SeededRandom random(7);
  const std::string state = GetParam();
  Dialer dialer = state == "attaching" ? lab.attach() : lab.login();
  Bytes packet = lab.next(dialer);
  if (state == "init" || state == "open") {
    dialer.on_datagram(lab.answer(packet), lab.now);
    packet = lab.next(dialer);
  }
  if (state == "open") lab.expect_served(dialer);
  const auto pour = [&](int packets) {
    std::array<std::uint8_t, datagram_bytes_max> buffer;
    Slot slot{{}, buffer, 0};
    Effect effect;
    std::size_t sent = 0;
    for (int i = 0; i < packets; ++i) {
      Bytes bytes = random_bytes(random, random.below(1300));
      // Every type at its length, but for a Cookie while one is waited for: that is believed, once.
      static constexpr std::pair<std::uint8_t, std::size_t> shapes[] = {
          {2, cookie_bytes}, {4, reply_bytes}, {6, attached_bytes}, {16, 100}, {1, hello_bytes}, {5, attach_bytes}};
      const auto [type, size] = shapes[random.below(std::size(shapes))];
      if (random.chance(800)) bytes.resize(size);
      if (!bytes.empty()) bytes[0] = type;
      if (bytes.size() > 1) bytes[1] = protocol_version;
      if (state == "hello" && type == 2) continue;
      const std::uint64_t before = dropped(dialer.statistics());
      dialer.on_datagram(bytes, lab.now);
      ASSERT_EQ(dropped(dialer.statistics()), before + 1) << static_cast<int>(type) << ", " << bytes.size();
      ASSERT_FALSE(dialer.poll_effect(effect));
      while (dialer.poll_transmit(slot, lab.now)) ++sent;
    }
    EXPECT_EQ(sent, 0u);
  };
  pour(1000);
  const std::size_t before = memory_bytes();
  pour(flood_packets);
  EXPECT_LE(memory_bytes(), before + 4096);
  lab.expect_served(dialer);
  lab.expect_healthy();
}

INSTANTIATE_TEST_SUITE_P(States, FloodedClient, ::testing::Values("hello", "init", "attaching", "open"),
                         [](const auto& one) { return std::string(one.param); });

TEST(FloodedClient, ForgedCookiesCostItOneInitAndNoMore) {
  Lab lab;
  SeededRandom random(8);
  Dialer dialer = lab.login();
  (void)lab.next(dialer);
  std::size_t sent = 0;
  for (int i = 0; i < flood_packets; ++i) {
    Bytes cookie(cookie_bytes);
    Cookie forged;
    forged.time_ms = random.next<std::uint64_t>();
    random.fill(forged.mac);
    encode(forged, cookie);
    dialer.on_datagram(cookie, lab.now);
    sent += lab.next(dialer).empty() ? 0 : 1;
  }
  EXPECT_EQ(sent, 1u);
  lab.expect_served(dialer);
}

TEST(Crowd, HalfOpenConnectionsAreBoundedInNumberAndTime) {
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
TEST(Crowd, LoginConnectionsAreBounded) {
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

/// The ports of one host, each with a handshake up to the Reply; how many got one.
int handshakes(Network& network, const char* host, int count) {
  int replies = 0;
  for (int i = 0; i < count; ++i) {
    const Address from = *Address::parse(host, static_cast<std::uint16_t>(1000 + i));
    Dialer dialer(LoginTarget{network.server, network.cluster, {public_key(network.static_key)}}, {}, seconds{30},
                  network.random, network.now);
    std::array<std::uint8_t, datagram_bytes_max> buffer;
    Slot slot{{}, buffer, 0};
    for (int turn = 0; turn < 2; ++turn) {
      dialer.poll_transmit(slot, network.now);
      const Datagram datagram{from, ByteView(buffer).first(slot.size)};
      network.endpoint.on_datagrams({&datagram, 1}, network.now);
      if (!network.endpoint.poll_transmit(slot, network.now)) break;
      dialer.on_datagram(ByteView(buffer).first(slot.size), network.now);
      replies += turn;
    }
  }
  return replies;
}

// Catches a few hosts that keep everybody else out with handshakes that they do not end.
TEST(Crowd, HalfOpenConnectionsAreSharedFairly) {
  EndpointConfig small;
  small.half_open_max = 100;
  Network crowded(1, {}, small);
  EXPECT_EQ(handshakes(crowded, "192.0.2.1", 150), 100);
  EXPECT_EQ(handshakes(crowded, "192.0.2.2", 150), 50);
  EXPECT_EQ(handshakes(crowded, "192.0.2.3", 150), 33);
  EXPECT_EQ(handshakes(crowded, "192.0.2.4", 1), 1);
  crowded.add_login("192.0.2.5:9");
  crowded.run(seconds{1});
  EXPECT_EQ(crowded.endpoint.connection_count(), 1u);
}

TEST(Crowd, InitsAreLimitedForEachNetworkAlone) {
  EndpointConfig limited;
  limited.inits_per_second_max = 20;
  Network busy(1, {}, limited);
  EXPECT_EQ(handshakes(busy, "192.0.2.50", 50), 20);
  EXPECT_EQ(handshakes(busy, "192.0.2.51", 5), 5);
  EXPECT_EQ(handshakes(busy, "2001:db8:1:1::1", 15) + handshakes(busy, "2001:db8:1:1::2", 15), 20)
      << "one /64, one quota";
  EXPECT_EQ(handshakes(busy, "2001:db8:1:2::1", 5), 5);
  busy.now += seconds{1};
  EXPECT_EQ(handshakes(busy, "192.0.2.50", 50), 20);
}

TEST(Nonsense, UnderTheRightKeysIsSurvivedAndEndsTheConnection) {
  const Address home = address("198.51.100.1:4000");
  SeededRandom random(8);
  const TrafficKeys keys{key(1), key(2)};
  std::size_t violations = 0, opened = 0;
  for (int round = 0; round < 20000; ++round) {
    Connection connection(Connection::Role::server, Connection::Use::session, keys, 7, home, {}, Instant{seconds{1}});
    EffectQueue effects;
    Statistics statistics;
    ASSERT_TRUE(connection.send(Channel::chat, Delivery::reliable, Bytes(3000), statistics));
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
      const auto received = connection.on_data(packet, home, Instant{seconds{1}}, ConnectionId{1}, SIZE_MAX / 2,
                                               effects, random, statistics);
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

}  // namespace
}  // namespace orrery::wire::test
