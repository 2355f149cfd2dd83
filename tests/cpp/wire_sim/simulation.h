// One simulated cluster's wire: real servers' cores and real clients over a model of the database and a network, and a
// minute of what can go wrong, by seed. Then all is calm, and everybody must be in play again or know why not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace orrery::wire_sim {

inline constexpr std::size_t players_min = 8, servers_min = 3;

struct Outcome {
  std::uint64_t hash = 0;         // of all that happened
  std::string failure;            // empty: everything held
  std::vector<std::string> last;  // lines of the trace
  std::map<std::string, std::uint64_t> counts;
  double seconds = 0;         // of virtual time
  double healed_seconds = 0;  // from the end of trouble until all was well
  std::size_t players = 0, servers = 0;
};

/// The counts that some seed or other must have: each kind of trouble, and what it must lead to.
std::vector<std::string> troubles();

Outcome simulate(std::uint64_t seed, std::size_t keep = 60);

}  // namespace orrery::wire_sim
