// AgentCore's part that is about servers: commands, their processes, what their shims and they themselves are told.
#include <algorithm>

#include "agents/agent_core.h"
#include "agents/agent_core_words.h"
#include "agents/json_read.h"
#include "agents/text.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

constexpr Duration steer_every = 1s;
constexpr Duration default_grace = 5s;
// For a server whose lease is not known any more; well within the margin after which the database gives its work away.
constexpr Duration leaseless_grace = 1s;
constexpr std::int64_t log_bytes_min = 4096, log_files_most = 100;

std::string name_of(const std::string& kind, const std::string& key, ServerRef ref) {
  return one_line(kind + " " + key) + " (server " + std::to_string(ref.server.value) + ")";
}

Json acknowledged(CommandId command, const std::string& error = {}) {
  Json report{{"command_id", command.value}, {"ok", error.empty()}};
  if (!error.empty()) report["error"] = error;
  return report;
}

// Words and numbers of a spec as a process gets them.
std::string as_word(const Json& value) { return value.is_string() ? value.get<std::string>() : to_text(value); }

Spawn spawn_of(const AgentIdentity& self, ServerRef ref, const std::string& cluster, const Json& spec) {
  Spawn spawn{};
  spawn.ref = ref;
  spawn.cluster = cluster;
  spawn.kind = read_text(spec, "kind");
  spawn.key = read_text(spec, "key");
  spawn.token = read_text(spec, "token");
  spawn.command = read_text(spec, "command");
  spawn.public_bind = self.public_bind;
  spawn.public_advertise = self.public_advertise;
  spawn.private_bind = self.private_bind;
  spawn.private_advertise = self.private_advertise;
  for (const Json& arg : read_array(spec, "args")) spawn.args.push_back(as_word(arg));
  const Json env = read_object(spec, "env");
  for (const auto& [name, value] : env.items()) spawn.env[name] = as_word(value);
  spawn.terms = terms_of(spec);
  spawn.ready_limit = from_ms(read_int(spec, "ready_deadline_ms", 10000));
  spawn.grace = from_ms(read_int(spec, "stop_grace_ms", to_ms(default_grace)));
  spawn.hold = read_text(spec, "on_isolation") == "hold";
  spawn.database = read_text(spec, "role") != "other";
  spawn.limits = read_object(spec, "limits");
  if (const auto bytes = read_optional_int(spec, "log_bytes_max")) {
    spawn.log_bytes_max = static_cast<std::uint64_t>(std::max(*bytes, log_bytes_min));
  }
  if (const auto files = read_optional_int(spec, "log_files")) {
    spawn.log_files = static_cast<unsigned>(std::clamp<std::int64_t>(*files, 1, log_files_most));
  }
  if (const auto limit = read_optional_int(spec, "watchdog_ms"); limit && *limit > 0) spawn.watchdog = from_ms(*limit);
  return spawn;
}

}  // namespace

// Commands. One is reported when it is done; delivered again before that, it changes nothing.

void AgentCore::carry_out(const Json& command) {
  const CommandId id{read_u64(command, "command_id")};
  const std::string verb = read_text(command, "verb");
  const ServerRef ref{ServerId{read_u64(command, "server_id")}, Epoch{read_u64(command, "epoch")}};
  if (is_reported(id)) return;
  if (verb == "start") {
    start(id, read_text(command, "cluster"), ref, read_object(command, "spec"));
  } else if (verb == "stop") {
    stop(id, ref, from_ms(read_int(command, "grace_ms", to_ms(default_grace))));
  } else if (verb == "tell") {
    if (!find(ref)) {
      reports_.push_back({acknowledged(id, "server " + std::to_string(ref.server.value) + " is not running here")});
      return;
    }
    out_.push_back(Tell{ref, Json{{"message", read_object(command, "message")}}, id});
  } else {
    reports_.push_back({acknowledged(id, "this agent knows no verb '" + verb + "'")});
  }
}

bool AgentCore::is_reported(CommandId command) const {
  return std::any_of(reports_.begin(), reports_.end(), [command](const Reports& together) {
    return std::any_of(together.begin(), together.end(),
                       [command](const Json& report) { return read_u64(report, "command_id") == command.value; });
  });
}

void AgentCore::handle(const TellSent& sent) {
  if (!is_reported(sent.command)) reports_.push_back({acknowledged(sent.command)});
}

