#include "sim/simulation.h"

#include <fmt/format.h>

#include <array>

#include "sim/agent_process.h"
#include "sim/checker.h"
#include "sim/database.h"
#include "sim/world.h"

namespace orrery::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t machine_count = 3;
constexpr Time trouble_until = 60s, converged_by = 120s;
constexpr Duration calm_for = 3s, shutdown_limit = 20s;

using Key = std::tuple<std::string, std::string, std::string>;

// What players and the DBA ask for.
std::vector<Key> keys_of(const std::string& cluster, bool small) {
  std::vector<Key> keys;
  const auto add = [&](const std::string& kind, int count) {
    for (int n = 1; n <= count; ++n) keys.emplace_back(cluster, kind, std::to_string(n));
  };
  add("zone", small ? 2 : 9);
  add("match", small ? 1 : 5);
  add("idle", small ? 1 : 3);
  add("flaky", small ? 0 : 3);
  add("crash", small ? 0 : 1);
  add("deaf", small ? 1 : 2);
  add("slow", small ? 0 : 2);
  add("missing", small ? 0 : 1);
  return keys;
}

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

const std::vector<std::pair<Blow, double>> blows{
    {Blow::crash, 0.8},           {Blow::cut, 0.8},        {Blow::cut_long, 0.8},
    {Blow::reboot, 0.7},          {Blow::shim, 0.8},       {Blow::process, 0.9},
    {Blow::hand_over, 0.5},       {Blow::drain, 0.4},      {Blow::freeze, 0.6},
    {Blow::weather, 0.8},         {Blow::clock, 0.35},     {Blow::restart, 0.35},
    {Blow::database_crash, 0.35}, {Blow::fail_over, 0.35}, {Blow::no_tick, 0.35},
    {Blow::elsewhere, 1},         {Blow::set_back, 1}};

class Simulation {
 public:
  Simulation(std::uint64_t seed, unsigned slot)
      : world_(seed),
        slot_(slot),
        database_(std::make_unique<Database>(fmt::format("sim_{}", slot))),
        checker_(world_, machines_),
        around_{world_,
                weather_,
                [this]() -> Service& { return leads_elsewhere_ ? other_ : main_; },
                [this](Service& service, const std::string& who, const std::string& what, const Called& called) {
                  carried_out(service, who, what, called);
                },
                [this](AgentProcess& agent, int) { restart(agent.machine().number(), world_.chance.scale(500ms, 6s)); },
                [this](const Address& to, const std::string& bytes) { datagram(to, bytes); }} {}

  Outcome run(std::size_t keep);

 private:
  struct Ticker {
    bool runs = true;
    std::optional<Duration> last;
    Duration since{}, until{};
  };

  void prepare();
  void carried_out(Service& service, const std::string& who, const std::string& what, const Called& called);
  void datagram(const Address& to, const std::string& bytes);
  bool dba(const std::string& what, const std::string& expression, Params params = {});

  void tick(Service& service, Ticker& ticker);
  void begin_agent(std::size_t machine);
  void restart(std::size_t machine, Duration wait);
  void crash_agent(std::size_t machine);
  void power(std::size_t machine, Duration off);

  void blow();
  void operate();
  void database_down(bool crashed, bool failed_over, bool set_back, Duration how_long);
  void take_snapshot();
  bool can_lead_elsewhere();
  void database_elsewhere(Duration how_long);
  void lead_back();
  void jump(Duration by);
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
  std::vector<Key> red_ = keys_of("red", false), blue_ = keys_of("blue", true);
  bool blue_stays_ = true, asked_last_ = false, done_ = false;
  std::int64_t snapshot_incarnation_ = 0;
  Time snapshot_at_{}, slewed_at_{-1h};
  int copies_ = 0;
  bool other_is_backup_ = false;
  std::vector<Blow> blows_;
  std::string not_yet_;
  Time good_since_ = Time::max();
};

// Statements

void Simulation::carried_out(Service& service, const std::string& who, const std::string& what, const Called& called) {
  if (!what.empty()) world_.trace.add(fmt::format("{} {}", who, what));
  // Every refusal that is meant has a code of class OR; OR009 would be an edge that no table has.
  if (!called.value && (!called.value.error().code.starts_with("OR") || called.value.error().code == "OR009")) {
    throw Broken{fmt::format("{} {}", who, what)};
  }
  for (const std::string& payload : called.bells) {
    for (const auto& agent : agents_) {
      if (agent && agent->is_alive()) agent->ring(service, payload);
    }
  }
  if (!service.is_foreign && called.wrote) checker_.after_statement();
}

