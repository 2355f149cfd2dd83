#include "agents/agent_core.h"

#include <sodium.h>

#include <algorithm>

#include "agents/json_read.h"
#include "agents/text.h"
#include "base/bytes.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

constexpr Duration away_say_every = 10s;
constexpr Duration relay_every = 1s;
constexpr Duration register_again_after = 2s;  // the database refused, but may be set right while we run
constexpr Duration report_again_after = 1s;
constexpr Duration quit_report_limit = 2s;
// Past the lease a server has only this long; well within the margin after which the database gives its work to others.
constexpr Duration lease_grace = 1s;
constexpr Duration default_grace = 5s;

std::string seconds_text(Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(d).count()) + " s";
}

Duration ms(std::int64_t value) { return std::chrono::milliseconds{value}; }
std::int64_t to_ms(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }

std::string name_of(const std::string& kind, const std::string& key, ServerRef ref) {
  return one_line(kind + " " + key) + " (server " + std::to_string(ref.server.value) + ")";
}

std::string words_of(const Error& error) {
  return error.message + (error.code.empty() ? "" : " [" + error.code + "]") +
         (error.hint.empty() ? "" : " Hint: " + error.hint);
}

std::string digest_of(const Json& inventory) {
  const std::string text = to_text(inventory);
  std::array<std::uint8_t, 8> short_hash{};
  std::array<std::uint8_t, crypto_generichash_BYTES> hash{};
  const ByteView bytes = as_bytes(text);
  crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), nullptr, 0);
  std::copy_n(hash.begin(), short_hash.size(), short_hash.begin());
  return to_hex(short_hash);
}

bool is_refusal(const Error& error) { return error.code == "OR004" || error.code == "OR001"; }

// The same reports would be refused again and again: malformed, not merely unlucky.
bool is_final(const Error& error) {
  return error.code.starts_with("OR") || error.code.starts_with("22") || error.code.starts_with("23");
}

}  // namespace

Actions AgentCore::on(const Event& event, Instant now) {
  if (quit_) return {};
  now_ = now;
  out_.clear();
  std::visit([this](const auto& e) { handle(e); }, event);
  run_due();
  return std::move(out_);
}

// Database

void AgentCore::handle(const DatabaseConnected&) {
  if (away_) {
    say(Level::info, "the database is back after " + seconds_text(now_ - away_since_));
    away_ = false;
  }
  out_.push_back(Listen{});
  register_at_ = now_;
  link_ = Link::refused;
}

void AgentCore::handle(const DatabaseLost& lost) {
  link_ = Link::away;
  register_at_.reset();
  away_error_ = lost.error.message;
  if (away_) return;
  away_ = true;
  away_since_ = now_;
  away_say_at_ = now_;
}

void AgentCore::handle(const RegisterAnswer& answer) {
  if (link_ != Link::registering) return;  // of a connection that is gone
  if (!answer.answer) {
    const Error& error = answer.answer.error();
    link_ = Link::refused;
    register_at_ = now_ + register_again_after;
    if (error.code == "connection") return;
    return refuse(error);
  }
  const Json& json = *answer.answer;
  agent_ = AgentId{read_u64(json, "agent_id")};
  token_ = read_text(json, "token");
  heartbeat_every_ = std::max<Duration>(ms(read_int(json, "heartbeat_ms", 1000)), 10ms);
  lease_ = ms(read_int(json, "lease_ms", 15000));
  if (!agent_ || token_.empty()) return refuse({"agent_register gave neither agent_id nor token", "json"});
  link_ = Link::registered;
  lease_from_ = register_sent_;
  lease_lapsed_ = false;
  say(Level::info, "registered as " + self_.name + ", agent " + std::to_string(agent_.value));
  ever_registered_ = true;
  want_inventory_ = true;
  heartbeat_under_way_ = false;
  reports_under_way_ = 0;
  report_at_.reset();
  heartbeat_at_ = now_;
}

void AgentCore::refuse(const Error& error) {
  link_ = Link::refused;
  register_at_ = now_ + register_again_after;
  if (error.code != "OR004") {
    return say(Level::error, "cannot register: " + words_of(error) + "; trying again");
  }
  say(Level::error, "name '" + self_.name + "' is held by another agent: " + words_of(error));
  // One that runs servers goes on to ask while its lease lasts: the other may be a mistake that is soon put right.
  if (!ever_registered_ || (lease_lapsed_ && servers_.empty())) quit(status_refused);
}

