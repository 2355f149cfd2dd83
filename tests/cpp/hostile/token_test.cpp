// Tokens that were right once, or may be some day, and whole sessions played again: at the same server, at one that was
// restarted, at another.
#include "lab.h"
#include "wire/cookie.h"

namespace orrery::wire::test {
namespace {

/// All that travelled, in order.
struct Recording {
  struct Packet {
    bool to_server;
    Bytes bytes;
  };
  std::vector<Packet> packets;
};

class Token : public ::testing::TestWithParam<Lab::Family> {
 protected:
  /// The cookie that the endpoint gives to home, in an Init whose handshake is right.
  Init init_of(Lab& lab, Dialer& dialer) {
    dialer.on_datagram(lab.answer(lab.next(dialer)), lab.now);
    return *decode_init(lab.next(dialer));
  }
  static Bytes bytes_of(const Init& init) {
    Bytes bytes(init_bytes);
    encode(init, bytes);
    return bytes;
  }

  /// A login or a session from its first packet to its goodbye.
  static Recording record(Lab& lab, bool login) {
    Recording recording;
    Dialer dialer = login ? lab.login() : lab.attach();
    std::array<std::uint8_t, datagram_bytes_max> buffer;
    Slot slot{{}, buffer, 0};
    Effect effect;
    const auto copy = [&](bool to_server) {
      recording.packets.push_back(
          {to_server, Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(slot.size))});
    };
    for (int i = 0; i < 100; ++i, lab.now += milliseconds{5}) {
      while (dialer.poll_transmit(slot, lab.now)) {
        copy(true);
        const Datagram datagram{lab.home, ByteView(buffer).first(slot.size)};
        lab.endpoint.on_datagrams({&datagram, 1}, lab.now);
      }
      while (lab.endpoint.poll_effect(effect)) {
        ConnectionId id;
        if (const auto* opened = std::get_if<LoginOpened>(&effect)) id = opened->connection;
        if (const auto* attached = std::get_if<Attached>(&effect)) id = attached->connection;
        if (id) {
          EXPECT_TRUE(lab.endpoint.send(id, Channel::control, Delivery::reliable, pattern(2000, 1)));
        }
      }
      while (lab.endpoint.poll_transmit(slot, lab.now)) {
        if (slot.to != lab.home) continue;
        copy(false);
        dialer.on_datagram(ByteView(buffer).first(slot.size), lab.now);
      }
      if (i == 10) {
        EXPECT_TRUE(dialer.send(Channel::control, Delivery::reliable, pattern(2000, 2)));
      }
      if (i > 10 && i % 10 == 0) (void)dialer.send(Channel::game, Delivery::unreliable, pattern(20, 3));
      if (i == 70) dialer.close(CloseReason::logout);
    }
    EXPECT_TRUE(dialer.is_closed());
    EXPECT_GT(recording.packets.size(), 15u);
    return recording;
  }