bool Simulation::dba(const std::string& what, const std::string& expression, Params params) {
  if (!main_.is_up) return false;
  const Called called =
      main_.database->call(Login::dba, expression, std::move(params), main_.wall.read(world_.timeline.now()));
  const std::string result =
      called.value ? called.value->dump() : called.value.error().code + " " + called.value.error().message;
  world_.count(fmt::format("dba {} {}", what.substr(0, what.find(' ')), called.value ? "ok" : "refused"));
  carried_out(main_, "dba", fmt::format("{}: {}", what, result), called);
  return static_cast<bool>(called.value);
}

void Simulation::datagram(const Address& to, const std::string& bytes) {
  if (!world_.calm && world_.chance.happens(0.1)) return;
  world_.timeline.in(world_.chance.between(100us, 2ms), [this, to, bytes] {
    for (std::size_t n = 0; n < machine_count; ++n) {
      if (agents_[n] && agents_[n]->is_alive() && AgentProcess::private_address(n) == to) agents_[n]->datagram(bytes);
    }
  });
}

// As sql/functions/tick_loop.sql keeps `since`; a loop that ends is followed by the spare.
void Simulation::tick(Service& service, Ticker& ticker) {
  Duration wait = world_.chance.between(50ms, 150ms);
  if (service.is_up && service.database && ticker.runs) {
    const Duration now = service.wall.read(world_.timeline.now());
    if (!ticker.last || now >= ticker.until) {
      ticker.since = now;
      ticker.last.reset();
      ticker.until = now + world_.chance.between(10s, 60s);
    } else if (now < *ticker.last || now - *ticker.last > 1s) {
      ticker.since = now;
    }
    ticker.last = now;
    const Called called =
        service.database->call(Login::tick, "orrery.tick($2::timestamptz)", {Database::timestamp(ticker.since)}, now);
    carried_out(service, service.is_foreign ? "the other tick" : "tick",
                called.value ? "" : called.value.error().message, called);
  }
  world_.timeline.in(wait, [this, &service, &ticker] { tick(service, ticker); });
}

// Agents and machines

void Simulation::begin_agent(std::size_t n) {
  if (!machines_[n].is_on() || (agents_[n] && agents_[n]->is_alive())) return;
  agents_[n] = std::make_shared<AgentProcess>(around_, machines_[n], std::vector<std::string>{"blue", "red"});
  agents_[n]->begin();
}

void Simulation::restart(std::size_t n, Duration wait) {
  world_.timeline.in(wait, [this, n] { begin_agent(n); });
}

void Simulation::crash_agent(std::size_t n) {
  if (agents_[n] && agents_[n]->is_alive()) agents_[n]->kill();
}

void Simulation::power(std::size_t n, Duration off) {
  crash_agent(n);
  if (machines_[n].is_on()) machines_[n].power_off();
  world_.timeline.in(off, [this, n] {
    if (machines_[n].is_on()) return;
    machines_[n].power_on();
    restart(n, world_.chance.between(200ms, 2s));
  });
}

// The database

void Simulation::database_down(bool crashed, bool failed_over, bool set_back, Duration how_long) {
  main_.is_up = false;
  ++main_.made;
  for (const auto& agent : agents_) {
    if (agent) agent->connection_lost("the database shut down");
  }
  world_.timeline.in(how_long, [this, crashed, failed_over, set_back] {
    world_.trace.add("the database is back");
    if (set_back && snapshot_) {
      database_ = std::move(snapshot_);
      main_.database = database_.get();
      checker_.watch(*main_.database, true);
    }
    if (crashed) main_.database->crash();
    // Another timeline than the one noted: what a promotion, and the recovery from a backup, leave.
    if (failed_over) main_.database->rows("update orrery.incarnation set timeline = timeline - 1");
    main_.is_up = true;
    main_ticker_.last.reset();
    main_ticker_.runs = false;
    world_.timeline.in(world_.chance.scale(10ms, 6s), [this] { main_ticker_.runs = true; });
  });
}