// Not at once when it was only just done: two agents of one identity would take the name from each other without pause.
void AgentCore::register_anew() {
  link_ = Link::refused;
  register_at_ = std::max(now_, register_sent_ + register_again_after);
}

void AgentCore::handle(const HeartbeatAnswer& answer) {
  if (link_ != Link::registered || !heartbeat_under_way_) return;
  heartbeat_under_way_ = false;
  if (!answer.answer) {
    const Error& error = answer.answer.error();
    want_inventory_ = true;
    if (error.code == "connection") return;
    say(Level::error, "heartbeat refused: " + words_of(error));
    if (is_refusal(error)) register_anew();
    return;
  }
  const Json& json = *answer.answer;
  lease_from_ = heartbeat_sent_;
  lease_lapsed_ = false;
  want_inventory_ = read_bool(json, "want_inventory");
  if (want_inventory_ && !inventory_sent_) heartbeat_again_ = true;
  learn_clusters(read_array(json, "clusters"));
  if (quitting_) return;
  for (const Json& command : read_array(json, "commands")) carry_out(command);
  for (const Json& unknown : read_array(json, "unknown")) {
    const ServerRef ref{ServerId{read_u64(unknown, "server_id")}, Epoch{read_u64(unknown, "epoch")}};
    if (Server* server = find(ref); server && server->state != State::stopping) {
      say(Level::warn, name_of(server->kind, server->key, ref) + " is not known to the database any more");
      end(*server, server->grace, "not known to the database any more");
    }
  }
}

void AgentCore::handle(const ReportAnswer& answer) {
  if (link_ != Link::registered || reports_under_way_ == 0) return;
  const std::size_t sent = std::exchange(reports_under_way_, 0);
  if (!answer.answer) {
    const Error& error = answer.answer.error();
    report_at_ = now_ + report_again_after;
    if (error.code == "connection") return;
    say(Level::error, "report refused: " + words_of(error));
    if (is_refusal(error)) return register_anew();
    if (!is_final(error)) return;
    report_at_.reset();
    report_batch_ = 1;  // find the one that is refused
    if (sent > 1) return;
    say(Level::error, "dropped report " + to_text(reports_.front()));
  } else {
    report_batch_ = report_batch_max;
  }
  for (std::size_t i = 0; i < sent; ++i) {
    const Json& told = reports_.front();
    if (read_text(told, "state") == "exited") {
      exit_untold_.erase({ServerId{read_u64(told, "server_id")}, Epoch{read_u64(told, "epoch")}});
    }
    reports_.pop_front();
  }
}

void AgentCore::handle(const Doorbell& bell) {
  const std::string me = std::to_string(agent_.value);
  std::size_t from = 0;
  while (from <= bell.payload.size()) {
    const std::size_t comma = std::min(bell.payload.find(',', from), bell.payload.size());
    const std::string name = bell.payload.substr(from, comma - from);
    if (name == "*" || name == me) heartbeat_again_ = true;
    from = comma + 1;
  }
}

void AgentCore::learn_clusters(const Json& clusters) {
  std::map<std::string, Cluster> learnt;
  for (const Json& json : clusters) {
    const std::string name = read_text(json, "name");
    Cluster cluster{read_text(json, "state"), std::nullopt, read_member(json, "notice_id")};
    const bool ends = cluster.state == "shutting_down" || cluster.state == "stopping";
    if (const auto left = read_optional_int(json, "stops_in_ms"); ends && left) cluster.stops_at = now_ + ms(*left);
    const auto known = clusters_.find(name);
    const bool changed = known == clusters_.end() || known->second.state != cluster.state ||
                         known->second.notice_id != cluster.notice_id;
    learnt[name] = std::move(cluster);
    if (changed) relay_at_ = now_;
  }
  // Servers of a cluster that the answer does not name may still be in the making: its last word stays.
  for (auto& [name, cluster] : clusters_) {
    const bool in_use = std::any_of(servers_.begin(), servers_.end(),
                                    [&name = name](const auto& entry) { return entry.second.cluster == name; });
    if (in_use) learnt.try_emplace(name, cluster);
  }
  clusters_ = std::move(learnt);
}

// Commands

