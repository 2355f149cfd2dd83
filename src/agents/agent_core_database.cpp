// AgentCore's part that is about the database: registration, heartbeats, doorbells, reports.
#include <sodium.h>

#include <algorithm>
#include <utility>

#include "agents/agent_core.h"
#include "agents/agent_core_words.h"
#include "agents/database_pin.h"
#include "agents/json_read.h"
#include "agents/text.h"
#include "base/bytes.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

constexpr Duration register_again_after = 2s;  // the database refused, but may be set right while we run
constexpr Duration report_again_after = 1s;
constexpr Duration heartbeat_again_after = 1s;  // after a refusal
constexpr Duration bell_every = 100ms;          // ten a second from other agents
// So long after a registration one that was sent before it, over a connection that is gone, may still be carried out
// (TCP tries again for so long); it then takes the token away although no other process runs.
constexpr Duration own_register_late_max = 30s;

std::string digest_of(const Json& inventory) {
  const std::string text = to_text(inventory);
  std::array<std::uint8_t, 8> short_hash{};
  std::array<std::uint8_t, crypto_generichash_BYTES> hash{};
  const ByteView bytes = as_bytes(text);
  crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), nullptr, 0);
  std::copy_n(hash.begin(), short_hash.size(), short_hash.begin());
  return to_hex(short_hash);
}

// The same reports would be refused again and again: malformed, not merely unlucky.
bool is_final(const Error& error) {
  return error.code.starts_with("OR") || error.code.starts_with("22") || error.code.starts_with("23");
}

// Calls `each` with the agents a doorbell's payload names; 0 stands for all.
template <class Each>
void each_named(const std::string& payload, Each each) {
  for (std::size_t from = 0; from <= payload.size();) {
    const std::size_t comma = std::min(payload.find(',', from), payload.size());
    const std::string name = payload.substr(from, comma - from);
    from = comma + 1;
    if (name == "*") {
      each(AgentId{});
    } else if (!name.empty() && name.size() < 20 && name.find_first_not_of("0123456789") == std::string::npos) {
      if (const AgentId agent{std::stoull(name)}) each(agent);
    }
  }
}

std::string bell_of(AgentId agent) { return "orrery-bell " + std::to_string(agent.value); }

}  // namespace

// Registration

void AgentCore::handle(const DatabaseConnected&) {
  if (away_) {
    say(Level::info, "the database is back after " + seconds_text(now_ - away_since_));
    away_ = false;
  }
  if (link_ == Link::superseded) return;
  link_ = Link::waiting;
  register_at_ = now_;
  listening_ = false;
  listen(true);
}

void AgentCore::handle(const DatabaseLost& lost) {
  away_error_ = one_line(lost.error.message);
  heartbeat_under_way_ = false;
  reports_under_way_ = 0;
  listening_ = false;
  if (link_ == Link::superseded) return;
  link_ = Link::away;
  register_at_.reset();
  if (away_) return;
  away_ = true;
  away_since_ = away_say_at_ = now_;
}

void AgentCore::listen(bool wanted) {
  if (wanted == listening_) return;
  listening_ = wanted;
  if (!wanted) {
    out_.push_back(Unlisten{});
    return;
  }
  out_.push_back(Listen{});
  heartbeat_again_ = true;  // what was rung for before it heard nothing
}

void AgentCore::register_if_due() {
  if (link_ != Link::waiting || !register_at_ || now_ < *register_at_) return;
  link_ = Link::registering;
  register_at_.reset();
  register_sent_ = now_;
  Json machine = self_.machine;
  machine["incarnation"] = read_member(self_.database, "incarnation");
  machine["lineage"] = read_member(self_.database, "lineage");
  out_.push_back(Register{std::move(machine)});
}

void AgentCore::handle(const RegisterAnswer& answer) {
  if (link_ != Link::registering) return;  // of a connection that is gone
  link_ = Link::waiting;
  register_at_ = now_ + register_again_after;
  if (!answer.answer) {
    if (answer.answer.error().code != "connection") refuse(answer.answer.error());
    return;
  }
  if (const Json& refused = read_member(*answer.answer, "refused"); refused.is_object()) {
    return refuse({read_text(refused, "message"), read_text(refused, "code"), read_text(refused, "hint")});
  }
  obey(*answer.answer);
}

