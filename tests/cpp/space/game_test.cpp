// The sample game: shooting, mining, junk, ways out, and that a seed decides all of it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "space/world.h"

namespace orrery::space {
namespace {

using Json = nlohmann::json;
constexpr Duration tick = std::chrono::milliseconds{50};
constexpr std::string_view grid =
    R"({"size_m":300,"exits":[{"kind":"station","key":"s"},{"kind":"grid","key":"a"},{"kind":"grid","key":"b"}],
        "asteroids":{"seed":5,"ores":["ferrite","cobalt"]},"junk":[{"id":77,"ore":"ferrite","units":3,"x_cm":100,"y_cm":100}]})";

std::unique_ptr<World> make(std::string_view json = grid, std::string_view saved = "", std::uint64_t seed = 1) {
  auto world = World::make(json, saved, seed);
  EXPECT_TRUE(world);
  return std::move(*world);
}
const EntityView* find(const World& world, EntityId id) {
  for (const auto& view : world.entities())
    if (view.id == id) return &view;
  return nullptr;
}
std::vector<EntityView> of_kind(const World& world, std::uint8_t kind) {
  std::vector<EntityView> out;
  for (const auto& view : world.entities())
    if (view.kind == kind) out.push_back(view);
  return out;
}
std::string at(double x_m, double y_m) { return Json{{"x_m", x_m}, {"y_m", y_m}}.dump(); }

// Catches a shot behind the ship, a gun without a pause, and damage that is nobody's.
TEST(Game, AShotHitsTheNearestAhead) {
  auto world = make();
  const auto shooter = world->enter(SessionId{1}, "a", at(100, 150));
  const auto ahead = world->enter(SessionId{2}, "b", at(150, 150));
  const auto behind = world->enter(SessionId{3}, "c", at(80, 150));
  const auto farther = world->enter(SessionId{4}, "d", at(250, 150));
  world->input(shooter, 1, 0, 2);
  for (int i = 0; i < 10; ++i) world->step(tick);
  EXPECT_EQ(find(*world, ahead)->state, 80);
  EXPECT_EQ(find(*world, behind)->state, 100);
  EXPECT_EQ(find(*world, farther)->state, 100);
  std::vector<EntityId> told;
  for (Event event; world->poll_event(event);) {
    told.push_back(event.entity);
    EXPECT_EQ(Json::parse(event.body).at("event"), "hit");
    EXPECT_EQ(Json::parse(event.body).at("hit_points"), 80);
  }
  EXPECT_EQ(told, (std::vector<EntityId>{shooter, ahead}));
}

// Catches a ship that survives its hit points, and one whose cargo is lost with it.
TEST(Game, WhoIsDestroyedBeginsAnewAndItsCargoDrifts) {
  auto world = make();
  const auto shooter = world->enter(SessionId{1}, "a", at(100, 150));
  const auto target = world->enter(SessionId{2}, "b", R"({"x_m":130,"y_m":150,"hit_points":20,"cargo":{"ferrite":4}})");
  world->input(shooter, 1, 0, 2);
  world->step(tick);
  EXPECT_EQ(find(*world, target)->state, 100);
  EXPECT_NE(find(*world, target)->x_cm, 13000);
  Wish wish;
  ASSERT_TRUE(world->poll_wish(wish));
  EXPECT_EQ(wish.entity, target);
  EXPECT_EQ(wish.what.name, "jettison");
  EXPECT_EQ(Json::parse(wish.what.args), Json::parse(R"({"ore":"ferrite","x_cm":13000,"y_cm":15000})"));
  EXPECT_FALSE(world->poll_wish(wish));
}

TEST(Game, NobodyShootsAtAStation) {
  auto world = make(R"({"size_m":300})");
  const auto shooter = world->enter(SessionId{1}, "a", at(100, 150));
  const auto target = world->enter(SessionId{2}, "b", at(130, 150));
  world->input(shooter, 1, 0, 2);
  for (int i = 0; i < 40; ++i) world->step(tick);
  EXPECT_EQ(find(*world, target)->state, 100);
}

