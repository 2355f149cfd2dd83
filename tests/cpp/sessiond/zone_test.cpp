#include <algorithm>
#include <map>
#include <set>

#include "lab.h"
#include "sessiond/visibility.h"
#include "sessiond/zone_core.h"

namespace orrery::sessiond::test {
namespace {

struct Snapshot {
  std::uint32_t tick, last_input, self;
  std::uint16_t delay_ms;
  std::pair<std::int32_t, std::int32_t> at;
  std::map<std::uint32_t, std::pair<std::int32_t, std::int32_t>> others;
  std::set<std::uint32_t> gone;
  std::map<std::uint32_t, int> states;
};

/// Decoded from docs/protocol.md, sharing nothing with the encoder.
Snapshot decode(ByteView bytes) {
  Snapshot s{};
  const auto u = [&](std::size_t at, std::size_t n) {
    std::uint64_t value = 0;
    for (std::size_t i = n; i-- > 0;) value = value << 8 | bytes[at + i];
    return value;
  };
  EXPECT_GE(bytes.size(), 33u);
  EXPECT_EQ(bytes[0], 2);
  s.tick = static_cast<std::uint32_t>(u(1, 4));
  s.last_input = static_cast<std::uint32_t>(u(5, 4));
  s.delay_ms = static_cast<std::uint16_t>(u(9, 2));
  const auto unit = static_cast<std::int32_t>(u(11, 2));
  s.self = static_cast<std::uint32_t>(u(13, 4));
  s.at = {static_cast<std::int32_t>(u(17, 4)), static_cast<std::int32_t>(u(21, 4))};
  s.states[s.self] = bytes[30];
  const std::size_t count = bytes[31], gone = bytes[32];
  EXPECT_EQ(bytes.size(), 33 + 12 * count + 4 * gone);
  const auto place = [&](std::int32_t own, std::uint64_t low) {
    std::int32_t cm = static_cast<std::int32_t>(low) * unit;
    while (cm - own > 32768 * unit) cm -= 65536 * unit;
    while (own - cm > 32768 * unit) cm += 65536 * unit;
    return cm;
  };
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = 33 + 12 * i;
    const auto entity = static_cast<std::uint32_t>(u(at, 4));
    s.others[entity] = {place(s.at.first, u(at + 4, 2)), place(s.at.second, u(at + 6, 2))};
    s.states[entity] = bytes[at + 11];
  }
  for (std::size_t i = 0; i < gone; ++i) s.gone.insert(static_cast<std::uint32_t>(u(33 + 12 * count + 4 * i, 4)));
  EXPECT_EQ(s.others.size(), count);
  EXPECT_EQ(s.gone.size(), gone);
  return s;
}

Bytes input(std::initializer_list<std::array<int, 4>> inputs) {
  Bytes out{1, static_cast<std::uint8_t>(inputs.size())};
  for (const auto& in : inputs) {
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(in[0] >> (8 * i)));
    for (std::size_t i = 1; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(in[i]));
  }
  return out;
}

class ZoneTest : public ::testing::Test {
 protected:
  Lab<ZoneCore> lab{"zone"};
  void enter(std::uint64_t session, double x_m, double y_m) {
    lab.arrivals.push_back(arrival(session, 5, "owner", key_of(1), {{"x_m", x_m}, {"y_m", y_m}}));
  }
  void begin(std::uint64_t sessions) {
    lab.start();
    for (std::uint64_t id = 1; id <= sessions; ++id) lab.attach(SessionId{id}, Epoch{5}, key_of(1));
    lab.run(milliseconds{500});
  }
  Snapshot last(std::size_t client) { return decode(lab.client(client).game.back()); }
};

TEST_F(ZoneTest, TwentySnapshotsASecondOfWhatIsNear) {
  enter(1, 100, 100);
  enter(2, 150, 100);
  enter(3, 1900, 1900);
  begin(3);
  const auto before = lab.client(0).game.size();
  lab.run(seconds{1});
  EXPECT_NEAR(static_cast<double>(lab.client(0).game.size() - before), 20, 1);
  EXPECT_EQ(last(0).at, std::make_pair(10000, 10000));
  ASSERT_EQ(last(0).others.size(), 1u);
  EXPECT_EQ(last(0).others.at(last(1).self), std::make_pair(15000, 10000));
  EXPECT_TRUE(last(2).others.empty());
}

// Catches who comes from another place, and waits for a tick that has just begun and for his slice of it.
TEST_F(ZoneTest, WhoAttachesSeesTheWorldAtOnceAndNotTwiceInATick) {
  for (std::uint64_t id = 1; id <= 20; ++id) enter(id, 100.0 + static_cast<double>(id), 100);
  lab.start();
  for (std::uint64_t id = 1; id <= 20; ++id) {
    lab.run(milliseconds{7});
    const std::size_t client = lab.attach(SessionId{id}, Epoch{5}, key_of(1));
    lab.run(milliseconds{1});
    ASSERT_EQ(lab.client(client).game.size(), 1u) << id;
    EXPECT_EQ(last(client).others.size(), id - 1);
  }
  lab.run(milliseconds{500});
  for (std::size_t client = 0; client < 20; ++client) {
    std::set<std::uint32_t> ticks;
    for (const Bytes& bytes : lab.client(client).game) ticks.insert(decode(bytes).tick);
    EXPECT_EQ(ticks.size(), lab.client(client).game.size());
  }
}