  /// Nothing of it opens anything, whoever sends it; answers are no longer than what they answer.
  static void replay_at_server(Lab& lab, const Recording& recording, const Address& from) {
    for (const auto& packet : recording.packets) {
      const Outcome outcome = lab.give(from, packet.bytes);
      EXPECT_TRUE(outcome.effects.empty()) << static_cast<int>(packet.bytes[0]);
      EXPECT_LE(outcome.answered_bytes(), packet.bytes.size());
      EXPECT_EQ(outcome.drops(), outcome.answers.empty() ? 1u : 0u)
          << static_cast<int>(packet.bytes[0]) << ": " << outcome.to_string();
    }
    EXPECT_EQ(lab.endpoint.connection_count(), 1u) << "the healthy one";
  }
};

TEST_P(Token, ACookieIsTakenForTenSecondsAndNoLonger) {
  for (const auto& [age, good] : {std::pair{milliseconds{0}, true},
                                  {milliseconds{9999}, true},
                                  {milliseconds{10000}, true},
                                  {milliseconds{10001}, false},
                                  {milliseconds{60000}, false}}) {
    Lab lab(GetParam());
    Dialer dialer = lab.login();
    const Init init = init_of(lab, dialer);
    std::array<std::uint8_t, datagram_bytes_max> buffer;
    Slot slot{{}, buffer, 0};
    lab.now += age;
    while (lab.endpoint.poll_transmit(slot, lab.now)) continue;  // the healthy one's pings
    Effect effect;
    while (lab.endpoint.poll_effect(effect)) continue;  // and its end, when it is that late
    const Outcome outcome = lab.give(bytes_of(init));
    if (good)
      EXPECT_EQ(outcome.answered_bytes(), reply_bytes) << age.count() << ": " << outcome.to_string();
    else
      EXPECT_TRUE(outcome.is_unknown()) << age.count() << ": " << outcome.to_string();
  }
}

TEST_P(Token, ACookieIsOfItsTimeItsAddressAndItsServer) {
  Lab lab(GetParam());
  Dialer dialer = lab.login();
  const Init init = init_of(lab, dialer);
  for (const std::int64_t later_ms : {1, 1000, 1'000'000'000}) {
    Init future = init;
    future.cookie.time_ms += static_cast<std::uint64_t>(later_ms);
    EXPECT_TRUE(lab.give(bytes_of(future)).is_unknown()) << later_ms;
  }
  for (const std::uint64_t time_ms : {std::uint64_t{0}, init.cookie.time_ms - 1, UINT64_MAX}) {
    Init changed = init;
    changed.cookie.time_ms = time_ms;
    EXPECT_TRUE(lab.give(bytes_of(changed)).is_unknown()) << time_ms;
  }
  EXPECT_TRUE(lab.give(lab.elsewhere, bytes_of(init)).is_unknown()) << "of another address";
  Address other_port = lab.home;
  ++other_port.port;
  EXPECT_TRUE(lab.give(other_port, bytes_of(init)).is_unknown()) << "of another port";
  Lab restarted(GetParam(), unlimited(), 2);
  restarted.now = lab.now;
  EXPECT_TRUE(restarted.give(bytes_of(init)).is_unknown()) << "of before a restart";
  EXPECT_EQ(lab.give(bytes_of(init)).answered_bytes(), reply_bytes) << "the true one";
  lab.expect_healthy();
}

// An honest mac for a time that has not come: whoever had it could hold cookies in stock.
TEST_P(Token, ACookieFromTheFutureIsRefusedThoughItsMacIsRight) {
  SeededRandom random(1);
  const CookieJar jar(seconds{10}, random);
  const Address home = GetParam() == Lab::Family::v4 ? address("198.51.100.1:4000") : address("[2001:db8::1]:4000");
  const Instant now{seconds{1000}};
  EXPECT_TRUE(jar.accepts(jar.bake(home, now), home, now));
  EXPECT_FALSE(jar.accepts(jar.bake(home, now + milliseconds{1}), home, now));
  EXPECT_FALSE(jar.accepts(jar.bake(home, now - milliseconds{10001}), home, now));
}

TEST_P(Token, AttachesOfOldAndFutureEpochsAreUnknownThoughTheirKeysAreRight) {
  Lab lab(GetParam());
  const Key32 root = key(7);
  const auto k_of = [&](std::uint64_t epoch) {
    return session_key(root, Lab::hostile_session, Lab::self, Epoch{epoch});
  };
  lab.endpoint.expect(Lab::hostile_session, Epoch{10}, Lab::self, k_of(10));
  for (const std::uint64_t epoch : {1, 5, 9, 11, 12}) {
    Dialer dialer = lab.attach(Epoch{epoch}, k_of(epoch));
    EXPECT_TRUE(lab.give(lab.next(dialer)).is_unknown()) << epoch;
  }
  Dialer now = lab.attach(Epoch{10}, k_of(10));
  lab.expect_served(now);
  // A lower epoch is not expected again; a higher one ends what the old token could do.
  lab.endpoint.expect(Lab::hostile_session, Epoch{9}, Lab::self, k_of(9));
  Dialer before = lab.attach(Epoch{9}, k_of(9));
  EXPECT_TRUE(lab.give(lab.next(before)).is_unknown());
  lab.endpoint.expect(Lab::hostile_session, Epoch{11}, Lab::self, k_of(11));
  Dialer old = lab.attach(Epoch{10}, k_of(10));
  EXPECT_TRUE(lab.give(lab.next(old)).is_unknown());
  Dialer next = lab.attach(Epoch{11}, k_of(11));
  lab.expect_served(next);
  lab.endpoint.forget(Lab::hostile_session, CloseReason::kicked);
  std::vector<Seen> told, seen;
  lab.run(next, seconds{1}, told, seen);
  Dialer gone = lab.attach(Epoch{11}, k_of(11));
  EXPECT_TRUE(lab.give(lab.next(gone)).is_unknown()) << "forgotten";
  lab.expect_healthy();
}

TEST_P(Token, AnAttachThatWaitsIsVoidOnceAHigherEpochIsExpected) {
  Lab lab(GetParam());
  Dialer dialer = lab.attach();
  dialer.on_datagram(lab.answer(lab.next(dialer)), lab.now);
  const Bytes first = lab.next(dialer);
  lab.endpoint.expect(Lab::hostile_session, Epoch{6}, Lab::self, key(8));
  EXPECT_TRUE(lab.give(first).is_unknown());
  lab.expect_healthy();
}

TEST_P(Token, AWholeSessionPlayedAgainOpensNothing) {
  for (const bool login : {true, false}) {
    for (const bool from_elsewhere : {false, true}) {
      Lab lab(GetParam());
      const Recording recording = record(lab, login);
      replay_at_server(lab, recording, from_elsewhere ? lab.elsewhere : lab.home);
      lab.expect_healthy();
      Lab restarted(GetParam(), unlimited(), 2);  // the same keys, cluster, sessions and epochs; nothing remembered
      restarted.now = std::max(restarted.now, lab.now);
      replay_at_server(restarted, recording, from_elsewhere ? restarted.elsewhere : restarted.home);
      restarted.expect_healthy();
      Lab other(GetParam(), unlimited(), 3);
      other.endpoint.forget(Lab::hostile_session, CloseReason::none);
      other.endpoint.expect(Lab::hostile_session, Epoch{6}, ServerId{78}, key(4));
      const Key32 other_key = key(10);
      other.endpoint.accept_logins({&other_key, 1}, "other");
      replay_at_server(other, recording, other.home);
      other.expect_healthy();
    }
  }
}

// The first Data of a recorded session against the fresh keys that its own replayed Attach or Init caused.
TEST_P(Token, AReplayedFirstFlightIsAnsweredUnderFreshKeysThatItsDataDoesNotOpen) {
  Lab lab(GetParam());
  Dialer dialer = lab.attach();
  const Bytes attach = lab.next(dialer), attached = lab.answer(attach);
  dialer.on_datagram(attached, lab.now);
  const Bytes data = lab.next(dialer);
  Lab restarted(GetParam(), unlimited(), 2);
  const Bytes anew = restarted.answer(attach);
  ASSERT_TRUE(decode_attached(anew));
  EXPECT_NE(decode_attached(anew)->server_random, decode_attached(attached)->server_random);
  Bytes readdressed = data;
  Writer writer(std::span<std::uint8_t>(readdressed).subspan(1));
  writer.put(decode_attached(anew)->server_id);
  EXPECT_TRUE(restarted.give(readdressed).is_unsealed());
  EXPECT_TRUE(restarted.give(data).is_dropped());
  EXPECT_EQ(restarted.endpoint.connection_count(), 1u);
  restarted.expect_healthy();
}

// What a server said, played again to a client that dials anew: nothing of it opens or closes it.
TEST_P(Token, AServersHalfPlayedAgainMisleadsNoClient) {
  for (const bool login : {true, false}) {
    Lab lab(GetParam());
    const Recording recording = record(lab, login);
    Lab later(GetParam(), unlimited(), 2);
    Dialer dialer = login ? later.login() : later.attach();
    (void)later.next(dialer);
    for (int round = 0; round < 2; ++round) {
      for (const auto& packet : recording.packets) {
        if (packet.to_server || packet.bytes[0] == 2) continue;  // an old cookie is believed, and costs an Init
        const Outcome outcome = later.give(dialer, packet.bytes);
        EXPECT_TRUE(outcome.is_dropped()) << static_cast<int>(packet.bytes[0]) << outcome.to_string();
      }
      later.expect_served(dialer);
    }
    later.expect_healthy();
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Token, ::testing::Values(Lab::Family::v4, Lab::Family::v6),
                         [](const auto& one) { return one.param == Lab::Family::v4 ? "v4" : "v6"; });

}  // namespace
}  // namespace orrery::wire::test
