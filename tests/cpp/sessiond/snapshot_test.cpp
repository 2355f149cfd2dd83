// Who is seen, how often each is told of, and what a snapshot may take.
#include "sessiond/snapshot.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace orrery::sessiond::test {
namespace {

constexpr std::int32_t size_cm = 200'000, view_cm = 100'000;

space::EntityView entity(space::EntityId id, std::int32_t x_cm, std::int32_t y_cm) {
  space::EntityView view;
  view.id = id;
  view.x_cm = x_cm;
  view.y_cm = y_cm;
  return view;
}

class SnapshotTest : public ::testing::Test {
 protected:
  static constexpr std::size_t visible = 10;
  std::vector<space::EntityView> entities;
  EntityTable table{view_cm};
  Visibility visibility{size_cm, view_cm, visible};
  Spectator spectator;
  std::uint32_t snapshots = 0;

  void SetUp() override { entities.push_back(entity(1, 100'000, 100'000)); }
  struct Told {
    std::vector<std::uint32_t> shown, gone;
    std::size_t size = 0;
  };
  /// The next snapshot of entity 1.
  Told next(std::size_t bytes_max = 1000) {
    table.update(entities);
    visibility.fill(table.places());
    if (snapshots++ % Spectator::looks_each == 0) spectator.look(*table.slot_of(1), table, visibility, visible);
    std::array<std::uint8_t, 1200> buffer;
    Writer writer(buffer);
    spectator.write(writer, table, bytes_max);
    EXPECT_TRUE(writer.ok());
    Reader reader(writer.written());
    Told told;
    told.size = writer.size();
    const auto count = reader.take<std::uint8_t>(), gone = reader.take<std::uint8_t>();
    for (int i = 0; i < count; ++i) {
      told.shown.push_back(reader.take<std::uint32_t>());
      reader.take_bytes(8);
    }
    for (int i = 0; i < gone; ++i) told.gone.push_back(reader.take<std::uint32_t>());
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.remaining(), 0u);
    return told;
  }
  std::set<std::uint32_t> within(int times) {
    std::set<std::uint32_t> all;
    for (int i = 0; i < times; ++i)
      for (const auto id : next().shown) all.insert(id);
    return all;
  }
};