// Pins the database that answers, whose incarnation may have been raised. Error when it is not one to obey.
Status AgentCore::follow(const Json& database) {
  if (Status status = check_database(self_.database, database); !status) return status;
  if (database != self_.database) {
    if (!self_.database.is_null()) {
      say(Level::warn, "from now on this agent obeys incarnation " + to_text(read_member(database, "incarnation")) +
                           " of the database; before it was " + to_text(read_member(self_.database, "incarnation")));
    }
    self_.database = database;
    out_.push_back(Pin{database});
  }
  return ok();
}

void AgentCore::obey(const Json& registered) {
  const AgentId agent{read_u64(registered, "agent_id")};
  std::string token = read_text(registered, "token");
  if (!agent || token.empty()) return refuse({"agent_register gave neither agent_id nor token", "json"});
  if (const Status followed = follow(read_member(registered, "database")); !followed) return refuse(followed.error());
  if (now_ - registered_at_ >= own_register_late_max) token_was_refused_ = false;
  agent_ = agent;
  token_ = std::move(token);
  heartbeat_every_ = std::max<Duration>(from_ms(read_int(registered, "heartbeat_ms", 1000)), 10ms);
  lease_ = from_ms(read_int(registered, "lease_ms", 15000));
  link_ = Link::registered;
  register_at_.reset();
  registered_at_ = now_;
  lease_from_ = register_sent_;
  lease_lapsed_ = false;
  name_lost_ = false;
  complaints_.clear();
  say(Level::info, "registered as " + self_.name + ", agent " + std::to_string(agent_.value) + ", with " +
                       counted(servers_.size(), "server"));
  ever_registered_ = true;
  want_inventory_ = true;
  heartbeat_under_way_ = false;
  heartbeat_not_before_.reset();
  reports_under_way_ = 0;
  report_at_.reset();
  heartbeat_at_ = now_;
  steer_at_ = now_;
  for (auto& [ref, server] : servers_) {
    if (server.state == State::stopping && !server.stop_by) server.stop_by = now_ + server.grace;
  }
  // Registering makes it one to place servers on again.
  const Reports stopping{Json{{"state", "stopping"}}};
  if (draining_ && std::find(reports_.begin(), reports_.end(), stopping) == reports_.end()) {
    reports_.push_front(stopping);
  }
  const Json& listens = read_member(registered, "listen");
  listen(!listens.is_boolean() || listens.get<bool>());
}

void AgentCore::refuse(const Error& error) {
  if (error.code == "OR011") return complain("database", error, "this database is not obeyed: ");
  if (error.code != "OR004") return complain("register", error, "cannot register, trying again: ");
  complain("register", error, "name '" + self_.name + "' is held by another agent: ");
  name_lost_ = true;
}

// Not at once when it was only just done.
void AgentCore::register_anew() {
  link_ = Link::waiting;
  register_at_ = std::max(now_, register_sent_ + register_again_after);
}

void AgentCore::token_refused(const Error& error) {
  if (!token_was_refused_ && now_ - registered_at_ < own_register_late_max) {
    token_was_refused_ = true;
    say(Level::warn, "another registration took the place of this one: " + words_of(error) + "; registering once more");
    return register_anew();
  }
  link_ = Link::superseded;
  name_lost_ = true;
  relays_.clear();
  listen(false);
  say(Level::error, "another process runs as agent '" + self_.name + "': " + words_of(error) +
                        ". This one obeys nothing more, stops its " + counted(servers_.size(), "server") + " and ends");
  // What it ran was not in the inventory of the other: the database has given it away already.
  for (auto& [ref, server] : servers_) end(server, server.grace, "another process runs as this agent");
}

// Heartbeats

