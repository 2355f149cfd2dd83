// One run of the simulation: what is in it, what befalls it (trouble.cpp), and how it must end.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wire_sim/database.h"
#include "wire_sim/network.h"
#include "wire_sim/owner_checker.h"
#include "wire_sim/player.h"
#include "wire_sim/server_process.h"
#include "wire_sim/simulation.h"
#include "wire_sim/stream_checker.h"
#include "wire_sim/wire_checker.h"

namespace orrery::wire_sim {

inline constexpr Time trouble_from = 4s, trouble_until = 50s;
/// By then all must be well again.
inline constexpr Time well_by = trouble_until + 30s;
/// And stay so.
inline constexpr Duration well_for = 5s, least = 62s;

// Blows that are of one kind; a seed has some of them only.
enum class Blow {
  cut_client,
  cut_server,
  rebind,
  swap,
  kill_client,
  freeze_client,
  kill_server,
  stop_server,
  freeze_server,
  no_database,
  cut_database,
  slow_database,
  leave,
  kick,
  rival,
  rotate_keys,
  count
};

class Simulation {
 public:
  /// With `crash` nothing but that befalls it.
  Simulation(const DatabaseMaker& make, std::uint64_t seed, std::optional<Crash> crash);
  Outcome run(std::size_t keep);

 private:
  /// A place where a server runs; another process when it has died.
  struct Seat {
    std::string kind, key;
    ServerId id;
    std::shared_ptr<ServerProcess> process;
    std::uint64_t starts = 0;
  };

  void prepare();
  void add_seat(const std::string& role, const std::string& kind, const std::string& key);
  void start(std::size_t seat);
  void stop(std::size_t seat);
  void terminate(ServerId server);
  /// Its process is gone; another one comes.
  void gone(std::size_t seat, bool died);
  void exited_in(ServerId server, bool died);
  void connect_database(std::size_t seat, Duration wait);
  void watch_exits();
  void tick();
  void speak();
  void travel();
  void replay();

  // Trouble.
  void weather();
  void blow();
  void database_down(Duration how_long);
  void on_step(const std::string& step, SessionId session);
  void crash(ServerId source, ServerId target, SessionId session);
  void begin_adoption();
  void heal();

  // The end.
  std::string not_well();
  void converge();

  Player& any_player() { return *players_[world_.chance.below(players_.size())]; }
  std::size_t any_seat() { return world_.chance.below(seats_.size()); }
  Address new_address();

  Seat* seat_of(ServerId server);
  /// Of those that are leaving too; null: none.
  ServerProcess* process_of(ServerId server);
  std::size_t number_of(const Seat& seat) const { return static_cast<std::size_t>(&seat - seats_.data()); }

  std::optional<Crash> crash_;
  bool has_crashed_ = false;
  Time tells_lost_until_{};
  std::map<SessionId, std::pair<ServerId, ServerId>> to_;  // whence and whither it travelled last
  World world_;
  Network network_, private_network_;
  std::unique_ptr<Database> made_;
  Database& database_;
  WireChecker wire_;
  StreamChecker streams_;
  std::unique_ptr<OwnerChecker> owners_;
  Surroundings around_;
  std::vector<Seat> seats_;
  std::vector<Seat> leaving_;  // that stop while there is another in their place
  std::vector<std::unique_ptr<Player>> players_;
  std::unique_ptr<Player> rival_;
  std::vector<Blow> blows_;
  Weather worst_;
  Duration blow_every_{}, replay_every_{}, travel_every_{}, database_delay_ = 10ms;
  bool database_up_ = true, done_ = false;
  std::uint16_t addresses_ = 0;
  Time well_since_ = Time::max();
  std::string not_yet_;
};

}  // namespace orrery::wire_sim