void AgentCore::carry_out(const Json& command) {
  const CommandId id{read_u64(command, "command_id")};
  const std::string verb = read_text(command, "verb");
  const ServerRef ref{ServerId{read_u64(command, "server_id")}, Epoch{read_u64(command, "epoch")}};
  const bool told_already = std::any_of(reports_.begin(), reports_.end(),
                                        [id](const Json& r) { return read_u64(r, "command_id") == id.value; });
  if (told_already) return;
  if (verb == "start") {
    start(id, read_text(command, "cluster"), ref, read_object(command, "spec"));
  } else if (verb == "stop") {
    stop(id, ref, ms(read_int(command, "grace_ms", to_ms(default_grace))));
  } else if (verb == "tell") {
    const Server* server = find(ref);
    if (!server) return acknowledge(id, "server " + std::to_string(ref.server.value) + " is not running here");
    out_.push_back(Tell{ref, Json{{"message", read_object(command, "message")}}});
    acknowledge(id);
  } else {
    acknowledge(id, "unknown verb '" + verb + "'");
  }
}

void AgentCore::start(CommandId command, const std::string& cluster, ServerRef ref, const Json& spec) {
  if (find(ref)) return acknowledge(command);
  const auto seen = seen_.find(ref.server);
  if (seen != seen_.end() && seen->second >= ref.epoch) {
    // It ran and ended, or is older than what runs: starting it (again) would make two of one epoch.
    acknowledge(command, seen->second == ref.epoch ? "" : "a later start of this server was seen");
    if (!exit_untold_.contains(ref)) report_exit(ref, nullptr, nullptr, "ended before");
    return;
  }
  if (const auto old = servers_.find(ref.server); old != servers_.end()) {
    // The database has given it up: its exit was found out by other means. Its place is taken at once.
    kill(old->second);
    servers_.erase(old);
  }
  seen_[ref.server] = ref.epoch;
  Server server;
  server.ref = ref;
  server.cluster = cluster;
  server.kind = read_text(spec, "kind");
  server.key = read_text(spec, "key");
  server.ready_limit = ms(read_int(spec, "ready_deadline_ms", 10000));
  server.ready_by = now_ + server.ready_limit;
  server.grace = ms(read_int(spec, "stop_grace_ms", to_ms(default_grace)));
  Spawn spawn{ref,
              cluster,
              server.kind,
              server.key,
              read_text(spec, "token"),
              read_text(spec, "command"),
              {},
              {},
              self_.public_bind,
              self_.public_advertise,
              self_.private_bind,
              self_.private_advertise};
  for (const Json& arg : read_array(spec, "args"))
    spawn.args.push_back(arg.is_string() ? arg.get<std::string>() : to_text(arg));
  const Json env = read_object(spec, "env");
  for (const auto& [name, value] : env.items()) {
    spawn.env[name] = value.is_string() ? value.get<std::string>() : to_text(value);
  }
  spawn.public_bind.port = spawn.public_advertise.port = static_cast<std::uint16_t>(read_int(spec, "public_port", 0));
  spawn.private_bind.port = spawn.private_advertise.port =
      static_cast<std::uint16_t>(read_int(spec, "private_port", 0));
  servers_[ref.server] = std::move(server);
  out_.push_back(std::move(spawn));
  pending_start_[ref] = command;
}

void AgentCore::stop(CommandId command, ServerRef ref, Duration grace) {
  acknowledge(command);
  if (Server* server = find(ref)) return end(*server, grace, {});
  if (!exit_untold_.contains(ref)) report_exit(ref, nullptr, nullptr, "not running here");
}

void AgentCore::end(Server& server, Duration grace, std::string why) {
  const Instant kill_at = now_ + grace;
  if (server.state != State::stopping) {
    server.state = State::stopping;
    server.why = std::move(why);
    out_.push_back(Signal{server.ref, false});
    say(Level::info,
        "stopping " + name_of(server.kind, server.key, server.ref) + (server.why.empty() ? "" : ": " + server.why));
  }
  server.kill_at = server.kill_at ? std::min(*server.kill_at, kill_at) : kill_at;
}

void AgentCore::kill(Server& server) {
  server.state = State::stopping;
  server.killed = true;
  out_.push_back(Signal{server.ref, true});
}

void AgentCore::acknowledge(CommandId command, const std::string& error) {
  Json report{{"command_id", command.value}, {"ok", error.empty()}};
  if (!error.empty()) report["error"] = error;
  reports_.push_back(std::move(report));
}

