// Who owns what: what servers hold is compared with what the database gave them, after every step of
// theirs; and what they count with what they were given.
#pragma once

#include <map>
#include <tuple>

#include "wire_sim/database.h"

namespace orrery::wire_sim {

class ServerProcess;

class OwnerChecker {
 public:
  OwnerChecker(World& world, const Database& database, std::size_t clients)
      : world_(world), database_(database), clients_(clients) {}

  void after_step(const ServerProcess& server);
  /// The database's own promise: an account has one live session.
  void check_database();

 private:
  struct Held {
    Epoch epoch;
    bool is_owner = false;
    Time stale_since = Time::max();
  };
  void check_sessions(const ServerProcess& server);
  void check_statistics(const ServerProcess& server);
  void check_connections(const ServerProcess& server);
  bool is_stale(const ServerProcess& server, SessionId session, const Held& held) const;

  World& world_;
  const Database& database_;
  std::size_t clients_;
  std::map<std::pair<std::uint64_t, SessionId>, Held> held_;  // server process, session
};

}  // namespace orrery::wire_sim
