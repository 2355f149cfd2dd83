// True packets where they do not belong: the wrong direction, the wrong state, the wrong server, the wrong epoch, the
// wrong address.
#include <map>

#include "lab.h"

namespace orrery::wire::test {
namespace {

class Misplaced : public ::testing::TestWithParam<Lab::Family> {
 protected:
  /// One true packet of each type, of connections that nobody else uses.
  std::map<std::string, Bytes> true_packets(Lab& other) {
    std::map<std::string, Bytes> packets;
    Dialer login = other.login();
    packets["Hello"] = other.next(login);
    packets["Cookie"] = other.answer(packets["Hello"]);
    login.on_datagram(packets["Cookie"], other.now);
    packets["Init"] = other.next(login);
    packets["Reply"] = other.answer(packets["Init"]);
    login.on_datagram(packets["Reply"], other.now);
    packets["DataOfLogin"] = other.next(login);
    Dialer attach = other.attach();
    packets["Attach"] = other.next(attach);
    packets["Attached"] = other.answer(packets["Attach"]);
    attach.on_datagram(packets["Attached"], other.now);
    packets["DataOfSession"] = other.next(attach);
    packets["Version"] = {7, protocol_version, protocol_version};
    return packets;
  }
  static const std::vector<std::string>& from_servers() {
    static const std::vector<std::string> names{"Cookie", "Reply", "Attached", "Version"};
    return names;
  }
  static const std::vector<std::string>& from_clients() {
    static const std::vector<std::string> names{"Hello", "Init", "Attach", "DataOfLogin", "DataOfSession"};
    return names;
  }
};

TEST_P(Misplaced, AServersPacketsSentToAServerAreDropped) {
  Lab lab(GetParam()), other(GetParam(), unlimited(), 2);
  const auto packets = true_packets(other);
  for (const std::string& name : from_servers()) {
    EXPECT_TRUE(lab.give(packets.at(name)).is_malformed()) << name;
    EXPECT_TRUE(other.give(packets.at(name)).is_malformed()) << name << ", its own";
  }
  lab.expect_healthy();
}

TEST_P(Misplaced, AClientsPacketsSentToAClientAreDroppedInEveryState) {
  Lab lab(GetParam()), other(GetParam(), unlimited(), 2);
  const auto packets = true_packets(other);
  const auto expect_dropped = [&](Dialer& dialer, const char* state) {
    for (const std::string& name : from_clients()) {
      const Outcome outcome = lab.give(dialer, packets.at(name));
      EXPECT_TRUE(outcome.is_dropped()) << name << " while " << state << ": " << outcome.to_string();
    }
    lab.expect_served(dialer);
  };
  Dialer hello = lab.login();
  expect_dropped(hello, "before a cookie");
  Dialer init = lab.login();
  init.on_datagram(lab.answer(lab.next(init)), lab.now);
  expect_dropped(init, "before a reply");
  Dialer attach = lab.attach();
  expect_dropped(attach, "attaching");
  expect_dropped(attach, "open");
  expect_dropped(init, "open");
  lab.expect_healthy();
}

TEST_P(Misplaced, AServersPacketsAtTheWrongTimeAreDroppedByAClient) {
  Lab lab(GetParam()), other(GetParam(), unlimited(), 2);
  const auto packets = true_packets(other);
  const auto expect_dropped = [&](Dialer& dialer, std::initializer_list<const char*> names, const char* state) {
    for (const char* name : names) {
      const Outcome outcome = lab.give(dialer, packets.at(name));
      EXPECT_TRUE(outcome.is_dropped()) << name << " while " << state << ": " << outcome.to_string();
      EXPECT_FALSE(dialer.is_closed());
    }
    lab.expect_served(dialer);
  };
  Dialer hello = lab.login();
  expect_dropped(hello, {"Reply", "Attached", "DataOfLogin"}, "before a cookie");
  Dialer init = lab.login();
  init.on_datagram(lab.answer(lab.next(init)), lab.now);
  (void)lab.next(init);
  expect_dropped(init, {"Cookie", "Reply", "Attached", "DataOfLogin"}, "before a reply");
  Dialer attach = lab.attach();
  expect_dropped(attach, {"Cookie", "Reply", "Attached", "DataOfSession"}, "attaching");
  expect_dropped(attach, {"Cookie", "Reply", "Attached", "Version", "DataOfSession"}, "open");
  expect_dropped(init, {"Cookie", "Reply", "Attached", "Version", "DataOfLogin"}, "open");
  lab.expect_healthy();
}

// Catches keys that serve both directions: a packet sent back with the receiver's own id in its header.
TEST_P(Misplaced, APacketReflectedToWhoSentItDoesNotOpen) {
  Lab lab(GetParam());
  auto broken = lab.break_in();
  const auto reflect = [](const Bytes& packet, std::uint32_t receiver) {
    Bytes reflected = packet;
    Writer writer(std::span<std::uint8_t>(reflected).subspan(1));
    writer.put(receiver);
    return reflected;
  };
  ASSERT_TRUE(broken.dialer.send(Channel::chat, Delivery::reliable, pattern(20, 1)));
  const Bytes from_client = lab.next(broken.dialer);
  EXPECT_TRUE(lab.give(broken.dialer, from_client).is_unknown());
  EXPECT_TRUE(lab.give(broken.dialer, reflect(from_client, broken.to_client.receiver())).is_dropped());
  ASSERT_TRUE(lab.endpoint.send(broken.connection, Channel::chat, Delivery::reliable, pattern(20, 1)));
  Bytes from_server(datagram_bytes_max);
  Slot slot{{}, from_server, 0};
  ASSERT_TRUE(lab.endpoint.poll_transmit(slot, lab.now));
  from_server.resize(slot.size);
  EXPECT_TRUE(lab.give(from_server).is_unknown());
  EXPECT_TRUE(lab.give(reflect(from_server, broken.to_server.receiver())).is_dropped());
  // Nor with a counter and a header that are right in all.
  const Bytes ping{0, 3};
  const Sealer as_client = broken.to_client.for_receiver(broken.to_server.receiver());
  const Sealer as_server = broken.to_server.for_receiver(broken.to_client.receiver());
  EXPECT_TRUE(lab.give(as_client.seal(5000, ping)).is_unsealed());
  EXPECT_TRUE(lab.give(broken.dialer, as_server.seal(5000, ping)).is_unsealed());
  lab.expect_healthy();
}

TEST_P(Misplaced, DataBeforeAnyHandshakeIsUnknown) {
  Lab lab(GetParam());
  SeededRandom random(3);
  for (int i = 0; i < 1000; ++i) {
    Bytes packet(data_bytes_min + random.below(200));
    random.fill(packet);
    encode(DataHeader{random.next<std::uint32_t>(), random.below(10)}, packet);
    EXPECT_TRUE(lab.give(packet).is_unknown());
  }
  lab.expect_healthy();
}

TEST_P(Misplaced, AHelloOrAnInitToAServerThatTakesNoLoginsIsUnknown) {
  Lab lab(GetParam());
  Dialer dialer = lab.login();
  const Bytes hello = lab.next(dialer);
  dialer.on_datagram(lab.answer(hello), lab.now);
  const Bytes init = lab.next(dialer);
  SeededRandom random(4);
  Endpoint zone({}, random);
  for (const Bytes& packet : {hello, init}) {
    const Datagram datagram{lab.home, packet};
    const auto before = zone.statistics().dropped_unknown;
    zone.on_datagrams({&datagram, 1}, lab.now);
    EXPECT_EQ(zone.statistics().dropped_unknown, before + 1);
    EXPECT_FALSE(zone.next_deadline()) << "nothing is to be sent";
  }
}

TEST_P(Misplaced, AnAttachToALoginServerIsUnknown) {
  SeededRandom random(5);
  Endpoint login({}, random);
  const Key32 static_key = key(9);
  login.accept_logins({&static_key, 1}, "dev");
  Lab lab(GetParam());
  Dialer dialer = lab.attach();
  const Bytes attach = lab.next(dialer);
  const Datagram datagram{lab.home, attach};
  login.on_datagrams({&datagram, 1}, lab.now);
  EXPECT_EQ(login.statistics().dropped_unknown, 1u);
  EXPECT_FALSE(login.next_deadline());
}

TEST_P(Misplaced, AnAttachForAnotherServerSessionOrEpochIsUnknown) {
  Lab lab(GetParam());
  struct {
    const char* name;
    Epoch epoch;
    ServerId server;
    SessionId session;
  } const wrong[] = {{"server", Lab::epoch, ServerId{78}, Lab::hostile_session},
                     {"no server", Lab::epoch, ServerId{0}, Lab::hostile_session},
                     {"session", Lab::epoch, Lab::self, SessionId{3}},
                     {"no session", Lab::epoch, Lab::self, SessionId{0}},
                     {"epoch before", Epoch{Lab::epoch.value - 1}, Lab::self, Lab::hostile_session},
                     {"epoch after", Epoch{Lab::epoch.value + 1}, Lab::self, Lab::hostile_session},
                     {"no epoch", Epoch{0}, Lab::self, Lab::hostile_session},
                     {"last epoch", Epoch{UINT64_MAX}, Lab::self, Lab::hostile_session}};
  for (const auto& one : wrong) {
    Dialer dialer = lab.attach(one.epoch, key(1), one.server, one.session);
    const Outcome outcome = lab.give(lab.next(dialer));
    EXPECT_TRUE(outcome.is_unknown()) << one.name << ": " << outcome.to_string();
  }
  for (const SessionId session : {Lab::hostile_session, Lab::healthy_session}) {
    Dialer dialer = lab.attach(Lab::epoch, key(3), Lab::self, session);
    EXPECT_TRUE(lab.give(lab.next(dialer)).is_unsealed()) << "under a key that is not the session's";
  }
  lab.expect_healthy();
}

TEST_P(Misplaced, ASecondInitAfterTheFirstHasOpenedDisturbsNothing) {
  Lab lab(GetParam());
  Dialer dialer = lab.login();
  dialer.on_datagram(lab.answer(lab.next(dialer)), lab.now);
  const Bytes init = lab.next(dialer);
  dialer.on_datagram(lab.answer(init), lab.now);
  lab.expect_served(dialer);
  const Outcome again = lab.give(init);
  EXPECT_LE(again.answered_bytes(), init.size());
  EXPECT_TRUE(again.effects.empty());
  EXPECT_TRUE(lab.give(dialer, again.answers.at(0)).is_dropped());
  EXPECT_EQ(lab.endpoint.connection_count(), 2u);
  lab.expect_served(dialer);
  lab.expect_healthy();
}

TEST_P(Misplaced, ARepeatedAttachOfAnOpenConnectionDisturbsNothing) {
  Lab lab(GetParam());
  Dialer dialer = lab.attach();
  const Bytes attach = lab.next(dialer);
  const Bytes attached = lab.answer(attach);
  dialer.on_datagram(attached, lab.now);
  lab.expect_served(dialer);
  const Outcome again = lab.give(lab.elsewhere, attach);
  EXPECT_EQ(again.answers, std::vector<Bytes>{attached});
  EXPECT_TRUE(again.effects.empty());
  lab.expect_served(dialer);
  lab.expect_healthy();
}

// Catches a server that is made to send to whomever the copy of an Attach names.
TEST_P(Misplaced, ACopiedAttachFromElsewhereDoesNotTurnTheServersStreamThere) {
  Lab lab(GetParam());
  Dialer dialer = lab.attach();
  const Bytes attach = lab.next(dialer);
  const Bytes attached = lab.answer(attach);
  std::size_t there = 0;
  for (const Bytes& answer : lab.give(lab.elsewhere, attach).answers) there += answer.size();
  dialer.on_datagram(attached, lab.now);
  const Bytes first = lab.next(dialer);
  const Datagram datagram{lab.home, first};
  lab.endpoint.on_datagrams({&datagram, 1}, lab.now);
  Effect effect;
  ASSERT_TRUE(lab.endpoint.poll_effect(effect));
  const ConnectionId connection = std::get<Attached>(effect).connection;
  for (int i = 0; i < 12; ++i)
    ASSERT_TRUE(lab.endpoint.send(connection, Channel::game, Delivery::unreliable, pattern(1000, 1)));
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer, 0};
  while (lab.endpoint.poll_transmit(slot, lab.now)) there += slot.to == lab.elsewhere ? slot.size : 0;
  EXPECT_LE(there, attach.size()) << "no more than came from there";
}

// Catches a close that what stands behind it in its packet undoes, or that lets a message be told after the end.
TEST_P(Misplaced, WhatFollowsACloseIsNotRead) {
  const std::initializer_list<std::pair<const char*, Bytes>> follow{{"a message", {1, 1, 2, 0, 'h', 'i'}},
                                                                    {"another close", {4, 8}},
                                                                    {"no frame", {0xff, 0xff}},
                                                                    {"half a frame", {4}}};
  for (const auto& [name, bytes] : follow) {
    Lab lab(GetParam());
    auto broken = lab.break_in();
    Bytes payload{0, 4, static_cast<std::uint8_t>(CloseReason::logout)};
    payload.insert(payload.end(), bytes.begin(), bytes.end());
    const Outcome outcome = lab.give(broken.to_server.seal(5000, payload));
    ASSERT_EQ(outcome.effects.size(), 1u) << name << ": " << outcome.to_string();
    const auto* closed = std::get_if<Closed>(&outcome.effects[0].effect);
    ASSERT_TRUE(closed) << name;
    EXPECT_EQ(closed->reason, CloseReason::logout) << name;
    EXPECT_TRUE(outcome.answers.empty()) << name << ": a close is not answered";
    EXPECT_EQ(outcome.drops(), 0u) << name;
    lab.expect_healthy();
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Misplaced, ::testing::Values(Lab::Family::v4, Lab::Family::v6),
                         [](const auto& one) { return one.param == Lab::Family::v4 ? "v4" : "v6"; });

}  // namespace
}  // namespace orrery::wire::test