void AgentCore::handle(const HeartbeatAnswer& answer) {
  if (link_ != Link::registered || !heartbeat_under_way_) return;
  heartbeat_under_way_ = false;
  if (!answer.answer) {
    const Error& error = answer.answer.error();
    want_inventory_ = true;
    heartbeat_not_before_ = now_ + heartbeat_again_after;
    if (error.code == "connection") return;
    if (error.code == "OR004") return token_refused(error);
    complain("heartbeat", error, "heartbeat refused: ");
    if (error.code == "OR001" || error.code == "OR011") register_anew();
    return;
  }
  const Json& json = *answer.answer;
  if (json.contains("database") && !follow(json.at("database"))) return register_anew();
  heartbeat_not_before_.reset();
  lease_from_ = heartbeat_sent_;
  lease_lapsed_ = false;
  if (steered_until_ - now_ < lease_ / 2) steer_at_ = now_;
  want_inventory_ = read_bool(json, "want_inventory");
  if (want_inventory_ && !inventory_sent_) heartbeat_again_ = true;
  if (const Json& wanted = read_member(json, "listen"); wanted.is_boolean()) listen(wanted.get<bool>());
  // What an answer does not hold is as the last one said.
  if (json.contains("relays")) learn_relays(read_array(json, "relays"));
  if (json.contains("clusters")) learn_clusters(read_array(json, "clusters"));
  for (const Json& command : read_array(json, "commands")) carry_out(command);
  stop_unknown(read_array(json, "unknown"));
}

void AgentCore::heartbeat_if_due() {
  if (bell_at_ && now_ >= *bell_at_) {
    bell_last_ = now_;
    bell_at_.reset();
    heartbeat_again_ = true;
  }
  if (link_ != Link::registered || heartbeat_under_way_) return;
  if (heartbeat_not_before_ && now_ < *heartbeat_not_before_) return;
  if (!heartbeat_again_ && now_ < heartbeat_at_) return;
  heartbeat_again_ = false;
  heartbeat_under_way_ = true;
  heartbeat_sent_ = now_;
  heartbeat_at_ = now_ + heartbeat_every_;
  for (auto& [ref, server] : servers_) {
    if (server.counters.is_null()) continue;
    reports_.push_back({Json{{"server_id", ref.server.value},
                             {"epoch", ref.epoch.value},
                             {"counters", std::exchange(server.counters, Json())}}});
  }
  const Json running = inventory();
  inventory_sent_ = want_inventory_;
  out_.push_back(Heartbeat{agent_, token_, load_, digest_of(running), want_inventory_ ? running : Json()});
}

// An exit that the database has not acknowledged still counts as stopping, so that it learns the reason from the
// report.
Json AgentCore::inventory() const {
  std::map<ServerRef, Json> entries;
  const auto add = [&entries](ServerRef ref, const char* state) -> Json& {
    return entries[ref] = {{"server_id", ref.server.value}, {"epoch", ref.epoch.value}, {"state", state}};
  };
  for (const auto& [ref, told] : ended_) {
    if (!told) add(ref, "stopping");
  }
  for (const auto& [ref, server] : servers_) {
    Json& entry = add(ref, server.state == State::starting ? "starting"
                           : server.state == State::ready  ? "ready"
                                                           : "stopping");
    if (server.pid > 0) entry["pid"] = server.pid;
  }
  Json list = Json::array();
  for (auto& [ref, entry] : entries) list.push_back(std::move(entry));
  return list;
}

void AgentCore::handle(const LoadSample& sample) {
  load_ = Json{{"cpu", sample.cpu}, {"memory_used_bytes", sample.memory_used_bytes}};
}

void AgentCore::learn_clusters(const Json& clusters) {
  std::map<std::string, Cluster> learnt;
  for (const Json& json : clusters) {
    const std::string name = read_text(json, "name");
    Cluster cluster{read_text(json, "state"), std::nullopt, read_member(json, "notice_id")};
    const bool ends = cluster.state == "shutting_down" || cluster.state == "stopping";
    if (const auto left = read_optional_int(json, "stops_in_ms"); ends && left)
      cluster.stops_at = now_ + from_ms(*left);
    const auto known = clusters_.find(name);
    const bool changed = known == clusters_.end() || known->second.state != cluster.state ||
                         known->second.notice_id != cluster.notice_id;
    learnt[name] = std::move(cluster);
    if (changed) steer_at_ = now_;
  }
  // Servers of a cluster that the answer does not name may still be in the making: its last word stays.
  for (auto& [name, cluster] : clusters_) {
    const bool in_use = std::any_of(servers_.begin(), servers_.end(),
                                    [&name = name](const auto& entry) { return entry.second.cluster == name; });
    if (in_use) learnt.try_emplace(name, cluster);
  }
  clusters_ = std::move(learnt);
}

