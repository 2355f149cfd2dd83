#include "space/world.h"

#include <gtest/gtest.h>

#include <cmath>

namespace orrery::space {
namespace {

constexpr Duration tick = std::chrono::milliseconds{50};

std::unique_ptr<World> make(std::string_view json, std::uint64_t seed = 1, std::string_view saved = "") {
  auto world = World::make(json, saved, seed);
  EXPECT_TRUE(world);
  return std::move(*world);
}

const EntityView& view_of(const World& world, EntityId id) {
  for (const auto& view : world.entities())
    if (view.id == id) return view;
  ADD_FAILURE() << "no entity " << id;
  static const EntityView none;
  return none;
}

TEST(World, RefusesWhatIsNoWorld) {
  for (const char* bad :
       {"", "[]", "{", "null", R"({"size_m":0})", R"({"size_m":-5})", R"({"size_m":1e12})", R"({"size_m":"big"})"})
    EXPECT_FALSE(World::make(bad, "", 1)) << bad;
  EXPECT_TRUE(World::make(R"({"size_m":10,"unknown":[1]})", "", 1));
  EXPECT_EQ(make("{}")->size_cm(), 200'000);
}

TEST(World, EntersAtSavedPositionAndGivesItBack) {
  auto world = make(R"({"size_m":100})");
  const auto id = world->enter(SessionId{1}, "a", R"({"x_m":12.34,"y_m":99})");
  EXPECT_EQ(view_of(*world, id).x_cm, 1234);
  EXPECT_EQ(view_of(*world, id).y_cm, 9900);
  const std::string state = world->leave(id);
  EXPECT_TRUE(world->entities().empty());
  const auto again = world->enter(SessionId{1}, "a", state);
  EXPECT_NE(again, id);
  EXPECT_EQ(view_of(*world, again).x_cm, 1234);
  EXPECT_EQ(world->leave(12345), "{}");
}

TEST(World, BadSavedStateIsARandomPlaceInside) {
  auto world = make(R"({"size_m":50})", 7);
  for (const char* bad : {"", "{}", "[", "null", R"({"x_m":"1","y_m":2})", R"({"x_m":1})"}) {
    const auto& view = view_of(*world, world->enter(SessionId{1}, "a", bad));
    EXPECT_TRUE(view.x_cm >= 0 && view.x_cm <= 5000 && view.y_cm >= 0 && view.y_cm <= 5000) << bad;
  }
  const auto far = world->enter(SessionId{2}, "b", R"({"x_m":-1e300,"y_m":1e300})");
  EXPECT_EQ(view_of(*world, far).x_cm, 0);
  EXPECT_EQ(view_of(*world, far).y_cm, 5000);
}

TEST(World, SameSeedSameWorld) {
  auto a = make("{}", 3), b = make("{}", 3), c = make("{}", 4);
  for (auto* world : {&a, &b, &c}) (*world)->enter(SessionId{1}, "x", "{}");
  EXPECT_EQ(a->entities()[0].x_cm, b->entities()[0].x_cm);
  EXPECT_NE(a->entities()[0].x_cm, c->entities()[0].x_cm);
}

TEST(World, ThrustMovesDragStopsAndSpeedIsBounded) {
  auto world = make(R"({"size_m":100000})");
  const auto id = world->enter(SessionId{1}, "a", R"({"x_m":100,"y_m":100})");
  world->input(id, 127, 127, 1);
  for (int i = 0; i < 200; ++i) {
    world->step(tick);
    const auto& view = view_of(*world, id);
    ASSERT_LE(std::hypot(view.vx_cm_s, view.vy_cm_s), 6002);
  }
  EXPECT_GT(view_of(*world, id).x_cm, 10'000 + 10'000);
  EXPECT_GT(view_of(*world, id).vx_cm_s, 2000);
  world->input(id, 0, 0, 0);
  for (int i = 0; i < 400; ++i) world->step(tick);
  EXPECT_EQ(view_of(*world, id).vx_cm_s, 0);
}

TEST(World, TheBorderHolds) {
  auto world = make(R"({"size_m":20})");
  const auto id = world->enter(SessionId{1}, "a", R"({"x_m":10,"y_m":10})");
  world->input(id, -128, 127, 0);
  for (int i = 0; i < 200; ++i) world->step(tick);
  EXPECT_EQ(view_of(*world, id).x_cm, 0);
  EXPECT_EQ(view_of(*world, id).y_cm, 2000);
  EXPECT_EQ(view_of(*world, id).vx_cm_s, 0);
}

TEST(World, LeavingKeepsTheOthers) {
  auto world = make("{}");
  const auto a = world->enter(SessionId{1}, "a", R"({"x_m":1,"y_m":1})");
  const auto b = world->enter(SessionId{2}, "b", R"({"x_m":2,"y_m":2})");
  const auto c = world->enter(SessionId{3}, "c", R"({"x_m":3,"y_m":3})");
  world->leave(a);
  EXPECT_EQ(view_of(*world, b).x_cm, 200);
  EXPECT_EQ(view_of(*world, c).x_cm, 300);
  world->input(c, 127, 0, 0);
  world->step(tick);
  EXPECT_GT(view_of(*world, c).vx_cm_s, 0);
  EXPECT_EQ(view_of(*world, b).vx_cm_s, 0);
}

}  // namespace
}  // namespace orrery::space
