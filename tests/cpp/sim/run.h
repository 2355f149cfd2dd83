// One run of the simulation: what is in it, what befalls it (trouble.cpp), and how it must end (recovery.cpp).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "sim/agent_process.h"
#include "sim/checker.h"
#include "sim/database.h"
#include "sim/simulation.h"
#include "sim/world.h"

namespace orrery::sim {

inline constexpr std::size_t machine_count = 3;
inline constexpr Time filled_by = std::chrono::seconds{15};
inline constexpr Time trouble_until = std::chrono::seconds{60};

// Blows that are of one kind; a seed has some of them only, or no database would ever be well for long enough to judge.
enum class Blow {
  crash,
  cut,
  cut_long,
  reboot,
  shim,
  process,
  hand_over,
  drain,
  freeze,
  weather,
  clock,
  restart,
  database_crash,
  fail_over,
  no_tick,
  elsewhere,
  set_back
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, unsigned slot);

  Outcome run(std::size_t keep);

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // cluster, kind, key
  struct Ticker {
    bool runs = true;
    std::optional<Duration> last;
    Duration since{}, until{};
  };

  void prepare();
  void choose_blows();
  static std::vector<Key> keys_of(const std::string& cluster, bool small);
  void carried_out(Service& service, const std::string& who, const std::string& what, const Called& called);
  void datagram(const Address& to, const std::string& bytes);
  bool dba(const std::string& what, const std::string& expression, Params params = {});

  void tick(Service& service, Ticker& ticker);
  void begin_agent(std::size_t machine);
  void restart(std::size_t machine, Duration wait);
  void crash_agent(std::size_t machine);
  void power(std::size_t machine, Duration off);

  void fill();
  void blow();
  void operate();
  void database_down(bool crashed, bool failed_over, bool set_back, Duration how_long);
  void take_snapshot();
  bool can_lead_elsewhere();
  void database_elsewhere(Duration how_long);
  void lead_back();
  void take_over();
  void jump(Duration by);
  bool can_slew(Duration by);
  void step_clock();
  void heal();
  void wish();
  void converge();
  void shut_down();
  std::size_t any_machine() { return world_.chance.below(machine_count); }
  std::string state_of(const std::string& cluster) {
    return main_.database->rows("select state from orrery.cluster where cluster = $1", {cluster})[0][0];
  }

  World world_;
  unsigned slot_;
  std::unique_ptr<Database> database_, other_database_, snapshot_;
  std::vector<Machine> machines_;
  Checker checker_;
  Weather weather_;
  Service main_, other_;
  Ticker main_ticker_, other_ticker_;
  bool leads_elsewhere_ = false;
  Surroundings around_;
  std::array<std::shared_ptr<AgentProcess>, machine_count> agents_;
  Duration tick_every_{};
  Duration lease_{}, margin_{};
  Duration blow_every_{}, operate_every_{};
  std::vector<Key> red_, blue_;  // what players and the DBA ask for
  bool blue_stays_ = true, asked_last_ = false, done_ = false;
  std::int64_t snapshot_incarnation_ = 0;
  Time snapshot_at_{};
  std::vector<std::pair<Time, Duration>> slews_;  // steps forward that are no gap in ticking
  int copies_ = 0, fills_ = 0;
  bool other_is_backup_ = false;
  std::vector<Blow> blows_;
  std::string not_yet_;
  Time good_since_ = Time::max();
};

}  // namespace orrery::sim