void Simulation::take_snapshot() {
  world_.trace.add("a backup is made");
  snapshot_at_ = world_.timeline.now();
  snapshot_ = std::make_unique<Database>(fmt::format("sim_{}_{}", slot_, ++copies_), database_.get());
  snapshot_incarnation_ =
      std::stoll(snapshot_->rows("select coalesce(max(incarnation), 0) from orrery.incarnation")[0][0]);
}

// A blank database, or a backup of before the last failover. What is of the same lineage, or an heir, would rightly be
// obeyed.
bool Simulation::can_lead_elsewhere() {
  if (leads_elsewhere_ || !main_.is_up || (other_is_backup_ && !snapshot_)) return false;
  for (const Machine& machine : machines_) {
    if (machine.pin.is_null()) return false;
    if (other_is_backup_ && machine.pin.at("incarnation").get<std::int64_t>() <= snapshot_incarnation_) return false;
  }
  return true;
}

void Simulation::database_elsewhere(Duration how_long) {
  if (!other_.database) {
    other_database_ =
        other_is_backup_ ? std::move(snapshot_) : std::make_unique<Database>(fmt::format("sim_{}_other", slot_));
    other_.database = other_database_.get();
    other_.is_foreign = true;
    other_.wall = main_.wall;
    if (other_is_backup_) other_.database->rows("update orrery.incarnation set timeline = timeline - 1");
    tick(other_, other_ticker_);
  }
  leads_elsewhere_ = true;
  ++main_.made;
  for (const auto& agent : agents_) {
    if (agent) agent->connection_lost("the connection was reset");
  }
  world_.timeline.in(how_long, [this] { lead_back(); });
}

void Simulation::lead_back() {
  if (!leads_elsewhere_) return;
  leads_elsewhere_ = false;
  world_.trace.add("the right database answers again");
  ++other_.made;
  for (const auto& agent : agents_) {
    if (agent) agent->connection_lost("the connection was reset");
  }
}

void Simulation::jump(Duration by) {
  main_.wall.shows += by;
  world_.trace.add(fmt::format("the database's clock jumps by {} ms", by / 1ms));
}

void Simulation::step_clock() {
  // What was to be done at a time waits for that time: set back for long, all takes as much longer.
  const bool back = world_.chance.happens(0.5);
  const Duration step = world_.chance.scale(1500ms, back ? 12s : 90s);
  jump(back ? -step : step);
}

// Trouble

