#include "wire/replay_window.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace orrery::wire::test {

TEST(ReplayWindow, TakesEachCounterOnce) {
  ReplayWindow window;
  EXPECT_TRUE(window.is_fresh(0));
  EXPECT_TRUE(window.is_highest(0));
  window.take(0);
  EXPECT_FALSE(window.is_fresh(0));
  EXPECT_FALSE(window.is_highest(0));
  EXPECT_TRUE(window.is_fresh(1));
}

TEST(ReplayWindow, ReachesBackExactlyItsSize) {
  ReplayWindow window;
  window.take(5000);
  EXPECT_TRUE(window.is_fresh(5000 - (ReplayWindow::size - 1)));
  EXPECT_FALSE(window.is_fresh(5000 - ReplayWindow::size));
}

TEST(ReplayWindow, AJumpForgetsNothingItShouldKeepAndKeepsNothingOld) {
  for (const std::uint64_t jump : {1u, 63u, 64u, 65u, 1022u, 1023u, 1024u, 1025u, 5000u}) {
    ReplayWindow window;
    window.take(100);
    window.take(100 + jump);
    EXPECT_FALSE(window.is_fresh(100)) << jump;  // taken, or too old to know
    EXPECT_FALSE(window.is_fresh(100 + jump)) << jump;
    if (jump > 1) {
      EXPECT_TRUE(window.is_fresh(100 + jump - 1)) << jump;
    }
  }
}

TEST(ReplayWindow, TheLastCounterIsNeverTaken) {
  ReplayWindow window;
  EXPECT_FALSE(window.is_fresh(UINT64_MAX));
  window.take(UINT64_MAX - 1);
  EXPECT_FALSE(window.is_fresh(UINT64_MAX - 1));
  EXPECT_FALSE(window.is_fresh(UINT64_MAX));
}

TEST(ReplayWindow, AgreesWithASetOfAllThatWasTaken) {
  std::mt19937_64 engine(7);
  ReplayWindow window;
  std::set<std::uint64_t> taken;
  std::uint64_t around = 0;
  for (int i = 0; i < 200000; ++i) {
    around += engine() % 3;
    if (engine() % 1000 == 0) around += engine() % 3000;
    const std::uint64_t counter = around - std::min<std::uint64_t>(around, engine() % 1200);
    const std::uint64_t highest = taken.empty() ? 0 : *taken.rbegin();
    const bool too_old = !taken.empty() && highest >= ReplayWindow::size && counter <= highest - ReplayWindow::size;
    ASSERT_EQ(window.is_fresh(counter), !too_old && !taken.contains(counter)) << counter;
    if (!window.is_fresh(counter)) continue;
    window.take(counter);
    taken.insert(counter);
  }
}

}  // namespace orrery::wire::test
