// One crash at each step of a hand-off or of an adoption, over whatever database.
#pragma once

#include <gtest/gtest.h>

#include "sim/seeds.h"
#include "wire_sim/database.h"
#include "wire_sim/simulation.h"

namespace orrery::wire_sim {

/// `every`: of each so many pairs of a step and a victim one is tried.
inline void crash_at_every_step(const DatabaseMaker& make, bool is_adoption, std::uint64_t seeds,
                                std::size_t every = 1) {
  std::size_t runs = 0, pairs = 0;
  for (const std::string& step : steps(is_adoption)) {
    for (const std::string& victim : victims(is_adoption)) {
      const char* only = std::getenv("ORRERY_WIRE_SIM_CRASH");
      if (only != nullptr && step + "; " + victim != only) continue;
      if (pairs++ % every != every / 2) continue;
      std::uint64_t crashes = 0;
      for (std::uint64_t seed = 1; seed <= seeds; ++seed, ++runs) {
        Outcome outcome = simulate(make, seed, Crash{step, victim, is_adoption},
                                   sim::number_of("ORRERY_WIRE_SIM_TRACE", 0) != 0 ? 10'000'000 : 60);
        crashes += outcome.counts["crashes"];
        if (outcome.failure.empty() && !may_end_sessions(victim) && outcome.counts["logins"] != outcome.players)
          outcome.failure =
              std::to_string(outcome.counts["logins"]) + " logins of " + std::to_string(outcome.players) + " players";
        EXPECT_EQ(outcome.failure, "") << step << "; " << victim << "; seed " << seed << "\n" << sim::lines_of(outcome);
      }
      EXPECT_GT(crashes, 0u) << step << "; " << victim << ": it never came so far";
    }
  }
  std::printf("%zu runs\n", runs);
}

}  // namespace orrery::wire_sim