void Simulation::blow() {
  if (world_.timeline.now() >= trouble_until) return;
  Chance& chance = world_.chance;
  const std::size_t n = any_machine();
  const auto& agent = agents_[n];
  const bool agent_runs = agent && agent->is_alive();
  const auto hit = [&](const std::string& what) {
    world_.count("blow: " + what);
    world_.trace.add(fmt::format("BLOW on a{}: {}", n + 1, what));
    return true;
  };
  switch (chance.pick(blows_)) {
    case Blow::crash:
      if (!agent_runs || !hit("the agent crashes")) break;
      crash_agent(n);
      restart(n, chance.scale(20ms, 20s));
      break;
    case Blow::cut:
      if (agent_runs && hit("cut off")) agent->cut_off(chance.scale(100ms, 10s));
      break;
    case Blow::cut_long:
      if (!agent_runs || !hit("cut off for long")) break;
      agent->cut_off(chance.between(8s, 40s));
      // The margin is there for clocks that do not agree: less than a second, now and then, is no gap in ticking.
      if (chance.happens(0.6) && world_.timeline.now() >= slewed_at_ + 30s) {
        slewed_at_ = world_.timeline.now();
        world_.timeline.in(chance.between(0s, lease_), [this] { jump(world_.chance.between(300ms, 800ms)); });
      }
      break;
    case Blow::reboot:
      if (machines_[n].is_on() && hit("reboots")) power(n, chance.scale(1s, 30s));
      break;
    case Blow::shim:
      if (machines_[n].kill_shim(chance.below(100))) hit("a shim is killed");
      break;
    case Blow::process:
      if (machines_[n].kill_process(chance.below(100))) hit("a server is killed");
      break;
    case Blow::hand_over:
      if (agent_runs && hit("the agent hands over")) agent->stop(false);
      break;
    case Blow::drain:
      if (agent_runs && hit("the agent drains")) agent->stop(true);
      break;
    case Blow::freeze:
      if (agent_runs && hit("the agent freezes")) agent->freeze(chance.scale(200ms, 30s));
      break;
    case Blow::weather:
      hit("weather");
      weather_ = Weather{chance.happens(0.5) ? 0.03 : 0, chance.happens(0.5) ? 0.05 : 0, chance.happens(0.5) ? 0.08 : 0,
                         chance.happens(0.5) ? 0.05 : 0, chance.happens(0.5) ? 0.3 : 0};
      break;
    case Blow::clock:
      hit("the clock of the database");
      step_clock();
      break;
    case Blow::restart:
      if (main_.is_up && hit("the database restarts")) database_down(false, false, false, chance.scale(100ms, 20s));
      break;
    case Blow::database_crash:
      if (main_.is_up && hit("the database crashes")) database_down(true, false, false, chance.scale(100ms, 20s));
      break;
    case Blow::fail_over:
      if (main_.is_up && hit("the database fails over")) database_down(true, true, false, chance.scale(1s, 8s));
      break;
    case Blow::set_back:
      if (!main_.is_up) break;
      if (!snapshot_) {
        take_snapshot();
      } else if (world_.timeline.now() - snapshot_at_ > 2s && hit("the database is set back to a backup")) {
        database_down(true, true, true, chance.scale(1s, 8s));
      }
      break;
    case Blow::no_tick: {
      hit("no tick");
      const bool killed = chance.happens(0.5);
      main_ticker_.runs = false;
      world_.timeline.in(chance.scale(200ms, 25s), [this, killed] {
        if (killed) main_ticker_.last.reset();
        main_ticker_.runs = true;
      });
      break;
    }
    case Blow::elsewhere:
      if (!snapshot_ && other_is_backup_) take_snapshot();
      if (can_lead_elsewhere() && hit("another database answers")) database_elsewhere(chance.scale(500ms, 15s));
      break;
  }
  world_.timeline.in(chance.scale(blow_every_ / 8, blow_every_ * 2), [this] { blow(); });
}

// What a DBA does, and what players ask for.
void Simulation::operate() {
  if (world_.timeline.now() >= trouble_until) return;
  Chance& chance = world_.chance;
  const bool in_blue = chance.happens(0.2);
  const std::string cluster = in_blue ? "blue" : "red";
  const auto request = [&] {
    const auto& [name, kind, key] = chance.pick(in_blue ? blue_ : red_);
    dba(fmt::format("request {} {} {}", name, kind, key), "orrery.server_request($2, $3, $4)", {kind, key, name});
  };
  const std::size_t what = chance.below(46);
  if (what < 28) {
    request();
  } else if (what < 33) {
    const Rows rows =
        main_.is_up ? main_.database->rows("select server_id from orrery.server where state <> 'stopped' order by 1")
                    : Rows{};
    if (!rows.empty()) {
      const std::string id = chance.pick(rows)[0];
      dba("stop " + id, "orrery.server_stop($2::bigint)", {id});
    }
  } else if (what < 35) {
    if (in_blue || chance.happens(0.2)) {
      const auto seconds = std::to_string(chance.below(6));
      dba("shutdown " + cluster + " " + seconds, "orrery.cluster_shutdown($2::integer, $3)", {seconds, cluster});
    }
  } else if (what < 37) {
    dba("cancel " + cluster, "orrery.cluster_shutdown_cancel($2)", {cluster});
  } else if (what < 40) {
    dba("start " + cluster, "orrery.cluster_start($2)", {cluster});
  } else if (what < 43) {
    const std::string& name = machines_[any_machine()].name();
    const auto seconds = chance.happens(0.3) ? std::nullopt : std::optional(std::to_string(chance.below(8)));
    dba("drain " + name, "orrery.agent_drain($2, $3::integer)", {name, seconds});
  } else if (what < 45) {
    const std::string& name = machines_[any_machine()].name();
    dba("resume " + name, "orrery.agent_resume($2)", {name});
  } else {
    // An operator's word that a machine is off is given of one that is.
    for (const Machine& machine : machines_) {
      if (!machine.is_on()) dba("fence " + machine.name(), "orrery.agent_fence($2)", {machine.name()});
    }
  }
  world_.timeline.in(chance.scale(operate_every_ / 8, operate_every_ * 2), [this] { operate(); });
}

