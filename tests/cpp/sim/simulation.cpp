#include "sim/simulation.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/run.h"

namespace orrery::sim {

using namespace std::chrono_literals;

Simulation::Simulation(std::uint64_t seed, unsigned slot)
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
              [this](const Address& to, const std::string& bytes) { datagram(to, bytes); }},
      red_(keys_of("red", false)),
      blue_(keys_of("blue", true)) {}

// What players and the DBA ask for.
std::vector<Simulation::Key> Simulation::keys_of(const std::string& cluster, bool small) {
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
  if (!world_.calm && world_.chance.happens(0.1)) return world_.count("doorbells between agents lost");
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
  choose_blows();
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
    world_.timeline.in(chance.between(1s, 4s), [this, cluster = cluster, kind = kind, key = key] {
      dba(fmt::format("request {} {} {}", cluster, kind, key), "orrery.server_request($2, $3, $4)",
          {kind, key, cluster});
    });
  }
  world_.timeline.in(50ms, [this] { tick(main_, main_ticker_); });
  world_.timeline.in(4s, [this] { fill(); });
  world_.timeline.at(trouble_until, [this] { heal(); });
}

// Trouble begins when there is enough that it can befall: who was late to register has what is asked for last.
void Simulation::fill() {
  const bool is_enough = std::all_of(machines_.begin(), machines_.end(),
                                     [](const Machine& machine) { return machine.most_at_once() >= servers_min; });
  if (is_enough || world_.timeline.now() >= filled_by) {
    blow();
    operate();
    return;
  }
  dba("fill", "orrery.server_request('zone', $2, 'red')", {fmt::format("more-{}", ++fills_)});
  world_.timeline.in(200ms, [this] { fill(); });
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
  outcome.seconds = std::chrono::duration<double>(world_.timeline.now()).count();
  for (const Machine& machine : machines_) outcome.servers.push_back(machine.most_at_once());
  return outcome;
}

Outcome simulate(std::uint64_t seed, unsigned slot, std::size_t keep) { return Simulation(seed, slot).run(keep); }

}  // namespace orrery::sim