// Catches one at the edge of the view that comes and goes with every step.
TEST_F(SnapshotTest, WhoIsSeenIsLostAQuarterBeyondTheViewAndNotBefore) {
  entities.push_back(entity(2, 100'000 + 100'001, 100'000));
  EXPECT_TRUE(within(4).empty());
  entities[1].x_cm = 199'999;
  EXPECT_TRUE(within(4).contains(2));
  entities[1].x_cm = 100'000 + 124'000;
  EXPECT_TRUE(within(4).contains(2));
  entities[1].x_cm = 100'000 + 126'000;
  (void)next();
  EXPECT_TRUE(within(4).empty());
}

// Catches the K-th nearest changing places with the next one at every look.
TEST_F(SnapshotTest, TheKthNearestGivesWayOnlyToOneThatIsClearlyNearer) {
  for (std::uint32_t i = 2; i <= 11; ++i) entities.push_back(entity(i, 100'000 + 1000, 100'000 + static_cast<int>(i)));
  entities.back().x_cm = 100'000 + 10'000;  // 11 is the tenth
  entities.push_back(entity(12, 100'000 + 9'000, 100'000));
  entities[10].x_cm = 100'000 + 8'500;
  EXPECT_TRUE(within(4).contains(11));
  entities[10].x_cm = 100'000 + 10'000;
  for (int i = 0; i < 5; ++i) {
    const auto seen = within(4);
    EXPECT_TRUE(seen.contains(11) && !seen.contains(12));
    std::swap(entities[11].y_cm, entities[10].y_cm);
  }
  entities[11].x_cm = 100'000 + 7'000;
  std::set<std::uint32_t> gone;
  for (int i = 0; i < 8; ++i)
    for (const auto id : next().gone) gone.insert(id);
  EXPECT_EQ(gone, std::set<std::uint32_t>{11});
  EXPECT_TRUE(within(4).contains(12));
}

// Catches the far told as often as the near, one that is never told, and turns that all come at once.
TEST_F(SnapshotTest, TheNearAreToldEachTimeTheFarEachFourthEvenly) {
  for (std::uint32_t i = 2; i <= 11; ++i)
    entities.push_back(entity(i, 100'000 + static_cast<std::int32_t>(i) * 1000, 100'000));
  for (int i = 0; i < 8; ++i) (void)next();
  std::map<std::uint32_t, int> told;
  std::size_t most = 0;
  for (int i = 0; i < 16; ++i) {
    const auto shown = next().shown;
    most = std::max(most, shown.size());
    for (const auto id : shown) ++told[id];
  }
  for (std::uint32_t i = 2; i <= 11; ++i) EXPECT_EQ(told[i], i <= 3 ? 16 : i <= 6 ? 8 : 4) << i;
  EXPECT_LT(most, 8u);
}

// Catches a snapshot over its budget, and one that starves whom it leaves out.
TEST_F(SnapshotTest, ABudgetIsKeptAndEveryoneHasATurn) {
  for (std::uint32_t i = 2; i <= 11; ++i)
    entities.push_back(entity(i, 100'000 + static_cast<std::int32_t>(i) * 1000, 100'000));
  std::map<std::uint32_t, int> told;
  for (int i = 0; i < 60; ++i) {
    const auto one = next(2 + 2 * snapshot_entity_bytes + 3);
    EXPECT_LE(one.size, 2 + 2 * snapshot_entity_bytes + 3);
    for (const auto id : one.shown) ++told[id];
  }
  EXPECT_EQ(told.size(), 10u);
  for (const auto& [id, times] : told) EXPECT_GE(times, 5) << id;
  EXPECT_GT(told[2], told[11]);
  for (const std::size_t none : {0u, 1u, 2u, 3u}) EXPECT_EQ(next(none).size, 2u);
}

// Catches an end that one lost snapshot hides, and one that is told for ever.
TEST_F(SnapshotTest, WhoIsGoneIsToldThreeTimes) {
  entities.push_back(entity(2, 100'100, 100'000));
  EXPECT_TRUE(within(4).contains(2));
  entities.pop_back();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(next().gone, std::vector<std::uint32_t>{2}) << i;
  EXPECT_TRUE(next().gone.empty());
}

// Catches a slot that is given anew and shows its new entity to those who saw the old one.
TEST_F(SnapshotTest, ASlotThatIsGivenAnewIsAnotherEntity) {
  entities.push_back(entity(2, 100'100, 100'000));
  EXPECT_TRUE(within(4).contains(2));
  const auto slot = table.slot_of(2);
  entities[1] = entity(3, 100'100, 100'000);
  const auto told = next();
  EXPECT_FALSE(table.slot_of(2));
  EXPECT_EQ(told.gone, std::vector<std::uint32_t>{2});
  const auto shown = within(4);
  EXPECT_TRUE(shown.contains(3) && !shown.contains(2));
  entities[1] = entity(4, 100'100, 100'000);
  EXPECT_TRUE(within(5).contains(4));
  EXPECT_EQ(table.slot_of(4), slot) << "slots are used again";
  EXPECT_LE(table.places().size(), 3u);
}

// Catches an entity that is encoded for each who sees it, or after its tick.
TEST_F(SnapshotTest, AnEntityIsEncodedOnceATick) {
  entities.push_back(entity(2, 100'100, 100'000));
  table.update(entities);
  const auto slot = *table.slot_of(2);
  const Bytes before(table.encoded(slot).begin(), table.encoded(slot).end());
  entities[1].x_cm = 150'000;
  EXPECT_TRUE(std::equal(before.begin(), before.end(), table.encoded(slot).begin()));
  const auto* place = table.encoded(slot).data();
  table.update(entities);
  EXPECT_EQ(place, table.encoded(slot).data());
  EXPECT_FALSE(std::equal(before.begin(), before.end(), table.encoded(slot).begin()));
}

}  // namespace
}  // namespace orrery::sessiond::test
