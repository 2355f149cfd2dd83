// What servers and players live in.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "wire_sim/database.h"
#include "wire_sim/network.h"

namespace orrery::wire_sim {

class ServerProcess;
class StreamChecker;
class WireChecker;

struct Surroundings {
  World& world;
  Network& network;
  Network& private_network;
  Database& database;
  WireChecker& wire;
  StreamChecker& streams;
  std::function<void(const ServerProcess&)> after_step;  // the checkers'
  /// A hand-off or an adoption has come so far: see steps() of crash.cpp.
  std::function<void(const char* step, SessionId)> on_step;
  std::function<Address()> new_address;                                       // that no client ever had
  std::vector<Address> login_servers;                                         // as cluster_status lists them
  std::uint64_t orders = 0;                                                   // of players, likewise
  std::uint64_t notices = 0;                                                  // given out
  std::uint64_t marks = 0;                                                    // of states, likewise
  std::map<std::pair<std::uint64_t, SessionId>, std::uint64_t> last_marks{};  // by process and session
};

}  // namespace orrery::wire_sim