void AgentCore::report_exit(ServerRef ref, Json exit_code, Json signal, const std::string& reason, bool by_agent) {
  exit_untold_.insert(ref);
  reports_.push_back({{"server_id", ref.server.value},
                      {"epoch", ref.epoch.value},
                      {"state", "exited"},
                      {"exit_code", std::move(exit_code)},
                      {"signal", std::move(signal)},
                      {"reason", reason},
                      {"by_agent", by_agent}});
}

// Processes

void AgentCore::handle(const ProcessStarted& started) {
  Server* server = find(started.ref);
  if (!server) return;
  server->pid = started.pid;
  say(Level::info,
      "started " + name_of(server->kind, server->key, started.ref) + ", pid " + std::to_string(started.pid));
  if (const auto waiting = pending_start_.extract(started.ref)) acknowledge(waiting.mapped());
  tell_state(*server);
}

void AgentCore::handle(const ProcessFailed& failed) {
  const auto server = servers_.find(failed.ref.server);
  if (server == servers_.end() || server->second.ref != failed.ref) return;
  say(Level::error,
      "cannot start " + name_of(server->second.kind, server->second.key, failed.ref) + ": " + failed.error);
  servers_.erase(server);
  if (const auto waiting = pending_start_.extract(failed.ref)) acknowledge(waiting.mapped(), failed.error);
  report_exit(failed.ref, nullptr, nullptr, failed.error);
}

void AgentCore::handle(const ProcessReady& ready) {
  Server* server = find(ready.ref);
  if (!server || server->state != State::starting) return;
  server->state = State::ready;
  say(Level::info, name_of(server->kind, server->key, ready.ref) + " is ready");
  reports_.push_back({{"server_id", ready.ref.server.value},
                      {"epoch", ready.ref.epoch.value},
                      {"state", "ready"},
                      {"pid", server->pid}});
  tell_state(*server);
}

void AgentCore::handle(const ProcessExited& exited) {
  const auto found = servers_.find(exited.ref.server);
  if (found == servers_.end() || found->second.ref != exited.ref) return;
  const Server server = std::move(found->second);
  servers_.erase(found);
  std::string reason = exited.words;
  if (!server.why.empty()) reason = server.why_is_all ? server.why : server.why + ": " + exited.words;
  say(server.state == State::stopping && !server.killed ? Level::info : Level::warn,
      name_of(server.kind, server.key, exited.ref) + " ended: " + reason);
  report_exit(exited.ref, exited.exit_code ? Json(*exited.exit_code) : Json(),
              exited.signal ? Json(*exited.signal) : Json(), reason, !server.why.empty() && !server.why_is_all);
}

void AgentCore::handle(const LoadSample& sample) {
  load_ = Json{{"cpu", sample.cpu}, {"memory_used_bytes", sample.memory_used_bytes}};
}

void AgentCore::handle(const StopAsked&) {
  if (quitting_) return;
  quitting_ = true;
  say(Level::info, "stopping, with " + std::to_string(servers_.size()) + " servers");
  reports_.push_back({{"state", "stopping"}});
  for (auto& [id, server] : servers_) end(server, server.grace, "the agent stops");
}

void AgentCore::handle(const Timer&) {}

// What time brings

