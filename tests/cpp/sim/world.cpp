#include "sim/world.h"

#include <fmt/format.h>

#include <algorithm>

namespace orrery::sim {
namespace {

using namespace std::chrono_literals;
using State = agents::ServerFound::State;

constexpr Duration shim_repeats_every = 1s;

// How a server behaves, by its kind: each stands for one way to be difficult.
struct Behaviour {
  Duration ready_after{}, exits_after{}, term_takes{};
  bool ready = true, exits = false, deaf = false;
  int exit_code = 0;
};

Behaviour behaviour_of(const std::string& kind, Chance& chance, bool calm) {
  Behaviour b;
  b.ready_after = chance.between(20ms, 400ms);
  b.term_takes = chance.between(5ms, 600ms);
  if (kind == "crash") {
    b.ready = false, b.exits = true, b.exit_code = 1;
    b.exits_after = chance.between(1ms, 80ms);
  } else if (kind == "flaky" && !calm) {
    b.exits = chance.happens(0.6);
    b.exits_after = chance.scale(5ms, 15s);
    b.exit_code = static_cast<int>(chance.below(3));
  } else if (kind == "slow") {
    b.ready = calm || chance.happens(0.5);
    b.ready_after = chance.between(500ms, 3500ms);
  } else if (kind == "deaf") {
    b.deaf = true;
  }
  return b;
}

// Of UDP: all that the kinds have.
std::vector<unsigned> ports_of(const agents::Spawn& plan) {
  std::vector<unsigned> ports;
  for (const agents::ServerPort& port : plan.terms->ports) {
    for (unsigned i = 0; i < port.count; ++i) ports.push_back(port.first + i);
  }
  return ports;
}

}  // namespace

std::string words(ServerRef ref) {
  return fmt::format("server {} epoch {}.{}", ref.server.value, ref.epoch.value >> 32, ref.epoch.value & 0xffffffffu);
}

Machine::Machine(World& world, std::size_t number)
    : world_(world), number_(number), name_("a" + std::to_string(number + 1)) {}

// Power

void Machine::power_on() {
  on_ = true;
  boot_id_ = fmt::format("{}-boot-{}", name_, ++boots_);
  boot_ = Clock{world_.timeline.now(), world_.chance.between(5s, 60s),
                static_cast<std::int64_t>(world_.chance.below(20'001)) - 10'000};
  world_.trace.add(fmt::format("{} boots ({} ppm)", name_, boot_.ppm));
}

void Machine::power_off() {
  agent_gone();
  for (auto& [key, run] : runs_) {
    if (!run.shim) continue;
    run.shim = false;
    if (!run.started) continue;
    Process& process = world_.processes[run.process];
    process.until = world_.timeline.now();
    world_.alive.erase(run.process);
    world_.ended(process);
  }
  on_ = false;
  granted.reset();
  world_.trace.add(name_ + " is off");
}

// The agent's side

std::vector<agents::Event> Machine::adopt(std::function<void(const agents::Event&)> agent) {
  agent_ = std::move(agent);
  ++agents_;
  std::vector<agents::Event> found;
  for (auto& [key, run] : runs_) {
    if (!run.shim) continue;
    const agents::Spawn& plan = run.plan;
    found.emplace_back(agents::ServerFound{plan.ref, plan.cluster, plan.kind, plan.key, run.state, run.pid,
                                           plan.ready_limit, plan.grace, plan.hold});
  }
  for (auto& [key, run] : runs_) {
    if (run.shim) continue;
    if (!run.ended) {
      run.ended = run.not_its_own = true;
      run.words = run.boot_id != boot_id_ ? "the machine was rebooted"
                  : run.started           ? "its shim was killed"
                                          : "its start was not finished";
    }
    found.emplace_back(
        agents::ProcessExited{run.plan.ref, run.exit_code, run.signal, run.words, run.not_its_own, run.by_lease});
  }
  return found;
}

void Machine::agent_gone() {
  agent_ = nullptr;
  ++agents_;
}

// Events reach the agent a little later; when one is lost, the shim's next datagram says the same.
void Machine::tell(const agents::Event& event) {
  if (!agent_) return;
  Duration wait = world_.chance.between(100us, 8ms);
  if (!world_.calm && world_.chance.happens(0.05)) wait += shim_repeats_every;
  world_.timeline.in(wait, [this, event, agent = agents_] {
    if (agent == agents_ && agent_) agent_(event);
  });
}

void Machine::spawn(const agents::Spawn& spawn) {
  const auto [found, is_new] = runs_.try_emplace(key_of(spawn.ref));
  Run& run = found->second;
  if (!is_new) {
    world_.count("starts of what was started");
    if (run.plan.ref != spawn.ref) {
      tell(agents::ProcessFailed{spawn.ref, "its run directory is another's"});
    } else if (run.shim && run.started) {
      tell(agents::ProcessStarted{spawn.ref, run.pid});
    } else if (!run.shim && run.ended) {
      tell(agents::ProcessExited{spawn.ref, run.exit_code, run.signal, run.words, run.not_its_own, run.by_lease});
    }
    return;
  }
  run.plan = spawn;
  run.boot_id = boot_id_;
  run.lease_until = spawn.lease_until;
  // The agent may die between making the directory and the fork.
  world_.timeline.in(world_.chance.between(1ms, 5ms), [this, ref = spawn.ref, agent = agents_] {
    Run* made = find(ref);
    if (agent != agents_ || !made) return;
    if (made->plan.kind == "missing") {
      made->ended = true;
      made->words = "ENOENT: no such executable";
      return tell(agents::ProcessFailed{ref, made->words});
    }
    if (!made->plan.terms) {
      throw Broken{fmt::format("{} is to start on other terms than there are: {}", words(ref),
                               made->plan.terms.error().message)};
    }
    made->shim = true;
    watch_lease(ref);
    world_.timeline.in(world_.chance.between(1ms, 15ms), [this, ref, boots = boots_] {
      if (boots == boots_) start(ref);
    });
  });
}

void Machine::steer(const agents::Steer& steer) {
  if (!world_.calm && world_.chance.happens(0.02)) return;  // a datagram lost; it is given again each second
  world_.timeline.in(world_.chance.between(100us, 5ms), [this, steer, boots = boots_] {
    Run* run = find(steer.ref);
    if (boots != boots_ || !run || !run->shim) return;
    if (!steer.keep_lease) {
      const bool earlier = steer.lease_until && run->lease_until && *steer.lease_until < *run->lease_until;
      run->lease_until = steer.lease_until;
      if (earlier) watch_lease(steer.ref);
    }
    if (!steer.keep_shutdown && run->shutdown_at != steer.shutdown_at) {
      run->shutdown_at = steer.shutdown_at;
      watch_shutdown(steer.ref);
    }
    if (steer.stop_by) run->stop_by = steer.stop_by;
    if (run->stop_by) watch_stop(steer.ref);
  });
}

void Machine::forget(ServerRef ref) {
  const Run* run = find(ref);
  if (run && !run->shim && run->ended) runs_.erase(key_of(ref));
}

bool Machine::is_gone(ServerRef ref) {
  const Run* run = find(ref);
  return !run || (!run->shim && run->ended);
}

// The shim's side

Machine::Run* Machine::find(ServerRef ref) {
  const auto found = runs_.find(key_of(ref));
  return found != runs_.end() && found->second.plan.ref == ref ? &found->second : nullptr;
}

Machine::Run* Machine::running(ServerRef ref, std::size_t process) {
  Run* run = find(ref);
  return run && run->shim && run->started && run->process == process ? run : nullptr;
}

void Machine::start(ServerRef ref) {
  Run* run = find(ref);
  if (!run || !run->shim || run->started) return;
  if (run->lease_until && now() >= *run->lease_until) {
    run->by_lease = true;
    return end(*run, std::nullopt, std::nullopt, "its lease had run out before it was started", true);
  }
  run->started = true;
  begun_.insert(ref);
  run->process = world_.processes.size();
  run->pid = ++pids_;
  const agents::Spawn& plan = run->plan;
  world_.processes.push_back({ref, number_, plan.cluster, plan.kind, plan.key, plan.hold, ports_of(plan),
                              world_.timeline.now(), std::nullopt});
  world_.alive.insert(run->process);
  most_at_once_ =
      std::max(most_at_once_,
               static_cast<std::size_t>(std::count_if(world_.alive.begin(), world_.alive.end(), [this](std::size_t id) {
                 return world_.processes[id].machine == number_;
               })));
  world_.count("processes");
  world_.trace.add(fmt::format("{} runs {} {} {} ({})", name_, plan.cluster, plan.kind, plan.key, words(ref)));
  world_.began(world_.processes[run->process]);
  tell(agents::ProcessStarted{ref, run->pid});
  behave(ref, run->process);
}

void Machine::behave(ServerRef ref, std::size_t process) {
  const Behaviour how = behaviour_of(find(ref)->plan.kind, world_.chance, world_.calm);
  if (how.exits) {
    world_.timeline.in(how.exits_after, [this, ref, process, how] {
      if (Run* run = running(ref, process)) {
        end(*run, how.exit_code, std::nullopt, "exit status " + std::to_string(how.exit_code), false);
      }
    });
  }
  if (how.ready) {
    world_.timeline.in(how.ready_after, [this, ref, process] {
      Run* run = running(ref, process);
      if (!run || run->state != State::starting) return;
      run->state = State::ready;
      tell(agents::ProcessReady{ref});
    });
  }
}

void Machine::watch_lease(ServerRef ref) {
  const Run* watched = find(ref);
  if (!watched || !watched->shim || !watched->lease_until) return;
  world_.timeline.at(when(*watched->lease_until) + world_.chance.between(0ms, 10ms), [this, ref, boots = boots_] {
    Run* run = find(ref);
    if (boots != boots_ || !run || !run->shim || !run->lease_until) return;
    if (now() < *run->lease_until) return watch_lease(ref);
    if (run->plan.hold) throw Broken{fmt::format("{}, which holds on isolation, ended by its lease", words(ref))};
    world_.count("ended by their lease");
    run->by_lease = !run->by_shutdown;
    end(*run, std::nullopt, 9, "killed by signal 9 (Killed): its lease has run out", true);
  });
}

void Machine::watch_stop(ServerRef ref) {
  Run* run = find(ref);
  if (!run->asked && run->started) {
    run->asked = true;
    run->state = State::stopping;
    const Behaviour how = behaviour_of(run->plan.kind, world_.chance, world_.calm);
    if (!how.deaf) {
      world_.timeline.in(how.term_takes, [this, ref, process = run->process] {
        if (Run* asked = running(ref, process)) end(*asked, 0, std::nullopt, "exit status 0", false);
      });
    }
  }
  world_.timeline.at(when(*run->stop_by), [this, ref, boots = boots_] {
    Run* late = find(ref);
    if (boots != boots_ || !late || !late->shim || !late->stop_by || now() < *late->stop_by) return;
    world_.count("killed for not stopping");
    end(*late, std::nullopt, 9, "killed by signal 9 (Killed)", false);
  });
}

// Its cluster's deadline, should no agent be there to say stop.
void Machine::watch_shutdown(ServerRef ref) {
  const Run* watched = find(ref);
  if (!watched->shutdown_at) return;
  world_.timeline.at(when(*watched->shutdown_at) + world_.chance.between(0ms, 10ms), [this, ref, boots = boots_] {
    Run* run = find(ref);
    if (boots != boots_ || !run || !run->shim || run->stop_by || !run->shutdown_at || now() < *run->shutdown_at) return;
    world_.count("stopped by their shim at the cluster's deadline");
    run->by_shutdown = true;
    run->stop_by = now() + run->plan.grace;
    watch_stop(ref);
  });
}

void Machine::end(Run& run, std::optional<int> exit_code, std::optional<int> signal, const std::string& why,
                  bool not_its_own) {
  run.shim = false;
  run.ended = true;
  run.exit_code = exit_code;
  run.signal = signal;
  run.words = run.by_shutdown ? "cluster " + run.plan.cluster + " is shut down: " + why : why;
  run.not_its_own = not_its_own || run.by_shutdown;
  if (run.started) {
    Process& process = world_.processes[run.process];
    process.until = world_.timeline.now();
    world_.alive.erase(run.process);
    world_.trace.add(fmt::format("{} {} ended: {}", name_, words(run.plan.ref), run.words));
    world_.ended(process);
  }
  tell(agents::ProcessExited{run.plan.ref, exit_code, signal, run.words, run.not_its_own, run.by_lease});
}

// Blows

bool Machine::kill_process(std::size_t n) {
  std::vector<Run*> live;
  for (auto& [key, run] : runs_) {
    if (run.shim && run.started) live.push_back(&run);
  }
  if (live.empty()) return false;
  end(*live[n % live.size()], std::nullopt, 9, "killed by signal 9 (Killed)", false);
  return true;
}

bool Machine::kill_shim(std::size_t n) {
  std::vector<Run*> live;
  for (auto& [key, run] : runs_) {
    if (run.shim) live.push_back(&run);
  }
  if (live.empty()) return false;
  end(*live[n % live.size()], std::nullopt, std::nullopt, "its shim was killed", true);
  return true;
}

}  // namespace orrery::sim
