// What the agents' machines hold in the simulation: a disk, shims and server processes, after docs/control.md, "The
// shim". It keeps its own record of every process there ever was, which the checkers believe rather than anybody's
// word.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agents/agent_core.h"
#include "sim/virtual_time.h"

namespace orrery::sim {

using agents::ServerRef;

struct Process {
  ServerRef ref;
  std::size_t machine;
  std::string cluster, kind, key;
  bool hold;
  std::vector<unsigned> ports;
  Time from;
  std::optional<Time> until;
};

class Machine;

/// All there is besides agents and database.
struct World {
  Timeline timeline;
  Chance chance;
  Trace trace{timeline};
  std::vector<Process> processes;
  std::set<std::size_t> alive;                       // of `processes`
  std::function<void(const Process&)> began, ended;  // the checker's
  std::map<std::string, std::uint64_t> counts;       // what happened how often
  bool calm = false;                                 // nothing fails any more

  explicit World(std::uint64_t seed) : chance(seed) {}
  void count(const std::string& what) { ++counts[what]; }
};

/// "server 3 epoch 1.7": the epoch as incarnation and number.
std::string words(ServerRef ref);

class Machine {
 public:
  Machine(World& world, std::size_t number);

  const std::string& name() const { return name_; }
  std::size_t number() const { return number_; }
  bool is_on() const { return on_; }
  const std::string& boot_id() const { return boot_id_; }
  std::uint64_t boots() const { return boots_; }
  /// CLOCK_BOOTTIME.
  Instant now() const { return Instant(boot_.read(world_.timeline.now())); }
  Time when(Instant reading) const { return boot_.when(reading.time_since_epoch()); }

  /// Everything but the disk is gone.
  void power_off();
  void power_on();

  // The process host of an agent; what it tells goes to `agent`, until another one adopts.
  std::vector<agents::Event> adopt(std::function<void(const agents::Event&)> agent);
  void agent_gone();
  void spawn(const agents::Spawn& spawn);
  void steer(const agents::Steer& steer);
  void forget(ServerRef ref);

  /// How many servers ran here at once, at most.
  std::size_t most_at_once() const { return most_at_once_; }

  /// A process of it runs here, or ran.
  bool has_begun(ServerRef ref) const { return begun_.contains(ref); }
  /// Nothing of it runs, nor will.
  bool is_gone(ServerRef ref);

  // Blows. They take the first server after the `n`-th for which it is possible, and say whether there was one.
  bool kill_shim(std::size_t n);
  bool kill_process(std::size_t n);

  /// Which database the agent obeyed last, on disk.
  agents::Json pin;
  /// When the lease ends that the database granted by its answers; nobody's belief.
  std::optional<Instant> granted;

 private:
  struct Run {  // a run directory, and its shim while `shim`
    agents::Spawn plan;
    std::string boot_id;
    bool shim = false, started = false, ended = false;
    agents::ServerFound::State state = agents::ServerFound::State::starting;
    std::size_t process = 0;
    int pid = 0;
    std::optional<Instant> lease_until, stop_by, shutdown_at;
    bool asked = false;  // SIGTERM was sent
    bool by_shutdown = false, by_lease = false;
    std::optional<int> exit_code, signal;
    std::string words;
    bool not_its_own = false;
  };
  // The name of the directory.
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  static Key key_of(ServerRef ref) { return {ref.server.value, ref.epoch.value & 0xffffffffu}; }

  Run* find(ServerRef ref);
  /// The run that has the process `process`, still alive.
  Run* running(ServerRef ref, std::size_t process);
  void start(ServerRef ref);
  void behave(ServerRef ref, std::size_t process);
  void watch_lease(ServerRef ref);
  void watch_stop(ServerRef ref);
  void watch_shutdown(ServerRef ref);
  void end(Run& run, std::optional<int> exit_code, std::optional<int> signal, const std::string& words,
           bool not_its_own);
  void tell(const agents::Event& event);

  World& world_;
  std::size_t number_;
  std::string name_, boot_id_;
  bool on_ = false;
  std::uint64_t boots_ = 0, agents_ = 0;
  Clock boot_;
  std::function<void(const agents::Event&)> agent_;
  std::map<Key, Run> runs_;
  std::set<ServerRef> begun_;
  std::size_t most_at_once_ = 0;
  int pids_ = 0;
};

}  // namespace orrery::sim