void AgentCore::run_due() {
  if (away_ && now_ >= away_say_at_) {
    say(Level::warn, (ever_registered_ ? "the database is away" : "waiting for the database") + std::string(": ") +
                         away_error_ + " (" + std::to_string(servers_.size()) + " servers go on)");
    away_say_at_ = now_ + away_say_every;
  }
  if (const auto end_at = lease_end(); end_at && now_ >= *end_at && !lease_lapsed_) {
    lease_lapsed_ = true;
    if (!servers_.empty()) say(Level::error, "the lease has run out: the servers are stopped");
  }
  for (auto& [id, server] : servers_) {
    const auto cluster = clusters_.find(server.cluster);
    if (cluster != clusters_.end() && cluster->second.stops_at && now_ >= *cluster->second.stops_at &&
        server.state != State::stopping) {
      end(server, server.grace, "cluster " + server.cluster + " is shut down");
    }
    if (lease_lapsed_) end(server, lease_grace, "the agent's lease has run out");
    if (server.state == State::starting && now_ >= server.ready_by) {
      server.why = "not READY within " + std::to_string(to_ms(server.ready_limit)) + " ms";
      server.why_is_all = true;
      kill(server);
    }
    if (server.kill_at && now_ >= *server.kill_at && !server.killed) kill(server);
  }
  if (relay_at_ && now_ >= *relay_at_) {
    for (const auto& [id, server] : servers_) tell_state(server);
    relay_at_.reset();
  }
  if (servers_.empty()) {
    relay_at_.reset();
  } else if (!relay_at_) {
    relay_at_ = now_ + relay_every;
  }
  if (link_ == Link::refused && register_at_ && now_ >= *register_at_) {
    link_ = Link::registering;
    register_at_.reset();
    register_sent_ = now_;
    out_.push_back(Register{});
  }
  report_if_any();
  heartbeat_if_due();
  if (quitting_ && servers_.empty()) {
    if (!quit_by_) quit_by_ = now_ + quit_report_limit;
    if (reports_.empty() || now_ >= *quit_by_) quit(0);
  }
}

void AgentCore::report_if_any() {
  if (link_ != Link::registered || reports_.empty() || reports_under_way_ > 0) return;
  if (report_at_ && now_ < *report_at_) return;
  reports_under_way_ = std::min(reports_.size(), report_batch_);
  Json batch = Json::array();
  for (std::size_t i = 0; i < reports_under_way_; ++i) batch.push_back(reports_[i]);
  out_.push_back(Report{agent_, token_, std::move(batch)});
}

void AgentCore::heartbeat_if_due() {
  if (link_ != Link::registered || heartbeat_under_way_) return;
  if (!heartbeat_again_ && now_ < heartbeat_at_) return;
  heartbeat_again_ = false;
  heartbeat_under_way_ = true;
  heartbeat_sent_ = now_;
  heartbeat_at_ = now_ + heartbeat_every_;
  const Json running = inventory();
  inventory_sent_ = want_inventory_;
  out_.push_back(Heartbeat{agent_, token_, load_, digest_of(running), want_inventory_ ? running : Json()});
}

// An exit that the database has not acknowledged still counts as stopping, so that it learns the reason from the
// report.
Json AgentCore::inventory() const {
  std::map<ServerRef, const char*> states;
  for (const ServerRef& ref : exit_untold_) states[ref] = "stopping";
  for (const auto& [id, server] : servers_) {
    states[server.ref] = server.state == State::starting ? "starting"
                         : server.state == State::ready  ? "ready"
                                                         : "stopping";
  }
  Json list = Json::array();
  for (const auto& [ref, state] : states) {
    list.push_back({{"server_id", ref.server.value}, {"epoch", ref.epoch.value}, {"state", state}});
  }
  return list;
}

void AgentCore::tell_state(const Server& server) {
  const auto end_at = lease_end();
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

void AgentCore::quit(int status) {
  quit_ = true;
  out_.push_back(Quit{status});
}

AgentCore::Server* AgentCore::find(ServerRef ref) {
  const auto found = servers_.find(ref.server);
  return found != servers_.end() && found->second.ref == ref ? &found->second : nullptr;
}

std::optional<Instant> AgentCore::lease_end() const {
  if (!lease_from_) return std::nullopt;
  return *lease_from_ + lease_;
}

std::optional<Instant> AgentCore::next_deadline() const {
  if (quit_) return std::nullopt;
  std::optional<Instant> at;
  const auto by = [&at](std::optional<Instant> t) {
    if (t) at = at ? std::min(*at, *t) : *t;
  };
  if (away_) by(away_say_at_);
  if (!lease_lapsed_) by(lease_end());
  by(relay_at_);
  by(quit_by_);
  if (link_ == Link::refused) by(register_at_);
  if (link_ == Link::registered) {
    if (!heartbeat_under_way_) by(heartbeat_at_);
    if (!reports_.empty() && reports_under_way_ == 0) by(report_at_);
  }
  for (const auto& [id, server] : servers_) {
    if (server.state == State::starting) by(server.ready_by);
    if (!server.killed) by(server.kill_at);
    const auto cluster = clusters_.find(server.cluster);
    if (cluster != clusters_.end() && server.state != State::stopping) by(cluster->second.stops_at);
  }
  return at;
}

}  // namespace orrery::agents
