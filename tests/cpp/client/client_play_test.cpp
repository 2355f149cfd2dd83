// In play: redirects, chat, inputs and snapshots.
#include "client/game_message.h"
#include "client/harness.h"

namespace orrery::client::testing {

namespace {

Bytes snapshot_of(std::uint32_t tick, std::uint8_t count = 1, std::size_t entities = 1) {
  Bytes bytes(33 + entities * 12);
  Writer writer(bytes);
  writer.put(std::uint8_t{2});
  writer.put(tick);
  writer.put(std::uint32_t{0});
  writer.put(std::uint16_t{0});
  writer.put(std::uint16_t{4});
  writer.put(std::uint32_t{1});
  writer.put(std::int32_t{-250});
  writer.put(std::int32_t{1000});
  writer.put(std::int16_t{0});
  writer.put(std::int16_t{0});
  writer.put(std::uint16_t{1});
  writer.put(count);
  writer.put(std::uint8_t{0});
  for (std::size_t i = 0; i < entities; ++i) {
    writer.put(static_cast<std::uint32_t>(i + 2));
    writer.put(std::uint16_t{100});
    writer.put(std::uint16_t{200});
    writer.put(std::uint16_t{0});
    writer.put(std::uint16_t{1});
  }
  return bytes;
}

}  // namespace

using ClientPlay = ClientTest;

// Catches a wrong K, an attachment forgotten, and a login connection left open or closed for another reason.
TEST_F(ClientPlay, FollowsTheRedirectToOwnerAndChat) {
  play();
  bool owner = false, chatting = false;
  for (const Event& event : events) {
    if (const auto* entered = std::get_if<Entered>(&event)) {
      owner |=
          entered->role == "owner" && entered->kind == "grid" && entered->key == "42" && entered->server.value == 3;
      chatting |= entered->role == "chat" && entered->kind == "chat" && entered->server.value == 4;
    }
  }
  EXPECT_TRUE(owner);
  EXPECT_TRUE(chatting);
  EXPECT_TRUE(run_until([&] { return !login.closes.empty(); }, 1s));
  EXPECT_EQ(login.closes, std::vector{wire::CloseReason::moved});
  // Far past a lapse of the login connection.
  run_for(15s);
  EXPECT_FALSE(has<LoggedOut>());
  EXPECT_EQ(zone.opened, 1);
  EXPECT_EQ(chat.opened, 1);
}

// Catches a client that starts afresh at each copy of a redirect.
TEST_F(ClientPlay, TakesARepeatedOrOlderRedirectForOne) {
  play();
  const auto old_owner = target_of(other_zone, 9, 9, "owner", "station", "1");
  zone.say(redirect_to(
      {target_of(zone, 3, 10, "owner", "grid", "42"), target_of(chat, 4, 11, "chat", "chat", "main"), old_owner}));
  run_for(2s);
  EXPECT_EQ(count<Entered>(), 2u);
  EXPECT_EQ(zone.opened, 1);
  EXPECT_EQ(chat.opened, 1);
  EXPECT_TRUE(zone.closes.empty());
}

// Catches a later redirect that is not followed, an owner left before the next one is attached, or not left at all.
TEST_F(ClientPlay, FollowsALaterRedirectFromTheOwner) {
  play();
  zone.say(redirect_to({target_of(other_zone, 5, 12, "owner", "station", "1")}));
  run_for(3s);
  EXPECT_TRUE(zone.closes.empty()) << "left before the new owner knew of it";
  expect_at(other_zone, 5, 12);
  ASSERT_TRUE(run_until([&] { return count<Entered>() == 3; }, 5s));
  EXPECT_EQ(last<Entered>().kind, "station");
  ASSERT_TRUE(run_until([&] { return !zone.closes.empty(); }, 1s));
  EXPECT_EQ(zone.closes, std::vector{wire::CloseReason::moved});
  client->move(1, 2, 3);
  ASSERT_TRUE(run_until([&] { return !other_zone.games.empty(); }, 1s));
  EXPECT_TRUE(zone.games.empty());
  run_for(15s);
  EXPECT_FALSE(has<LoggedOut>());
}

// Catches chat that cannot redirect when the owner is silent.
TEST_F(ClientPlay, FollowsARedirectFromChat) {
  play();
  zone.is_down = true;
  expect_at(other_zone, 5, 12);
  chat.say(redirect_to({target_of(other_zone, 5, 12, "owner", "grid", "42")}));
  ASSERT_TRUE(run_until([&] { return count<Entered>() == 3; }, 5s));
  run_for(15s);
  EXPECT_FALSE(has<LoggedOut>());
}

// Catches two epochs at one address confused: a server that came back at its old port.
TEST_F(ClientPlay, AttachesAnewAtTheSameAddress) {
  play();
  zone.say(redirect_to({target_of(zone, 3, 20, "owner", "grid", "42")}));
  run_for(100ms);
  expect_at(zone, 3, 20);
  ASSERT_TRUE(run_until([&] { return count<Entered>() == 3; }, 5s));
  run_for(15s);
  EXPECT_FALSE(has<LoggedOut>());
  EXPECT_EQ(zone.opened, 2);
}

// Catches a redirect to nowhere that leaves the player hanging.
TEST_F(ClientPlay, EndsWhenRedirectedToNoAddress) {
  start({login.address});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  auto target = target_of(zone, 3, 10, "owner", "grid", "42");
  target.set_host("no.such.host");
  login.say(redirect_to({target}));
  ASSERT_TRUE(run_until([&] { return client->is_finished(); }, 5s));
  EXPECT_EQ(last<LoggedOut>().reason, "protocol");
}

// Catches a server that makes clients open connections without end.
TEST_F(ClientPlay, BoundsWhatARedirectCanAskFor) {
  play();
  // As many as the longest message holds.
  for (int round = 0; round < 10; ++round) {
    proto::ServerControl flood;
    for (int i = 0; i < 200; ++i) {
      const std::string role = "role" + std::to_string(round * 200 + i);
      *flood.mutable_redirect()->add_targets() = target_of(other_zone, 5, 12, role.c_str(), "chat", "x");
    }
    zone.say(flood);
    run_for(100ms);
  }
  run_for(500ms);
  EXPECT_LE(other_zone.endpoint->statistics().datagrams_received, 40u);
  EXPECT_FALSE(has<LoggedOut>());
}

// Catches a chat line lost, doubled, or said to the wrong server.
TEST_F(ClientPlay, Chats) {
  start({login.address});
  ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
  EXPECT_FALSE(client->chat("too early"));
  events.clear();
  client.reset();
  play();
  ASSERT_TRUE(client->chat("hello"));
  ASSERT_TRUE(run_until([&] { return !chat.chats.empty(); }, 1s));
  EXPECT_EQ(chat.chats, std::vector<std::string>{"hello"});
  chat.say_channels(0);
  chat.say_chat(1, "Ada", "hello");
  chat.say_chat(2, "Bob", "hi");
  ASSERT_TRUE(run_until([&] { return count<ChatShown>() == 2; }, 1s));
  EXPECT_EQ(last<ChatShown>().number, 2u);
  EXPECT_EQ(last<ChatShown>().from, "Bob");
  EXPECT_EQ(last<ChatShown>().text, "hi");
}

// Catches a session that ends because chat did, and chat that stays away when it is back.
TEST_F(ClientPlay, OutlivesChatAndFindsItAgain) {
  play();
  chat.is_down = true;
  run_for(25s);
  EXPECT_FALSE(has<LoggedOut>());
  EXPECT_FALSE(client->chat("anybody?"));
  chat.is_down = false;
  expect_at(chat, 4, 11);
  ASSERT_TRUE(run_until([&] { return count<Entered>() == 3; }, 15s));
  EXPECT_EQ(last<Entered>().role, "chat");
  EXPECT_TRUE(client->chat("there you are"));
  ASSERT_TRUE(run_until([&] { return !chat.chats.empty(); }, 2s));
}

// Catches inputs without their predecessors, or numbers that repeat.
TEST_F(ClientPlay, RepeatsTheLastInputs) {
  play();
  for (int i = 0; i < 4; ++i) {
    client->move(static_cast<std::int8_t>(i), -1, 0);
    run_for(50ms);
  }
  ASSERT_EQ(zone.games.size(), 4u);
  EXPECT_EQ(zone.games[0], (Bytes{1, 1, 1, 0, 0, 0, 0, 255, 0}));
  EXPECT_EQ(zone.games[3], (Bytes{1, 3, 4, 0, 0, 0, 3, 255, 0, 3, 0, 0, 0, 2, 255, 0, 2, 0, 0, 0, 1, 255, 0}));
}

// Catches a snapshot that takes the player back in time, and the wrap of the tick.
TEST_F(ClientPlay, ShowsSnapshotsInOrder) {
  play();
  for (const std::uint32_t tick : {0xfffffffeu, 0xfffffffdu, 0xffffffffu, 0xffffffffu, 1u, 0u}) {
    zone.say_game(snapshot_of(tick));
    run_for(50ms);
  }
  EXPECT_EQ(count<Snapshot>(), 3u);
  EXPECT_EQ(last<Snapshot>().tick, 1u);
  EXPECT_EQ(last<Snapshot>().entities.at(0).x_cm, -250);
}

// Catches a crash of, or belief in, what a hostile server sends under good keys.
TEST_F(ClientPlay, BearsHostileMessages) {
  play();
  zone.say_game({});
  zone.say_game(snapshot_of(1, 0xff));
  zone.say_game(snapshot_of(1, 0));
  const Bytes whole = snapshot_of(1, 5, 5);
  for (std::size_t size = 1; size < whole.size(); size += 3) zone.say_game(ByteView(whole).first(size));
  for (int round = 0; round < 300; ++round) {
    Bytes bytes(random.next<std::uint8_t>() + 1u);
    random.fill(bytes);
    bytes[0] = 2;
    ASSERT_TRUE(zone.endpoint->send(zone.connection, wire::Channel::control, wire::Delivery::reliable, bytes));
    bytes[0] = 0xff;
    zone.say_game(bytes);
    run_for(10ms);
  }
  EXPECT_FALSE(has<Snapshot>());
  EXPECT_FALSE(has<LoggedOut>());
  zone.say_game(snapshot_of(2));
  EXPECT_TRUE(run_until([&] { return has<Snapshot>(); }, 5s));
}

}  // namespace orrery::client::testing
