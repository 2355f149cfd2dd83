// Would catch: a lease judged too early, an epoch or an owner given twice, a command lost or done twice, an agent that
// acts by itself, and whatever does not come right again by itself after trouble.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "sim/database.h"
#include "sim/simulation.h"

namespace orrery::sim {
namespace {

constexpr std::uint64_t seeds_default = 20;
constexpr unsigned at_once = 2;

std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text && *text ? std::stoull(text) : otherwise;
}

std::string lines_of(const Outcome& outcome) {
  std::string text;
  for (const std::string& line : outcome.last) text += "  " + line + "\n";
  return text;
}

std::string report(std::uint64_t seed, const Outcome& outcome) {
  return fmt::format("seed {}: {}\nits last steps:\n{}again: ORRERY_SIM_SEED={} test_sim --gtest_filter=Simulation.*\n",
                     seed, outcome.failure, lines_of(outcome), seed);
}

// ORRERY_SIM_SEED: that seed alone, ORRERY_SIM_TRACE=1 with all its steps. ORRERY_SIM_SEEDS: how many, from 1 on;
// ORRERY_SIM_UNTIL_BROKEN=1: none after the first that fails.
TEST(Simulation, HoldsUnderFaults) {
  Database::prepare();
  if (const std::uint64_t seed = number_of("ORRERY_SIM_SEED", 0)) {
    const bool all = number_of("ORRERY_SIM_TRACE", 0) != 0;
    const Outcome outcome = simulate(seed, 0, all ? 10'000'000 : 60);
    if (all) std::fputs(lines_of(outcome).c_str(), stdout);
    for (const auto& [what, count] : outcome.counts)
      std::printf("%8lu %s\n", static_cast<unsigned long>(count), what.c_str());
    EXPECT_EQ(outcome.failure, "") << report(seed, outcome);
    return;
  }
  const std::uint64_t seeds = number_of("ORRERY_SIM_SEEDS", seeds_default);
  const bool until_broken = number_of("ORRERY_SIM_UNTIL_BROKEN", 0) != 0;
  std::atomic<std::uint64_t> next{1};
  std::mutex mutex;
  std::map<std::string, std::uint64_t> counts;
  std::vector<std::string> failures;
  const auto work = [&](unsigned slot) {
    for (std::uint64_t seed = next++; seed <= seeds; seed = next++) {
      const Outcome outcome = simulate(seed, slot);
      const std::lock_guard lock(mutex);
      for (const auto& [what, count] : outcome.counts) counts[what] += count;
      if (outcome.failure.empty()) continue;
      failures.push_back(report(seed, outcome));
      if (until_broken) next = seeds + 1;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned slot = 0; slot < at_once; ++slot) threads.emplace_back(work, slot);
  for (std::thread& thread : threads) thread.join();
  std::printf("%lu seeds:\n", static_cast<unsigned long>(seeds));
  for (const auto& [what, count] : counts) std::printf("%8lu %s\n", static_cast<unsigned long>(count), what.c_str());
  for (const std::string& failure : failures) ADD_FAILURE() << failure;
}

TEST(Simulation, IsTheSameForTheSameSeed) {
  if (number_of("ORRERY_SIM_SEED", 0) != 0) GTEST_SKIP();
  Database::prepare();
  const Outcome once = simulate(1, 0), again = simulate(1, 1), other = simulate(2, 0);
  EXPECT_EQ(once.hash, again.hash) << lines_of(once) << "and\n" << lines_of(again);
  EXPECT_NE(once.hash, other.hash);
}

}  // namespace
}  // namespace orrery::sim
