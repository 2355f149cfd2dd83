#include "sim/checker.h"

#include <fmt/format.h>

#include <algorithm>

namespace orrery::sim {
namespace {

using namespace std::chrono_literals;

// A shim acts a little after its deadline has come.
constexpr Duration shim_late_max = 100ms;

std::uint64_t number(const std::string& text) { return text.empty() ? 0 : std::stoull(text); }

[[noreturn]] void broken(const std::string& what) { throw Broken{what}; }

std::string words(const Process& p) {
  return fmt::format("the process of {} {} {} ({}) on a{}", p.cluster, p.kind, p.key, sim::words(p.ref), p.machine + 1);
}

}  // namespace

Checker::Checker(World& world, std::vector<Machine>& machines) : world_(world), machines_(machines) {
  world_.began = [this](const Process& process) { began(process); };
  world_.ended = [this](const Process& process) { ended(process); };
}

void Checker::watch(Database& database, bool set_back) {
  database_ = &database;
  edges_.clear();
  for (const auto& row : database.rows("select machine, from_state, to_state from orrery.transition")) {
    edges_.emplace(row[0], row[1], row[2]);
  }
  if (!set_back) return;
  states_.clear();
  last_event_ = 0;
  server_epoch_.clear();
  placement_epoch_.clear();
  read_events();
  read_servers();
  // Who owned a key when the backup was made owns it again, whoever did since. What was given since is compared no
  // more: another heir of the backup may have the same incarnation, and agents that obeyed that one do not obey this
  // one.
  owner_epoch_.clear();
  backup_incarnation_ = number(database.rows("select coalesce(max(incarnation), 0) from orrery.incarnation")[0][0]);
  for (auto& [id, highest] : started_epoch_) {
    const auto above = started_.lower_bound({ServerId{id}, Epoch{(*backup_incarnation_ + 1) << 32}});
    const bool is_any = above != started_.begin() && std::prev(above)->server.value == id;
    highest = is_any ? std::prev(above)->epoch.value : 0;
  }
  for (const auto& [id, server] : servers_) {
    if (server.is_live()) restored_.insert({ServerId{id}, Epoch{server.epoch}});
  }
  for (const std::size_t id : world_.alive) {
    const ServerRef ref = world_.processes[id].ref;
    const auto found = servers_.find(ref.server.value);
    if (found == servers_.end() || found->second.epoch != ref.epoch.value || !found->second.is_live())
      disowned_.insert(ref);
  }
}

// Processes

void Checker::began(const Process& p) {
  if (!started_.insert(p.ref).second) broken(words(p) + " is the second of this epoch");
  std::uint64_t& before = started_epoch_[p.ref.server.value];
  if (p.ref.epoch.value <= before) {
    broken(fmt::format("{} is of an older epoch than one that began before ({})", words(p), before & 0xffffffffu));
  }
  before = p.ref.epoch.value;
  for (const std::size_t id : world_.alive) {
    const Process& other = world_.processes[id];
    if (other.ref == p.ref || other.machine != p.machine || disowned_.contains(other.ref)) continue;
    for (const unsigned port : p.ports) {
      if (std::find(other.ports.begin(), other.ports.end(), port) != other.ports.end()) {
        broken(fmt::format("{} has port {} of {}", words(p), port, words(other)));
      }
    }
  }
  check_lease(p);
  compare_processes();
}

void Checker::ended(const Process& p) { check_lease(p); }

// By the database's own answers, and the machine's own clock: design.md 5, Leases.
void Checker::check_lease(const Process& p) {
  if (p.hold) return;
  const Machine& machine = machines_[p.machine];
  if (!machine.granted || machine.now() > *machine.granted + shim_late_max) {
    broken(fmt::format("{} lives past its lease", words(p)));
  }
}

// What the database believes gone is gone: otherwise its key and its ports may have been given to others already.
void Checker::compare_processes() {
  std::map<Key, const Process*> owners;
  for (const std::size_t id : world_.alive) {
    const Process& p = world_.processes[id];
    check_lease(p);
    if (disowned_.contains(p.ref)) continue;
    const auto found = servers_.find(p.ref.server.value);
    const bool is_known =
        found != servers_.end() && found->second.epoch == p.ref.epoch.value && found->second.is_live();
    if (!is_known) {
      broken(fmt::format("{} lives, but the database believes it gone: it has {}", words(p),
                         found == servers_.end()
                             ? "no such server"
                             : fmt::format("epoch {} {}, {}: {}", found->second.epoch & 0xffffffffu,
                                           found->second.state, found->second.rule, found->second.reason)));
    }
    if (!machine_of_.contains(found->second.agent)) read_agents();
    if (const auto machine = machine_of_.find(found->second.agent);
        machine == machine_of_.end() || machine->second != p.machine) {
      broken(fmt::format("{} is placed on agent {}", words(p), found->second.agent));
    }
    if (found->second.state == "stopping") continue;
    const Process*& owner = owners[{p.cluster, p.kind, p.key}];
    if (owner) broken(fmt::format("{} and {} own one key", words(*owner), words(p)));
    owner = &p;
    std::uint64_t& epoch = owner_epoch_[{p.cluster, p.kind, p.key}];
    if (p.ref.epoch.value < epoch)
      broken(fmt::format("{} owns its key under an older epoch than one before", words(p)));
    epoch = p.ref.epoch.value;
    if (backup_incarnation_ && p.ref.epoch.value >> 32 <= *backup_incarnation_ && !restored_.contains(p.ref))
      broken(fmt::format("{} has an epoch that may have been given after the backup was made", words(p)));
  }
}

// The database

void Checker::read_agents() {
  for (const auto& row : database_->rows("select agent_id, name from orrery.agent")) {
    for (const Machine& machine : machines_) {
      if (machine.name() == row[1]) machine_of_[number(row[0])] = machine.number();
    }
  }
}

void Checker::after_statement() {
  read_events();
  read_servers();
  compare_processes();
}

void Checker::read_events() {
  const Rows& rows = database_->rows(
      "select event_id, noun, noun_id, from_state, to_state, rule, reason from orrery.event "
      "where event_id > $1::bigint and (to_state is not null or rule = 'tick_failed') order by event_id",
      {std::to_string(last_event_)});
  for (const auto& row : rows) {
    last_event_ = number(row[0]);
    const std::string &noun = row[1], &id = row[2], &from = row[3], &to = row[4];
    if (row[5] == "tick_failed") broken(fmt::format("tick step {} failed: {}", id, row[6]));
    world_.trace.add(fmt::format("  {} {}: {} -> {} ({}: {})", noun, id, from, to, row[5], row[6]));
    world_.count(noun + " " + to);
    ++edges_seen_;
    if (!edges_.contains({noun, from, to}))
      broken(fmt::format("{} {} went from {} to {}, which is no edge", noun, id, from, to));
    std::string& state = states_[{noun, id}];
    if (!state.empty() && state != from) broken(fmt::format("{} {} went from {} but was {}", noun, id, from, state));
    if (state.empty() && from != "none")
      broken(fmt::format("{} {} went from {}, but no event made it", noun, id, from));
    state = to;
  }
}

void Checker::read_servers() {
  const Rows& rows =
      database_->rows("select server_id, cluster, kind, key, state, agent_id, epoch, rule, reason from orrery.server");
  servers_.clear();
  for (const auto& row : rows) {
    const Server server{row[1], row[2], row[3], row[4], number(row[5]), number(row[6]), row[7], row[8]};
    std::uint64_t& epoch = server_epoch_[number(row[0])];
    if (server.epoch < epoch)
      broken(fmt::format("server {} went back from epoch {} to {}", row[0], epoch, server.epoch));
    epoch = server.epoch;
    servers_.emplace(number(row[0]), server);
  }
}

void Checker::read_placements() {
  std::set<std::uint64_t> owners;
  for (const auto& row : database_->rows("select cluster, kind, key, server_id, epoch from orrery.placement")) {
    std::uint64_t& epoch = placement_epoch_[{row[0], row[1], row[2]}];
    if (number(row[4]) < epoch)
      broken(fmt::format("placement {} {} {} went back to epoch {}", row[0], row[1], row[2], row[4]));
    epoch = number(row[4]);
    if (row[3].empty()) continue;
    const auto server = servers_.find(number(row[3]));
    if (server == servers_.end() || server->second.state == "stopped" || server->second.state == "stopping") {
      broken(fmt::format("placement {} {} {} names server {}, which is no owner", row[0], row[1], row[2], row[3]));
    }
    if (server->second.epoch != epoch) broken(fmt::format("placement and server {} differ in epoch", row[3]));
    if (std::tie(row[0], row[1], row[2]) != std::tie(server->second.cluster, server->second.kind, server->second.key)) {
      broken(fmt::format("placement {} {} {} names server {} of another key", row[0], row[1], row[2], row[3]));
    }
    if (!owners.insert(number(row[3])).second) broken(fmt::format("server {} owns two keys", row[3]));
  }
  for (const auto& [id, server] : servers_) {
    if (server.state == "stopped" || server.state == "stopping" || owners.contains(id)) continue;
    broken(fmt::format("server {} ({} {} {}) is {} but owns no key", id, server.cluster, server.kind, server.key,
                       server.state));
  }
}

void Checker::read_ports() {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> holders;  // agent, port → server
  std::map<std::uint64_t, int> held;
  for (const auto& row : database_->rows(
           "select agent_id, port, server_id from orrery.port where protocol = 'udp' and server_id is not null")) {
    const std::uint64_t server = number(row[2]);
    if (!holders.emplace(std::pair(number(row[0]), number(row[1])), server).second) {
      broken(fmt::format("port {} of agent {} is held twice", row[1], row[0]));
    }
    const auto found = servers_.find(server);
    if (found == servers_.end() || !found->second.is_live() || found->second.agent != number(row[0])) {
      broken(fmt::format("port {} of agent {} is held by server {}, which is not there", row[1], row[0], row[2]));
    }
    ++held[server];
  }
  for (const auto& [id, server] : servers_) {
    if (server.is_live() && held[id] != 2)
      broken(fmt::format("server {} is {} with {} ports", id, server.state, held[id]));
  }
  for (const std::size_t id : world_.alive) {
    const Process& p = world_.processes[id];
    if (disowned_.contains(p.ref)) continue;
    const std::uint64_t agent = servers_[p.ref.server.value].agent;
    for (const unsigned port : p.ports) {
      const auto holder = holders.find({agent, port});
      if (holder == holders.end() || holder->second != p.ref.server.value) {
        broken(fmt::format("{} uses port {}, which it does not hold", words(p), port));
      }
    }
  }
}

void Checker::sometimes() {
  read_servers();
  compare_processes();
  read_placements();
  read_ports();
  const auto compare = [this](const std::string& noun, const std::string& query) {
    for (const auto& row : database_->rows(query)) {
      const auto state = states_.find({noun, row[0]});
      if (state == states_.end() || state->second != row[1]) {
        broken(fmt::format("{} {} is {}, but its last event says {}", noun, row[0], row[1],
                           state == states_.end() ? "nothing" : state->second));
      }
    }
  };
  compare("cluster", "select cluster, state from orrery.cluster");
  compare("agent", "select agent_id, state from orrery.agent");
  compare("server", "select server_id, state from orrery.server");
  compare("command",
          "select command_id, state from orrery.command where command_id > (select max(command_id) - 500 from "
          "orrery.command)");
  compare("session", "select session_id, state from orrery.session");
}

// The end

std::string Checker::not_converged(const std::set<std::tuple<std::string, std::string, std::string>>& wanted,
                                   const std::set<std::string>& down) {
  const Rows open = database_->rows(
      "select c.command_id, c.verb, c.server_id, c.state from orrery.command c where c.state in ('pending', 'claimed') "
      "order by 1 limit 1");
  if (!open.empty())
    return fmt::format("command {} ({} of server {}) is {}", open[0][0], open[0][1], open[0][2], open[0][3]);
  std::set<ServerRef> expected;
  std::map<Key, const Server*> owners;
  for (const auto& [id, server] : servers_) {
    if (server.state == "starting" || server.state == "stopping" || server.state == "requested") {
      return fmt::format("server {} ({} {} {}) is {}: {}", id, server.cluster, server.kind, server.key, server.state,
                         server.reason);
    }
    if (down.contains(server.cluster) && server.state != "stopped") {
      return fmt::format("server {} of cluster {}, which is down, is {}", id, server.cluster, server.state);
    }
    if (server.state == "ready") expected.insert({ServerId{id}, Epoch{server.epoch}});
    if (server.state == "ready" || server.state == "failed")
      owners[{server.cluster, server.kind, server.key}] = &server;
    if (server.state == "ready" && server.kind == "idle") return fmt::format("server {} is idle and not stopped", id);
  }
  for (const std::size_t id : world_.alive) {
    if (expected.erase(world_.processes[id].ref) == 0) return words(world_.processes[id]) + " is not known";
  }
  if (!expected.empty()) return fmt::format("{} is ready and does not run", sim::words(*expected.begin()));
  for (const auto& key : wanted) {
    const auto& [cluster, kind, name] = key;
    const auto owner = owners.find(key);
    if (owner == owners.end()) return fmt::format("{} {} {} is wanted and nowhere", cluster, kind, name);
    const bool must_fail = kind == "crash" || kind == "missing";
    if ((owner->second->state == "failed") != must_fail) {
      return fmt::format("{} {} {} is {}: {}", cluster, kind, name, owner->second->state, owner->second->reason);
    }
  }
  for (const auto& row : database_->rows("select cluster, state from orrery.cluster order by 1")) {
    const char* expected_state = down.contains(row[0]) ? "stopped" : "running";
    if (row[1] != expected_state) return fmt::format("cluster {} is {}", row[0], row[1]);
  }
  const Rows left = database_->rows(
      "select 'port ' || p.port || ' of ' || p.cluster from orrery.port p join orrery.cluster c on c.cluster = "
      "p.cluster where c.state = 'stopped' and p.server_id is not null "
      "union all select 'session ' || s.session_id from orrery.session s join orrery.cluster c on c.cluster = "
      "s.cluster "
      "where c.state = 'stopped' and s.state <> 'ended' limit 1");
  if (!left.empty()) return left[0][0] + " is left";
  for (const auto& row : database_->rows("select name, state from orrery.agent where state <> 'up'")) {
    return fmt::format("agent {} is {}", row[0], row[1]);
  }
  return {};
}

}  // namespace orrery::sim
