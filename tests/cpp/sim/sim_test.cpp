// Would catch: a lease judged too early, an epoch or an owner given twice, a command lost or done twice, an agent that
// acts by itself, and whatever does not come right again by itself after trouble.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "sim/database.h"
#include "sim/seeds.h"
#include "sim/simulation.h"

namespace orrery::sim {
namespace {

// So many have each kind of trouble among them.
constexpr std::uint64_t seeds_default = 20;
constexpr unsigned at_once = 2;

std::string report(std::uint64_t seed, const Outcome& outcome) {
  return fmt::format("seed {}: {}\nits last steps:\n{}again: ORRERY_SIM_SEED={} test_sim --gtest_filter=Simulation.*\n",
                     seed, outcome.failure, lines_of(outcome), seed);
}

constexpr double seconds_min = 60;
constexpr std::size_t agents_min = 3;

// What is too small to show anything.
std::string too_little(const Outcome& outcome) {
  std::string why;
  if (outcome.seconds < seconds_min) why += fmt::format("only {:.1f} virtual seconds; ", outcome.seconds);
  if (outcome.servers.size() < agents_min) why += fmt::format("only {} agents; ", outcome.servers.size());
  for (const std::size_t servers : outcome.servers) {
    if (servers < servers_min) why += fmt::format("an agent with {} servers at most; ", servers);
  }
  return why;
}

// ORRERY_SIM_SEED: that seed alone, ORRERY_SIM_TRACE=1 with all its steps. ORRERY_SIM_SEEDS: how many, from
// ORRERY_SIM_FIRST_SEED on (1 without it); ORRERY_SIM_UNTIL_BROKEN=1: none after the first that fails.
TEST(Simulation, HoldsUnderFaults) {
  Database::prepare();
  if (const std::uint64_t seed = number_of("ORRERY_SIM_SEED", 0)) {
    const bool all = number_of("ORRERY_SIM_TRACE", 0) != 0;
    const Outcome outcome = simulate(seed, 0, all ? 10'000'000 : 60);
    if (all) std::fputs(lines_of(outcome).c_str(), stdout);
    for (const auto& [what, count] : outcome.counts)
      std::printf("%8lu %s\n", static_cast<unsigned long>(count), what.c_str());
    EXPECT_EQ(outcome.failure, "") << report(seed, outcome);
    EXPECT_EQ(outcome.failure.empty() ? too_little(outcome) : "", "");
    return;
  }
  const std::uint64_t seeds = number_of("ORRERY_SIM_SEEDS", seeds_default);
  const std::uint64_t first = number_of("ORRERY_SIM_FIRST_SEED", 1), last = first + seeds - 1;
  std::printf("seeds %lu to %lu\n", static_cast<unsigned long>(first), static_cast<unsigned long>(last));
  const bool until_broken = number_of("ORRERY_SIM_UNTIL_BROKEN", 0) != 0;
  std::atomic<std::uint64_t> next{first};
  std::mutex mutex;
  std::map<std::string, std::uint64_t> counts;
  std::vector<std::string> failures;
  std::size_t fewest = 1000;
  const auto work = [&](unsigned slot) {
    for (std::uint64_t seed = next++; seed <= last; seed = next++) {
      const Outcome outcome = simulate(seed, slot);
      const std::lock_guard lock(mutex);
      for (const auto& [what, count] : outcome.counts) counts[what] += count;
      fewest = std::min(
          fewest, outcome.servers.empty() ? 0 : *std::min_element(outcome.servers.begin(), outcome.servers.end()));
      if (outcome.failure.empty()) {
        if (const std::string why = too_little(outcome); !why.empty())
          failures.push_back(fmt::format("seed {}: {}", seed, why));
        continue;
      }
      failures.push_back(report(seed, outcome));
      if (until_broken) next = last + 1;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned slot = 0; slot < at_once; ++slot) threads.emplace_back(work, slot);
  for (std::thread& thread : threads) thread.join();
  std::printf("%lu seeds, at least %zu servers at once on each of 3 agents:\n", static_cast<unsigned long>(seeds),
              fewest);
  for (const auto& [what, count] : counts) std::printf("%8lu %s\n", static_cast<unsigned long>(count), what.c_str());
  for (const std::string& failure : failures) ADD_FAILURE() << failure;
  if (seeds < seeds_default || !failures.empty()) return;
  for (const std::string& trouble : troubles()) EXPECT_GT(counts[trouble], 0u) << trouble << ": not in any seed";
}

TEST(Simulation, IsTheSameForTheSameSeed) {
  if (number_of("ORRERY_SIM_SEED", 0) != 0) GTEST_SKIP() << "one seed alone is asked for";
  Database::prepare();
  const Outcome once = simulate(1, 0), again = simulate(1, 1), other = simulate(2, 0);
  EXPECT_EQ(once.hash, again.hash) << lines_of(once) << "and\n" << lines_of(again);
  EXPECT_NE(once.hash, other.hash);
}

}  // namespace
}  // namespace orrery::sim