// Catches ore out of nothing: from far away, faster than the drill, out of an empty asteroid, or kept when the database
// refused it.
TEST(Game, MiningTakesFromTheAsteroid) {
  auto world = make();
  const auto asteroid = of_kind(*world, 2).at(0);
  const auto ship = world->enter(SessionId{1}, "a", at(asteroid.x_cm / 100.0, asteroid.y_cm / 100.0));
  const auto far =
      world->enter(SessionId{2}, "b", at(asteroid.x_cm > 15000 ? 0 : 300, asteroid.y_cm > 15000 ? 0 : 300));
  const std::string args = Json{{"asteroid", asteroid.id}}.dump();
  EXPECT_TRUE(std::holds_alternative<Refused>(world->command(far, "mine", args)));
  EXPECT_TRUE(std::holds_alternative<Refused>(world->command(ship, "mine", R"({"asteroid":999})")));
  EXPECT_TRUE(std::holds_alternative<Refused>(world->command(ship, "mine", R"({"asteroid":1e99})")));
  auto outcome = world->command(ship, "mine", args);
  ASSERT_TRUE(std::holds_alternative<Durable>(outcome));
  const auto first = std::get<Durable>(outcome);
  EXPECT_EQ(Json::parse(first.args), Json::parse(R"({"ore":"ferrite","units":10})"));
  EXPECT_TRUE(std::holds_alternative<Refused>(world->command(ship, "mine", args))) << "the drill is hot";
  EXPECT_EQ(find(*world, asteroid.id)->state, 99);
  world->settled(ship, first, std::nullopt);
  EXPECT_EQ(find(*world, asteroid.id)->state, 100);
  int mined = 0;
  for (int i = 0; i < 120; ++i) {
    for (int ticks = 0; ticks < 21; ++ticks) world->step(tick);
    outcome = world->command(ship, "mine", args);
    if (!std::holds_alternative<Durable>(outcome)) continue;
    ++mined;
    world->settled(ship, std::get<Durable>(outcome), R"({"cargo":{"ferrite":10}})");
  }
  EXPECT_EQ(mined, 100);
  EXPECT_EQ(find(*world, asteroid.id)->state, 0);
  EXPECT_EQ(Json::parse(world->state(ship)).at("cargo"), Json::parse(R"({"ferrite":10})"));
  // The next server begins with what is left; another seed has other asteroids.
  auto next = make(grid, world->save(), 9);
  EXPECT_EQ(of_kind(*next, 2).at(0).state, 0);
  EXPECT_EQ(of_kind(*next, 2).at(0).x_cm, asteroid.x_cm);
  for (const char* bad : {"", "[]", "{", R"({"asteroids":5})", R"({"asteroids":{"seed":5,"left":[-7,1e30,"x"]}})"})
    EXPECT_EQ(of_kind(*make(grid, bad), 2).size(), 12u) << bad;
}

// Catches junk that two take at once, that stays when it was taken, or is taken from far away.
TEST(Game, JunkComesAndGoesWithTheDatabase) {
  auto world = make();
  const auto junk = of_kind(*world, 3);
  ASSERT_EQ(junk.size(), 1u);
  const std::string args = Json{{"junk", junk[0].id}}.dump();
  const auto near = world->enter(SessionId{1}, "a", at(1, 1)), also = world->enter(SessionId{2}, "b", at(2, 2));
  const auto far = world->enter(SessionId{3}, "c", at(200, 200));
  EXPECT_TRUE(std::holds_alternative<Refused>(world->command(far, "loot", args)));
  auto outcome = world->command(near, "loot", args);
  ASSERT_TRUE(std::holds_alternative<Durable>(outcome));
  EXPECT_EQ(std::get<Durable>(outcome).args, R"({"junk":77})");
  EXPECT_TRUE(std::holds_alternative<Refused>(world->command(also, "loot", args)));
  // Who leaves before it is settled takes nothing with him.
  world->leave(near);
  outcome = world->command(also, "loot", args);
  ASSERT_TRUE(std::holds_alternative<Durable>(outcome));
  world->settled(also, std::get<Durable>(outcome), R"({"cargo":{}})");
  EXPECT_TRUE(of_kind(*world, 3).empty());
  for (int i = 0; i < 2; ++i) world->news(R"({"junk":{"id":78,"ore":"cobalt","units":1,"x_cm":5000,"y_cm":1e9}})");
  ASSERT_EQ(of_kind(*world, 3).size(), 1u);
  EXPECT_EQ(of_kind(*world, 3)[0].y_cm, 30000);
  for (const char* bad : {"", "[]", "{}", R"({"junk":5})", R"({"junk":{"id":-1}})", R"({"junk_gone":"78"})"})
    world->news(bad);
  EXPECT_EQ(of_kind(*world, 3).size(), 1u);
  for (int i = 0; i < 2; ++i) world->news(R"({"junk_gone":78})");
  EXPECT_TRUE(of_kind(*world, 3).empty());
}