void AgentCore::start(CommandId command, const std::string& cluster, ServerRef ref, const Json& spec) {
  if (ended_.contains(ref)) return;  // its exit is told, and says all
  if (Server* server = find(ref)) {
    if (server->pid == 0) {
      server->starts.insert(command);
    } else {
      reports_.push_back({acknowledged(command)});
    }
    return;
  }
  if (draining_) {
    const std::string why = "the agent stops";
    return report_exit(ref, {acknowledged(command, why)}, nullptr, nullptr, why, true);
  }
  for (auto old = servers_.lower_bound({ref.server, Epoch{}}); old != servers_.end() && old->first.server == ref.server;
       ++old) {
    if (old->first.epoch > ref.epoch) {
      reports_.push_back({acknowledged(command, "a later start of this server runs here")});
      return;
    }
    // The database has given it up: its exit was found out by other means. Its place is taken at once.
    end(old->second, Duration{}, "a later start of this server takes its place");
  }
  Spawn spawn = spawn_of(self_, ref, cluster, spec);
  if (!spawn.hold) spawn.lease_until = lease_end();
  Server server;
  server.ref = ref;
  server.cluster = cluster;
  server.kind = spawn.kind;
  server.key = spawn.key;
  server.hold = spawn.hold;
  server.ready_limit = spawn.ready_limit;
  server.grace = spawn.grace;
  server.starts.insert(command);
  servers_[ref] = std::move(server);
  out_.push_back(std::move(spawn));
}

void AgentCore::stop(CommandId command, ServerRef ref, Duration grace) {
  if (ended_.contains(ref)) return;  // its exit is told, and says all
  if (Server* server = find(ref)) {
    server->stops.insert(command);
    return end(*server, grace, {});
  }
  report_exit(ref, {acknowledged(command)}, nullptr, nullptr, "not running here", false);
}

void AgentCore::stop_unknown(const Json& unknown) {
  for (const Json& json : unknown) {
    const ServerRef ref{ServerId{read_u64(json, "server_id")}, Epoch{read_u64(json, "epoch")}};
    Server* server = find(ref);
    if (server && server->state != State::stopping) end(*server, server->grace, "not known to the database any more");
  }
}

void AgentCore::end(Server& server, Duration grace, const std::string& why) {
  if (!server.hold && !lease_end()) grace = std::min(grace, leaseless_grace);
  const Instant stop_by = now_ + grace;
  if (server.state == State::stopping && server.stop_by && *server.stop_by <= stop_by) return;
  if (server.state != State::stopping) {
    server.state = State::stopping;
    server.why = why;
    say(Level::info,
        "stopping " + name_of(server.kind, server.key, server.ref) + (server.why.empty() ? "" : ": " + server.why));
  }
  server.stop_by = stop_by;
  steer(server);
}

// What the agent itself does when its time has come, whether the database answers or not.
void AgentCore::watch(Server& server) {
  if (server.state == State::stopping) return;
  const auto cluster = clusters_.find(server.cluster);
  if (cluster != clusters_.end() && cluster->second.stops_at && now_ >= *cluster->second.stops_at) {
    return end(server, server.grace, "cluster " + server.cluster + " is shut down");
  }
  if (server.state == State::starting && server.pid > 0 && now_ >= server.ready_by) {
    end(server, Duration{}, "not READY within " + std::to_string(to_ms(server.ready_limit)) + " ms");
    server.why_is_all = true;
  }
}

void AgentCore::steer(const Server& server) {
  if (server.state == State::stopping && !server.stop_by) return;
  Steer steer{server.ref, std::nullopt, server.stop_by};
  const auto cluster = clusters_.find(server.cluster);
  if (cluster != clusters_.end()) {
    steer.shutdown_at = cluster->second.stops_at;
    steer.keep_shutdown = false;
  }
  if (!server.hold) {
    steer.lease_until = lease_end();
    if (!steer.lease_until) {
      if (!server.stop_by) return;
      steer.lease_until = server.stop_by;
      steer.keep_lease = true;
    }
  }
  out_.push_back(steer);
}

void AgentCore::tell_state(const Server& server) {
  const auto end_at = server.hold ? std::nullopt : lease_end();
  Json state{{"lease_until_ms", end_at ? to_ms(end_at->time_since_epoch()) : 0}};
  if (const auto cluster = clusters_.find(server.cluster); cluster != clusters_.end()) {
    const auto& [word, stops_at, notice_id] = cluster->second;
    state["cluster"] = {{"name", server.cluster},
                        {"state", word},
                        {"stops_in_ms", stops_at ? Json(std::max<std::int64_t>(0, to_ms(*stops_at - now_))) : Json()},
                        {"notice_id", notice_id}};
  }
  out_.push_back(Tell{server.ref, std::move(state)});
}

void AgentCore::steer_if_due() {
  if (servers_.empty()) {
    steer_at_.reset();
    return;
  }
  if (steer_at_ && now_ >= *steer_at_) {
    steer_at_.reset();
    steered_until_ = lease_end().value_or(Instant{});
    for (const auto& [ref, server] : servers_) {
      steer(server);
      tell_state(server);
    }
  }
  if (!steer_at_) steer_at_ = now_ + steer_every;
}

