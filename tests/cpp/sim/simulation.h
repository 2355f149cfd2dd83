// One simulated cluster: three machines, real agents' cores, the real SQL, and a minute of what can go wrong, by seed.
// Then everything heals, and all must be as it should be without help.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace orrery::sim {

inline constexpr std::size_t servers_min = 10;  // of each agent, at once

struct Outcome {
  std::uint64_t hash = 0;         // of all that happened
  std::string failure;            // empty: everything held
  std::vector<std::string> last;  // lines of the trace
  std::map<std::string, std::uint64_t> counts;
  double seconds = 0;                // of virtual time
  std::vector<std::size_t> servers;  // a machine: how many ran at once, at most
};

/// The counts that some seed or other must have: each kind of trouble, and what it must lead to.
std::vector<std::string> troubles();

/// Runs one seed in a database named after `slot`; `keep` lines of the trace are given back.
Outcome simulate(std::uint64_t seed, unsigned slot, std::size_t keep = 60);

}  // namespace orrery::sim