// Catches snapshots that wait for a slow path, and arrive when they are long out of date.
TEST_F(ZoneTest, ASlowPathGetsFewerSnapshotsAndNoneThatWaited) {
  lab.info["settings"]["client_rate_bytes_s"] = 1000;
  enter(1, 1000, 1000);
  begin(1);
  std::size_t heard = 0;
  std::optional<std::int64_t> ahead;
  for (std::int64_t step = 0; step < 1200; ++step) {
    lab.run(milliseconds{50});
    const auto& game = lab.client(0).game;
    // The burst is spent by then.
    if (step < 900) {
      heard = game.size();
      continue;
    }
    for (; heard < game.size(); ++heard) {
      const std::int64_t lead = decode(game[heard]).tick - step;
      if (!ahead) ahead = lead;
      EXPECT_NEAR(static_cast<double>(lead), static_cast<double>(*ahead), 1);
    }
  }
  EXPECT_GT(lab.client(0).game.size(), 100u);
  EXPECT_LT(lab.client(0).game.size(), 1100u);
}

TEST_F(ZoneTest, AnInputMovesOnceHoweverOftenItComes) {
  enter(1, 100, 100);
  begin(1);
  auto& dialer = lab.client(0).dialer;
  const auto send = [&](const Bytes& bytes) {
    ASSERT_TRUE(dialer.send(wire::Channel::game, wire::Delivery::unreliable, bytes));
    lab.run(milliseconds{100});
  };
  send(input({{2, 0, 0, 0}, {1, 127, 0, 0}}));
  EXPECT_EQ(last(0).last_input, 2u);
  EXPECT_EQ(last(0).at.first, 10000) << "the newest input says stand";
  send(input({{1, 127, 0, 0}}));
  EXPECT_EQ(last(0).last_input, 2u);
  EXPECT_EQ(last(0).at.first, 10000) << "an old input was taken";
  send(input({{3, 127, 0, 0}}));
  EXPECT_GT(last(0).at.first, 10000);
  EXPECT_LE(last(0).delay_ms, 110);
  // Sequences wrap.
  send(input({{0x7fffffff, 0, 0, 0}}));
  send(input({{static_cast<int>(0xfffffff0), 0, 0, 0}}));
  send(input({{4, 0, 0, 0}}));
  EXPECT_EQ(last(0).last_input, 4u);
}

TEST_F(ZoneTest, MalformedInputsAreCountedAndNothingElse) {
  enter(1, 100, 100);
  begin(1);
  Bytes cut = input({{9, 127, 0, 0}, {8, 127, 0, 0}});
  cut.pop_back();
  Bytes more = input({{9, 127, 0, 0}});
  more.push_back(0);
  for (const Bytes& bad : {Bytes{1}, Bytes{1, 0}, Bytes{2, 1, 0}, cut, more,
                           input({{9, 1, 1, 0}, {8, 1, 1, 0}, {7, 1, 1, 0}, {6, 1, 1, 0}})})
    ASSERT_TRUE(lab.client(0).dialer.send(wire::Channel::game, wire::Delivery::unreliable, bad));
  lab.run(milliseconds{200});
  EXPECT_EQ(last(0).last_input, 0u);
  EXPECT_EQ(last(0).at.first, 10000);
  EXPECT_NE(lab.role_core.statistics().find("6 bad inputs"), std::string::npos) << lab.role_core.statistics();
}

TEST_F(ZoneTest, ACrowdNeverExceedsOneDatagram) {
  for (std::uint64_t id = 1; id <= 150; ++id) enter(id, 1000 + static_cast<double>(id), 1000);
  begin(150);
  lab.run(milliseconds{200});
  // All are told of in their turn, none too often.
  std::map<std::uint32_t, int> told;
  lab.client(0).game.clear();
  lab.run(seconds{2});
  for (const Bytes& bytes : lab.client(0).game)
    for (const auto& [entity, at] : decode(bytes).others) ++told[entity];
  EXPECT_EQ(told.size(), 149u);
  for (const auto& [entity, times] : told) EXPECT_GE(times, 2) << entity;
  for (const auto& client : lab.clients) {
    EXPECT_LE(client->largest, wire::datagram_bytes_max);
    ASSERT_FALSE(client->game.empty());
  }
}