// Processes

void AgentCore::handle(const ServerFound& found) {
  Server server;
  server.ref = found.ref;
  server.cluster = found.cluster;
  server.kind = found.kind;
  server.key = found.key;
  server.state = found.state;
  server.hold = found.hold;
  server.pid = found.pid;
  server.ready_limit = found.ready_limit;
  server.ready_by = now_ + found.ready_limit;
  server.grace = found.grace;
  if (!servers_.emplace(found.ref, std::move(server)).second) return;
  say(Level::info, "found " + name_of(found.kind, found.key, found.ref) + " running, pid " + std::to_string(found.pid));
}

void AgentCore::handle(const ProcessStarted& started) {
  Server* server = find(started.ref);
  if (!server) return;
  if (server->pid == 0) server->ready_by = now_ + server->ready_limit;
  server->pid = started.pid;
  say(Level::info,
      "started " + name_of(server->kind, server->key, started.ref) + ", pid " + std::to_string(started.pid));
  for (const CommandId command : std::exchange(server->starts, {})) reports_.push_back({acknowledged(command)});
  steer(*server);
  tell_state(*server);
}

void AgentCore::handle(const ProcessFailed& failed) {
  const auto found = servers_.extract(failed.ref);
  if (!found) return;
  const Server& server = found.mapped();
  say(Level::error, "cannot start " + name_of(server.kind, server.key, failed.ref) + ": " + one_line(failed.error));
  Reports before;
  for (const CommandId command : server.starts) before.push_back(acknowledged(command, failed.error));
  for (const CommandId command : server.stops) before.push_back(acknowledged(command));
  report_exit(failed.ref, std::move(before), nullptr, nullptr, failed.error, false);
}

void AgentCore::handle(const ProcessReady& ready) {
  Server* server = find(ready.ref);
  if (!server || server->state != State::starting) return;
  server->state = State::ready;
  say(Level::info, name_of(server->kind, server->key, ready.ref) + " is ready");
  reports_.push_back({Json{{"server_id", ready.ref.server.value},
                           {"epoch", ready.ref.epoch.value},
                           {"state", "ready"},
                           {"pid", server->pid}}});
  tell_state(*server);
}

// Reported with the next heartbeat, however often it changes meanwhile.
void AgentCore::handle(const ProcessCounted& counted) {
  if (Server* server = find(counted.ref)) server->counters = counted.counters;
}

void AgentCore::handle(const ProcessExited& exited) {
  if (ended_.contains(exited.ref)) return;
  Server server;  // one that ended before this agent began is not known
  if (auto found = servers_.extract(exited.ref)) server = std::move(found.mapped());
  std::string reason = exited.words;
  if (server.why_is_all) {
    if (!reason.starts_with(server.why)) reason = server.why;  // its shim may know more of why it was not READY
  } else if (!server.why.empty() && !reason.starts_with(server.why)) {  // its shim may know of the deadline too
    reason = server.why + ": " + reason;
  }
  const bool expected = server.state == State::stopping && !server.why_is_all;
  say(expected ? Level::info : Level::warn, (server.kind.empty() ? "server " + std::to_string(exited.ref.server.value)
                                                                 : name_of(server.kind, server.key, exited.ref)) +
                                                " ended: " + one_line(reason));
  Reports before;
  for (const CommandId command : server.starts) before.push_back(acknowledged(command));
  for (const CommandId command : server.stops) before.push_back(acknowledged(command));
  report_exit(exited.ref, std::move(before), exited.exit_code ? Json(*exited.exit_code) : Json(),
              exited.signal ? Json(*exited.signal) : Json(), reason,
              exited.not_its_own || (!server.why.empty() && !server.why_is_all),
              exited.by_lease && server.why.empty());  // what is being ended has its reason before
}

void AgentCore::report_exit(ServerRef ref, Reports before, Json exit_code, Json signal, const std::string& reason,
                            bool by_agent, bool by_lease) {
  ended_[ref] = false;
  before.push_back({{"server_id", ref.server.value},
                    {"epoch", ref.epoch.value},
                    {"state", "exited"},
                    {"exit_code", std::move(exit_code)},
                    {"signal", std::move(signal)},
                    {"reason", reason},
                    {"by_agent", by_agent},
                    {"by_lease", by_lease}});
  reports_.push_back(std::move(before));
}

AgentCore::Server* AgentCore::find(ServerRef ref) {
  const auto found = servers_.find(ref);
  return found != servers_.end() ? &found->second : nullptr;
}

std::size_t AgentCore::count(State state) const {
  return static_cast<std::size_t>(std::count_if(servers_.begin(), servers_.end(),
                                                [state](const auto& entry) { return entry.second.state == state; }));
}

}  // namespace orrery::agents