TEST(Game, WaysOut) {
  auto world = make();
  const auto ship = world->enter(SessionId{1}, "a", "{}");
  const auto dock = world->command(ship, "dock", "{}");
  ASSERT_TRUE(std::holds_alternative<Travel>(dock));
  EXPECT_EQ(std::get<Travel>(dock).kind, "station");
  EXPECT_EQ(std::get<Travel>(dock).key, "s");
  EXPECT_TRUE(std::holds_alternative<Refused>(world->command(ship, "jump", "{}"))) << "there are two";
  const auto jump = world->command(ship, "jump", R"({"key":"b"})");
  ASSERT_TRUE(std::holds_alternative<Travel>(jump));
  EXPECT_EQ(std::get<Travel>(jump).key, "b");
  EXPECT_TRUE(std::holds_alternative<Refused>(world->command(ship, "jump", R"({"key":"s"})")));
  EXPECT_TRUE(std::holds_alternative<Refused>(world->command(ship, "load", "{}"))) << "this is no station";
  // A way that is asked for again where it has led to is not gone once more, there or back.
  auto there = make(R"({"kind":"station","key":"s","exits":[{"kind":"grid","key":"g"}]})");
  const auto guest = there->enter(SessionId{1}, "a", "{}");
  for (const char* args : {"{}", R"({"key":"s"})"})
    EXPECT_TRUE(std::holds_alternative<Done>(there->command(guest, "dock", args)));
  EXPECT_TRUE(std::holds_alternative<Travel>(there->command(guest, "undock", "{}")));
  EXPECT_TRUE(std::holds_alternative<Refused>(there->command(guest, "jump", "{}")));
  EXPECT_TRUE(std::holds_alternative<Refused>(world->command(12345, "dock", "{}")));
  EXPECT_TRUE(std::holds_alternative<Refused>(world->command(ship, "dock", "[]")));
}

// Catches anything that is decided by what is no seed: addresses, the order of a hash table, a clock.
TEST(Game, TheSameSeedAndCallsGiveTheSameBytes) {
  const auto play = [](std::uint64_t seed) {
    auto world = make(grid, "", seed);
    std::mt19937 choose(3);
    std::vector<EntityId> ships;
    std::string all;
    for (int i = 0; i < 400; ++i) {
      if (i % 4 == 0)
        ships.push_back(world->enter(SessionId{ships.size() + 1}, "x", R"({"cargo":{"ferrite":5,"cobalt":1}})"));
      for (const auto ship : ships)
        world->input(ship, static_cast<std::int8_t>(choose()), static_cast<std::int8_t>(choose()),
                     static_cast<std::uint8_t>(choose() % 4));
      if (i % 16 == 15) {
        all += world->leave(ships.front());
        ships.erase(ships.begin());
      }
      world->step(tick);
      for (Event event; world->poll_event(event);) all += event.body;
      for (Wish wish; world->poll_wish(wish);) all += wish.what.args;
      for (const auto& view : world->entities())
        all += std::to_string(view.id) + ' ' + std::to_string(view.x_cm) + ' ' + std::to_string(view.y_cm) + ' ' +
               std::to_string(view.state) + '\n';
    }
    return all + world->save();
  };
  const std::string one = play(7);
  EXPECT_NE(one.find("destroyed"), std::string::npos);
  EXPECT_TRUE(one == play(7));
  EXPECT_FALSE(one == play(8));
}

}  // namespace
}  // namespace orrery::space