TEST_F(ZoneTest, WhoLeavesIsSeenNoMore) {
  enter(1, 100, 100);
  enter(2, 110, 100);
  begin(2);
  EXPECT_EQ(last(0).others.size(), 1u);
  const auto other = last(1).self;
  proto::ClientControl message;
  message.mutable_logout();
  lab.client(1).send(message);
  const auto heard = lab.client(0).game.size();
  lab.run(milliseconds{300});
  EXPECT_TRUE(last(0).others.empty());
  std::size_t told = 0;
  for (std::size_t i = heard; i < lab.client(0).game.size(); ++i)
    told += decode(lab.client(0).game[i]).gone.count(other);
  EXPECT_EQ(told, 3u);
  ASSERT_EQ(lab.ends().size(), 1u);
  EXPECT_EQ(lab.ends()[0].at("reason"), "logout");
  EXPECT_EQ(lab.ends()[0].at("state").at("x_m"), 110.0);
}

TEST_F(ZoneTest, AttachingAnewKeepsTheEntity) {
  enter(1, 100, 100);
  begin(1);
  const auto self = last(0).self;
  lab.client(0).silent = true;
  const auto again = lab.attach(SessionId{1}, Epoch{5}, key_of(1));
  lab.run(milliseconds{500});
  ASSERT_FALSE(lab.client(again).game.empty());
  EXPECT_EQ(last(again).self, self);
  EXPECT_TRUE(last(again).others.empty());
}

TEST_F(ZoneTest, ASleptZoneCatchesUpALittleAndKeepsItsPace) {
  enter(1, 100, 100);
  begin(1);
  const auto tick = lab.role_core.tick();
  lab.now += seconds{3};
  lab.pump();
  EXPECT_EQ(lab.role_core.tick(), tick + 5);
  lab.run(seconds{1});
  EXPECT_NEAR(lab.role_core.tick() - tick, 25, 1);
  EXPECT_GT(lab.role_core.ticks_late(), 0u);
}

// Catches all of a tick's snapshots leaving at once, and a player whose moment moves about.
TEST_F(ZoneTest, SnapshotsAreSpreadOverTheTick) {
  for (std::uint64_t id = 1; id <= 20; ++id) enter(id, 1000, 1000 + static_cast<double>(id));
  begin(20);
  std::vector<std::size_t> heard;
  for (const auto& client : lab.clients) heard.push_back(client->game.size());
  std::vector<std::set<std::int64_t>> moments(20);
  for (std::int64_t step = 0; step < 100; ++step) {
    lab.run(milliseconds{5});
    std::size_t together = 0;
    for (std::size_t i = 0; i < 20; ++i) {
      const auto now = lab.client(i).game.size();
      together += now - heard[i];
      if (now != heard[i]) moments[i].insert(step % 10);
      heard[i] = now;
    }
    EXPECT_LE(together, 4u) << "in the " << step << "th 5 ms";
  }
  for (const auto& moment : moments) EXPECT_LE(moment.size(), 2u);
}

TEST(Visibility, NearestAreThoseOfABruteForce) {
  SeededRandom random(11);
  for (int round = 0; round < 60; ++round) {
    const auto size_cm = static_cast<std::int32_t>(1000 + random.next<std::uint32_t>() % 3'000'000);
    const auto view_cm = static_cast<std::int32_t>(1 + random.next<std::uint32_t>() % 400'000);
    const std::size_t visible = 1 + random.next<std::uint32_t>() % 60;
    std::vector<space::EntityView> entities(1 + random.next<std::uint32_t>() % 300);
    for (std::size_t i = 0; i < entities.size(); ++i) {
      entities[i].id = static_cast<std::uint32_t>(1000 - i);
      entities[i].x_cm =
          static_cast<std::int32_t>(random.next<std::uint32_t>() % static_cast<std::uint32_t>(size_cm + 1));
      // Half of the rounds are crowded, so that equal distances occur.
      entities[i].y_cm =
          round % 2 == 0 ? entities[i].x_cm / 7 : static_cast<std::int32_t>(random.next<std::uint32_t>() % 50);
    }
    Visibility visibility(size_cm, view_cm, visible);
    std::vector<Place> places;
    for (const auto& entity : entities) places.push_back({entity.id, entity.x_cm, entity.y_cm});
    visibility.fill(places);
    for (std::uint32_t self = 0; self < entities.size(); ++self) {
      std::set<std::pair<double, std::uint32_t>> near;
      for (const auto& other : entities) {
        const double dx = double(other.x_cm) - entities[self].x_cm, dy = double(other.y_cm) - entities[self].y_cm;
        if (other.id != entities[self].id && dx * dx + dy * dy <= double(view_cm) * view_cm)
          near.emplace(dx * dx + dy * dy, other.id);
      }
      std::vector<std::uint32_t> expected;
      for (const auto& [distance, id] : near)
        if (expected.size() < visible) expected.push_back(id);
      std::vector<std::uint32_t> got;
      for (const auto& one : visibility.look(self, {})) got.push_back(entities[one.slot].id);
      ASSERT_EQ(got, expected) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace orrery::sessiond::test