// The end

void Simulation::heal() {
  world_.trace.add("everything heals");
  world_.calm = true;
  weather_ = Weather{};
  lead_back();
  main_ticker_.runs = true;
  for (std::size_t n = 0; n < machine_count; ++n) {
    if (!machines_[n].is_on()) machines_[n].power_on();
    if (agents_[n]) agents_[n]->heal();
    restart(n, 1s);
  }
  world_.timeline.in(500ms, [this] { wish(); });
  world_.timeline.in(1s, [this] { converge(); });
}

// The DBA's and the players' wishes, said again until they are heard.
void Simulation::wish() {
  if (done_) return;
  if (main_.is_up) {
    const auto start = [this](const std::string& cluster) {
      const std::string state = state_of(cluster);
      if (state == "stopped") dba("start " + cluster, "orrery.cluster_start($2)", {cluster});
      if (state == "shutting_down") dba("cancel " + cluster, "orrery.cluster_shutdown_cancel($2)", {cluster});
      return state == "running" || state == "starting";
    };
    for (const auto& row :
         Rows(main_.database->rows("select name from orrery.agent where drain_at is not null order by 1"))) {
      dba("resume " + row[0], "orrery.agent_resume($2)", {row[0]});
    }
    std::vector<Key> wanted;
    if (start("red")) wanted = red_;
    if (!blue_stays_) {
      const std::string state = state_of("blue");
      if (state != "stopped" && state != "stopping") dba("shutdown blue 0", "orrery.cluster_shutdown(0, $2)", {"blue"});
    } else if (start("blue")) {
      wanted.insert(wanted.end(), blue_.begin(), blue_.end());
    }
    for (const auto& [cluster, kind, key] : wanted) {
      if (kind == "idle") continue;
      const Rows owner = main_.database->rows(
          "select s.state from orrery.placement p join orrery.server s on s.server_id = p.server_id where p.cluster = "
          "$1 and p.kind = $2 and p.key = $3",
          {cluster, kind, key});
      // One that failed loudly stays so, unless its fault has gone.
      const bool hopeless = kind == "crash" || kind == "missing";
      if (owner.empty() || (owner[0][0] == "failed" && !hopeless)) {
        dba(fmt::format("request {} {} {}", cluster, kind, key), "orrery.server_request($2, $3, $4)",
            {kind, key, cluster});
      }
    }
  }
  world_.timeline.in(1s, [this] { wish(); });
}

void Simulation::converge() {
  const Time now = world_.timeline.now();
  std::set<Key> wanted(red_.begin(), red_.end());
  if (blue_stays_) wanted.insert(blue_.begin(), blue_.end());
  std::erase_if(wanted, [](const Key& key) { return std::get<1>(key) == "idle"; });
  for (const char* kind : {"login", "chat", "guard"}) {
    wanted.emplace("red", kind, "main");
    if (blue_stays_) wanted.emplace("blue", kind, "main");
  }
  not_yet_ = !main_.is_up ? "the database is away"
                          : checker_.not_converged(
                                wanted, blue_stays_ ? std::set<std::string>{} : std::set<std::string>{"blue"});
  if (!not_yet_.empty()) {
    good_since_ = Time::max();
    if (now >= converged_by) throw Broken{"not as it should be: " + not_yet_};
  } else if (good_since_ == Time::max()) {
    good_since_ = now;
  } else if (now - good_since_ >= calm_for) {
    world_.trace.add("all is as it should be");
    world_.counts["seconds until all was well"] = static_cast<std::uint64_t>((good_since_ - trouble_until) / 1s);
    return shut_down();
  }
  world_.timeline.in(500ms, [this] { converge(); });
}

void Simulation::shut_down() {
  const Time now = world_.timeline.now();
  if (!asked_last_) {
    asked_last_ = done_ = true;
    good_since_ = now;
    for (const char* cluster : {"red", "blue"}) {
      if (state_of(cluster) != "stopped") {
        dba(fmt::format("shutdown {} 1", cluster), "orrery.cluster_shutdown(1, $2)", {cluster});
      }
    }
  }
  not_yet_ = checker_.not_converged({}, {"red", "blue"});
  if (not_yet_.empty()) {
    world_.trace.add("nothing is left");
    done_ = asked_last_ = true;
    good_since_ = Time::min();
    return;
  }
  if (now - good_since_ > shutdown_limit) throw Broken{"shut down, but not all is gone: " + not_yet_};
  world_.timeline.in(500ms, [this] { shut_down(); });
}

