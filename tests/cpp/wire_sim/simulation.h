// One simulated cluster's wire: real servers' cores and real clients over a database and a network, and a minute
// of what can go wrong, by seed. Then all is calm, and everybody must be in play again or know why not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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

class Database;
struct World;
/// What answers the servers' calls.
using DatabaseMaker = std::function<std::unique_ptr<Database>(World&)>;
std::unique_ptr<Database> make_model(World& world);

Outcome simulate(const DatabaseMaker& make, std::uint64_t seed, std::size_t keep = 60);

/// One blow, at a step of a hand-off or of an adoption: the first time that one comes so far.
struct Crash {
  std::string step, victim;
  bool is_adoption = false;  // what is begun with is the death of a zone
};
/// The steps in their order, and who or what may break at each of them.
std::vector<std::string> steps(bool is_adoption);
std::vector<std::string> victims(bool is_adoption);
/// Whether a session may end by this: its server was told to stop, or its client is gone.
bool may_end_sessions(const std::string& victim);
Outcome simulate(const DatabaseMaker& make, std::uint64_t seed, const Crash& crash, std::size_t keep = 60);

}  // namespace orrery::wire_sim