// Doorbells

void AgentCore::learn_relays(const Json& relays) {
  relays_.clear();
  for (const Json& json : relays) {
    const auto port = read_int(json, "port", 0);
    const auto host = Address::parse(read_text(json, "host"), 0);
    const AgentId agent{read_u64(json, "agent_id")};
    if (!agent || agent == agent_ || !host || port < 1 || port > 65535) continue;
    Address to = *host;
    to.port = static_cast<std::uint16_t>(port);
    relays_.push_back({agent, to});
  }
}

void AgentCore::handle(const Doorbell& bell) {
  std::set<AgentId> named;
  each_named(bell.payload, [&named](AgentId agent) { named.insert(agent); });
  const bool all = named.contains(AgentId{});
  if (all || named.contains(agent_)) heartbeat_again_ = true;
  if (link_ == Link::superseded) return;
  for (const Relay& relay : relays_) {
    if (all || named.contains(relay.agent)) out_.push_back(SendPrivate{relay.to, bell_of(relay.agent)});
  }
}

void AgentCore::handle(const PrivateDatagram& datagram) {
  if (!agent_ || datagram.bytes != bell_of(agent_)) {
    ++strays_;
    return;
  }
  if (!bell_at_) bell_at_ = bell_last_ ? std::max(now_, *bell_last_ + bell_every) : now_;
}

// Reports

void AgentCore::report_if_any() {
  if (link_ != Link::registered || reports_.empty() || reports_under_way_ > 0) return;
  if (report_at_ && now_ < *report_at_) return;
  Json batch = Json::array();
  for (const Reports& together : reports_) {
    if (!batch.empty() && (one_by_one_ || batch.size() + together.size() > report_batch_max)) break;
    for (const Json& report : together) batch.push_back(report);
    ++reports_under_way_;
  }
  out_.push_back(Report{agent_, token_, std::move(batch)});
}

void AgentCore::handle(const ReportAnswer& answer) {
  if (link_ != Link::registered || reports_under_way_ == 0) return;
  const std::size_t sent = std::exchange(reports_under_way_, 0);
  if (!answer.answer) {
    const Error& error = answer.answer.error();
    report_at_ = now_ + report_again_after;
    if (error.code == "connection") return;
    if (error.code == "OR004") return token_refused(error);
    complain("report", error, "report refused: ");
    if (error.code == "OR001" || error.code == "OR011") return register_anew();
    if (!is_final(error)) return;
    report_at_.reset();
    one_by_one_ = true;  // find the one that is refused
    if (sent > 1) return;
    const Reports refused = std::move(reports_.front());
    reports_.pop_front();
    if (refused.size() == 1) {
      say(Level::error, "dropped report " + to_text(refused.front()) + ": " + words_of(error));
      return settle(refused, false);
    }
    for (auto report = refused.rbegin(); report != refused.rend(); ++report) reports_.push_front({*report});
    return;
  }
  one_by_one_ = one_by_one_ && reports_.size() > sent;
  report_at_.reset();
  for (std::size_t i = 0; i < sent; ++i) {
    settle(reports_.front(), true);
    reports_.pop_front();
  }
}

// One that was dropped is kept by the next agent's word: it finds and reports it again.
void AgentCore::settle(const Reports& told, bool taken) {
  for (const Json& report : told) {
    if (read_text(report, "state") != "exited") continue;
    const ServerRef ref{ServerId{read_u64(report, "server_id")}, Epoch{read_u64(report, "epoch")}};
    if (taken) {
      ended_[ref] = true;
    } else {
      ended_.erase(ref);
    }
  }
}

// The answer that is under way was perhaps made before the report was: it may name the server once more.
void AgentCore::forget_told() {
  if (heartbeat_under_way_) return;
  std::erase_if(ended_, [this](const auto& entry) {
    if (entry.second) out_.push_back(Forget{entry.first});
    return entry.second;
  });
}

}  // namespace orrery::agents