// All of it

void Simulation::prepare() {
  Chance& chance = world_.chance;
  machines_.reserve(machine_count);
  for (std::size_t n = 0; n < machine_count; ++n) machines_.emplace_back(world_, n);
  main_.database = database_.get();
  main_.wall = Clock{Time{}, 12h, static_cast<std::int64_t>(chance.below(2001)) - 1000};
  lease_ = chance.pick(std::vector<Duration>{3s, 5s, 15s});
  margin_ = chance.pick(std::vector<Duration>{2s, 3s, 5s});
  blow_every_ = chance.scale(700ms, 5s);
  operate_every_ = chance.scale(200ms, 1s);
  blue_stays_ = chance.happens(0.5);
  weather_ = Weather{chance.happens(0.5) ? 0.01 : 0, chance.happens(0.5) ? 0.02 : 0, chance.happens(0.5) ? 0.03 : 0,
                     chance.happens(0.5) ? 0.02 : 0, chance.happens(0.5) ? 0.1 : 0};
  for (const auto& [blow, share] : blows) {
    if (chance.happens(share)) blows_.push_back(blow);
  }
  // Another database, or an earlier state of this one, in some seeds only: they are rare, and end much.
  const std::size_t databases = chance.below(6);
  other_is_backup_ = databases == 1;
  if (databases > 1) std::erase(blows_, Blow::elsewhere);
  if (databases != 2) std::erase(blows_, Blow::set_back);
  if (other_is_backup_) blows_.push_back(Blow::fail_over);
  checker_.watch(*main_.database);
  dba("setting", "orrery.setting_set('lease_ms', $2::numeric)", {std::to_string(lease_ / 1ms)});
  dba("setting", "orrery.setting_set('lease_margin_ms', $2::numeric)", {std::to_string(margin_ / 1ms)});
  if (chance.happens(0.3)) dba("setting", "orrery.setting_set('listeners_max', 1)");
  dba("start red", "orrery.cluster_start($2)", {"red"});
  dba("start blue", "orrery.cluster_start($2)", {"blue"});
  for (std::size_t n = 0; n < machine_count; ++n) {
    machines_[n].power_on();
    restart(n, chance.between(0ms, 1s));
  }
  for (const auto& [cluster, kind, key] : red_) {
    world_.timeline.in(chance.between(1s, 5s), [this, cluster = cluster, kind = kind, key = key] {
      dba(fmt::format("request {} {} {}", cluster, kind, key), "orrery.server_request($2, $3, $4)",
          {kind, key, cluster});
    });
  }
  world_.timeline.in(50ms, [this] { tick(main_, main_ticker_); });
  world_.timeline.in(4s, [this] { blow(); });
  world_.timeline.in(4s, [this] { operate(); });
  world_.timeline.at(trouble_until, [this] { heal(); });
}

Outcome Simulation::run(std::size_t keep) {
  world_.trace.keep = keep;
  Outcome outcome;
  try {
    prepare();
    Time looked{};
    while (!(done_ && good_since_ == Time::min()) && world_.timeline.step()) {
      if (world_.timeline.now() - looked < 1s) continue;
      looked = world_.timeline.now();
      if (main_.is_up) checker_.sometimes();
    }
  } catch (const Broken& broken) {
    outcome.failure = broken.what;
  } catch (const std::exception& error) {
    outcome.failure = std::string("the simulation itself: ") + error.what();
  }
  world_.trace.add(fmt::format("edges seen: {}", checker_.edges_seen()));
  outcome.hash = world_.trace.hash();
  const auto& lines = world_.trace.last_lines();
  outcome.last.assign(lines.begin(), lines.end());
  outcome.counts = world_.counts;
  return outcome;
}

}  // namespace

Outcome simulate(std::uint64_t seed, unsigned slot, std::size_t keep) { return Simulation(seed, slot).run(keep); }

}  // namespace orrery::sim
