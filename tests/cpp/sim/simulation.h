// One simulated cluster: three machines, real agents' cores, the real SQL, and a minute of what can go wrong, by seed.
// Then everything heals, and all must be as it should be without help.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace orrery::sim {

struct Outcome {
  std::uint64_t hash = 0;         // of all that happened
  std::string failure;            // empty: everything held
  std::vector<std::string> last;  // lines of the trace
  std::map<std::string, std::uint64_t> counts;
};

/// Runs one seed in a database named after `slot`; `keep` lines of the trace are given back.
Outcome simulate(std::uint64_t seed, unsigned slot, std::size_t keep = 60);

}  // namespace orrery::sim
