#include <fmt/format.h>

#include <algorithm>

#include "sim/run.h"

namespace orrery::sim {
namespace {

using namespace std::chrono_literals;

struct Kind {
  Blow blow;
  double share;  // of the seeds
  std::string words;
};

const std::vector<Kind> blows{{Blow::crash, 0.8, "the agent crashes"},
                              {Blow::cut, 0.8, "cut off"},
                              {Blow::cut_long, 0.8, "cut off for long"},
                              {Blow::reboot, 0.7, "reboots"},
                              {Blow::shim, 0.8, "a shim is killed"},
                              {Blow::process, 0.9, "a server is killed"},
                              {Blow::hand_over, 0.5, "the agent hands over"},
                              {Blow::drain, 0.4, "the agent drains"},
                              {Blow::freeze, 0.6, "the agent freezes"},
                              {Blow::weather, 0.8, "weather"},
                              {Blow::clock, 0.35, "the clock of the database"},
                              {Blow::restart, 0.35, "the database restarts"},
                              {Blow::database_crash, 0.35, "the database crashes"},
                              {Blow::fail_over, 0.35, "the database fails over"},
                              {Blow::no_tick, 0.35, "no tick"},
                              {Blow::elsewhere, 1, "another database answers"},
                              {Blow::set_back, 1, "the database is set back to a backup"}};

}  // namespace

std::vector<std::string> troubles() {
  std::vector<std::string> all{"calls lost",
                               "answers lost",
                               "doorbells lost",
                               "doorbells between agents lost",
                               "calls late",
                               "answers late",
                               "doorbells late",
                               "calls doubled",
                               "calls held up by a cut",
                               "clock stepped back",
                               "clock stepped forward",
                               "clock stepped back a little",
                               "clock stepped forward a little",
                               "ended by their lease",
                               "killed for not stopping",
                               "stopped by their shim at the cluster's deadline",
                               "registrations refused by what another database pinned"};
  for (const Kind& kind : blows) all.push_back("blow: " + kind.words);
  return all;
}

// Which of them there are in this run.
void Simulation::choose_blows() {
  Chance& chance = world_.chance;
  for (const Kind& kind : blows) {
    if (chance.happens(kind.share)) blows_.push_back(kind.blow);
  }
  // Another database answers, or this one is set back, in some seeds only: it ends much.
  const std::size_t databases = chance.below(6);
  other_is_backup_ = databases == 1;
  if (databases > 1) std::erase(blows_, Blow::elsewhere);
  if (databases != 2 && databases != 3) std::erase(blows_, Blow::set_back);
  if (databases == 2 || databases == 3) blows_.push_back(Blow::set_back);
  if (other_is_backup_) blows_.push_back(Blow::fail_over);
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
    if (set_back) world_.timeline.in(world_.chance.scale(500ms, 30s), [this] { take_over(); });
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

// Agents that obeyed what came after the backup, or another heir of it, obey this database when its DBA says so.
void Simulation::take_over() {
  if (!main_.is_up) return;
  const Rows rows = main_.database->rows("select incarnation, encode(lineage, 'hex') from orrery.incarnation");
  if (rows.empty()) return;
  std::int64_t above = 0;
  for (const Machine& machine : machines_) {
    if (machine.pin.is_null()) continue;
    const std::int64_t pinned = machine.pin.at("incarnation").get<std::int64_t>(), here = std::stoll(rows[0][0]);
    if (pinned > here || (pinned == here && machine.pin.at("lineage") != rows[0][1])) above = std::max(above, pinned);
  }
  if (above > 0) {
    dba(fmt::format("raise {}", above), "orrery.incarnation_raise($2::bigint)", {std::to_string(above)});
  }
}

void Simulation::jump(Duration by) {
  main_.wall.shows += by;
  world_.trace.add(fmt::format("the database's clock jumps by {} ms", by / 1ms));
}

// Less than a second is no gap in ticking: the margin is there for it. More than the margin in one lease and margin it
// cannot cover, the rates of the clocks (1 % each way) and a shim's lateness included.
bool Simulation::can_slew(Duration by) {
  const Time now = world_.timeline.now();
  Duration sum = by;
  for (const auto& [at, step] : slews_) {
    if (at + lease_ + margin_ >= now - 1s) sum += step;
  }
  if (sum > margin_ - 600ms) return false;
  slews_.emplace_back(now, by);
  return true;
}

void Simulation::step_clock() {
  if (world_.chance.happens(0.3)) {
    const Duration step = world_.chance.between(10ms, 700ms);
    if (world_.chance.happens(0.5)) {
      world_.count("clock stepped back a little");
      jump(-step);
    } else if (can_slew(step)) {
      world_.count("clock stepped forward a little");
      jump(step);
    }
    return;
  }
  // What was to be done at a time waits for that time: set back for long, all takes as much longer.
  const bool back = world_.chance.happens(0.5);
  const Duration step = world_.chance.scale(1500ms, back ? 12s : 90s);
  world_.count(back ? "clock stepped back" : "clock stepped forward");
  jump(back ? -step : step);
}

// Trouble

void Simulation::blow() {
  if (world_.timeline.now() >= trouble_until) return;
  Chance& chance = world_.chance;
  const std::size_t n = any_machine();
  const auto& agent = agents_[n];
  const bool agent_runs = agent && agent->is_alive();
  const Blow chosen = chance.pick(blows_);
  const auto hit = [&] {
    const auto kind = std::find_if(blows.begin(), blows.end(), [&](const Kind& k) { return k.blow == chosen; });
    world_.count("blow: " + kind->words);
    world_.trace.add(fmt::format("BLOW on a{}: {}", n + 1, kind->words));
    return true;
  };
  switch (chosen) {
    case Blow::crash:
      if (!agent_runs || !hit()) break;
      crash_agent(n);
      restart(n, chance.scale(20ms, 20s));
      break;
    case Blow::cut:
      if (agent_runs && hit()) agent->cut_off(chance.scale(100ms, 10s));
      break;
    case Blow::cut_long:
      if (!agent_runs || !hit()) break;
      agent->cut_off(chance.between(8s, 40s));
      // Clocks that do not agree matter most while an agent is silent.
      if (chance.happens(0.6)) {
        world_.timeline.in(chance.between(0s, lease_), [this] {
          const Duration step = world_.chance.between(300ms, 800ms);
          if (!can_slew(step)) return;
          world_.count("clock stepped forward a little");
          jump(step);
        });
      }
      break;
    case Blow::reboot:
      if (machines_[n].is_on() && hit()) power(n, chance.scale(1s, 30s));
      break;
    case Blow::shim:
      if (machines_[n].kill_shim(chance.below(100))) hit();
      break;
    case Blow::process:
      if (machines_[n].kill_process(chance.below(100))) hit();
      break;
    case Blow::hand_over:
      if (agent_runs && hit()) agent->stop(false);
      break;
    case Blow::drain:
      if (agent_runs && hit()) agent->stop(true);
      break;
    case Blow::freeze:
      if (agent_runs && hit()) agent->freeze(chance.scale(200ms, 30s));
      break;
    case Blow::weather:
      hit();
      weather_ = Weather{chance.happens(0.5) ? 0.03 : 0, chance.happens(0.5) ? 0.05 : 0, chance.happens(0.5) ? 0.08 : 0,
                         chance.happens(0.5) ? 0.05 : 0, chance.happens(0.5) ? 0.3 : 0};
      break;
    case Blow::clock:
      hit();
      step_clock();
      break;
    case Blow::restart:
      if (main_.is_up && hit()) database_down(false, false, false, chance.scale(100ms, 20s));
      break;
    case Blow::database_crash:
      if (main_.is_up && hit()) database_down(true, false, false, chance.scale(100ms, 20s));
      break;
    case Blow::fail_over:
      if (main_.is_up && hit()) database_down(true, true, false, chance.scale(1s, 8s));
      break;
    case Blow::set_back:
      if (!main_.is_up) break;
      if (!snapshot_) {
        take_snapshot();
      } else if (world_.timeline.now() - snapshot_at_ > 2s && hit()) {
        database_down(true, true, true, chance.scale(1s, 8s));
      }
      break;
    case Blow::no_tick: {
      hit();
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
      if (can_lead_elsewhere() && hit()) database_elsewhere(chance.scale(500ms, 15s));
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

}  // namespace orrery::sim
