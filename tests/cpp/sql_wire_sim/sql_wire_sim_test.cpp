// Would catch: two owners of a session, an epoch given twice or that goes back, and whatever else tests/cpp/wire_sim
// looks for, where the SQL decides it and not a model.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "sim/seeds.h"
#include "sql_wire_sim/sql_database.h"
#include "wire_sim/crash_test.h"

namespace orrery::wire_sim {
namespace {

/// A seed takes 5 s of a processor.
constexpr std::uint64_t first_default = 4, seeds_default = 3;
/// What happens in a seed differs from run to run, as the database's own chance does: in so many all of it happens.
constexpr std::uint64_t seeds_enough = 20;
constexpr std::size_t every_default = 120;

using sim::lines_of;
using sim::number_of;

std::unique_ptr<Database> make_sql(World& world) { return std::make_unique<SqlDatabase>(world); }

// ORRERY_SQL_SIM_SEED: that seed alone, ORRERY_SQL_SIM_TRACE=1 with all its steps, =2 with what the servers log.
// ORRERY_SQL_SIM_SEEDS: how many, from ORRERY_SQL_SIM_FIRST_SEED on.
TEST(SqlWireSimulation, HoldsUnderFaults) {
  spdlog::set_level(number_of("ORRERY_SQL_SIM_TRACE", 0) > 1 ? spdlog::level::debug : spdlog::level::off);
  std::uint64_t first = number_of("ORRERY_SQL_SIM_FIRST_SEED", first_default);
  std::uint64_t last = first + number_of("ORRERY_SQL_SIM_SEEDS", seeds_default) - 1;
  const std::uint64_t only = number_of("ORRERY_SQL_SIM_SEED", 0);
  if (only != 0) first = last = only;
  const bool all = only != 0 && number_of("ORRERY_SQL_SIM_TRACE", 0) != 0;
  std::map<std::string, std::uint64_t> counts;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Outcome outcome = simulate(make_sql, seed, all ? 10'000'000 : 60);
    if (all) std::fputs(lines_of(outcome).c_str(), stdout);
    for (const auto& [what, count] : outcome.counts) counts[what] += count;
    EXPECT_EQ(outcome.failure, "") << "seed " << seed << ", its last steps:\n" << lines_of(outcome);
  }
  for (const auto& [what, count] : counts) std::printf("%10lu %s\n", static_cast<unsigned long>(count), what.c_str());
  if (only != 0) return;
  EXPECT_GT(counts["orders carried out"], 0u);
  if (last - first + 1 < seeds_enough) return;
  for (const char* what : {"hand-offs", "sessions adopted", "sessions resolved"})
    EXPECT_GT(counts[what], 0u) << what << ": not in any seed";
}

// ORRERY_SQL_SIM_CRASH_EVERY: of each so many pairs of a step and a crash one is tried.
std::size_t every() { return number_of("ORRERY_SQL_SIM_CRASH_EVERY", every_default); }

TEST(SqlWireSimulation, SurvivesACrashAtStepsOfAHandOff) { crash_at_every_step(make_sql, false, 1, every()); }
TEST(SqlWireSimulation, SurvivesACrashAtStepsOfAnAdoption) { crash_at_every_step(make_sql, true, 1, every()); }

}  // namespace
}  // namespace orrery::wire_sim
