// What must hold whatever happens (design.md, 10): looked at after every statement that was carried out, by queries of
// its own on the tables and by the world's record of processes. It calls no function of the schema under test.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "sim/database.h"
#include "sim/world.h"

namespace orrery::sim {

class Checker {
 public:
  Checker(World& world, std::vector<Machine>& machines);

  /// The database that decides, from now on. `set_back`: to an earlier state of itself, so that what it gave since is
  /// not known to it.
  void watch(Database& database, bool set_back = false);
  /// After a statement.
  void after_statement();
  /// What takes longer, now and then.
  void sometimes();

  /// Why all is not yet as it should be; empty when it is. `wanted`: (cluster, kind, key) that must be ready or have
  /// failed loudly; `down`: clusters that must have nothing left.
  std::string not_converged(const std::set<std::tuple<std::string, std::string, std::string>>& wanted,
                            const std::set<std::string>& down);

  /// How many changes of state it saw.
  std::uint64_t edges_seen() const { return edges_seen_; }

 private:
  struct Server {
    std::string cluster, kind, key, state;
    std::uint64_t agent = 0, epoch = 0;
    std::string rule, reason;
    bool is_live() const { return state == "starting" || state == "ready" || state == "stopping"; }
  };
  using Key = std::tuple<std::string, std::string, std::string>;

  void began(const Process& process);
  void ended(const Process& process);
  void read_events();
  void read_servers();
  void read_agents();
  void read_placements();
  void read_ports();
  void compare_processes();
  void check_lease(const Process& process);

  World& world_;
  std::vector<Machine>& machines_;
  Database* database_ = nullptr;
  std::set<std::tuple<std::string, std::string, std::string>> edges_;
  std::map<std::pair<std::string, std::string>, std::string> states_;  // noun, id: by the last event
  std::uint64_t last_event_ = 0, edges_seen_ = 0;
  std::map<std::uint64_t, Server> servers_;
  std::map<Key, std::uint64_t> placement_epoch_;
  std::map<std::uint64_t, std::uint64_t> server_epoch_;
  std::map<std::uint64_t, std::uint64_t> started_epoch_;  // server → highest that a process had, of what is compared
  std::map<Key, std::uint64_t> owner_epoch_;              // highest that an owner's process had
  std::set<ServerRef> started_;
  std::map<std::uint64_t, std::size_t> machine_of_;  // agent id → machine
  std::set<ServerRef> disowned_;                     // given before the database was set back, and unknown to it now
  std::optional<std::uint64_t> backup_incarnation_;
  std::set<ServerRef> restored_;  // known to it because its backup has them
};

}  // namespace orrery::sim
