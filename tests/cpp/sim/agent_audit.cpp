#include "sim/agent_audit.h"

#include <fmt/format.h>

#include <algorithm>

namespace orrery::sim {
namespace {

using namespace std::chrono_literals;

// An agent's clock and the database's differ in rate.
constexpr Duration deadline_slack = 200ms;

ServerRef ref_of(const Json& json) {
  return {ServerId{json.at("server_id").get<std::uint64_t>()}, Epoch{json.at("epoch").get<std::uint64_t>()}};
}

bool is_named(const std::string& payload, std::uint64_t agent) {
  return payload == "*" || ("," + payload + ",").find("," + std::to_string(agent) + ",") != std::string::npos;
}

}  // namespace

Known Known::read(Database& database, const std::string& agent, Time now, Duration wall) {
  Known known;
  known.at = now;
  for (const auto& row : database.rows("select cluster, state, notice_id, "
                                       "(extract(epoch from shutdown_at - '2030-01-01 00:00:00+00') * 1000000)::bigint "
                                       "from orrery.cluster")) {
    Cluster& cluster = known.clusters[row[0]];
    cluster = {row[1], row[2], std::nullopt, row[3]};
    const bool ends = row[1] == "shutting_down" || row[1] == "stopping";
    if (ends && !row[3].empty()) cluster.left = std::chrono::microseconds(std::stoll(row[3])) - wall;
  }
  for (const auto& row : database.rows("select listens, relays from orrery.agent where name = $1", {agent})) {
    known.listens = row[0] == "t";
    for (const Json& relay : Json::parse(row[1])) {
      known.relays.emplace(relay.at("agent_id").get<std::uint64_t>(),
                           *Address::parse(relay.at("host").get<std::string>(), relay.at("port").get<std::uint16_t>()));
    }
  }
  return known;
}

void AgentAudit::answered(const Json& answer, const Known& known) {
  if (const auto commands = answer.find("commands"); commands != answer.end()) {
    for (const Json& command : *commands) {
      given_[command.at("command_id").get<std::uint64_t>()] = {command.at("verb").get<std::string>(), ref_of(command)};
    }
  }
  for (const auto& [name, cluster] : known.clusters) {
    if (!cluster.left) {
      stops_.erase(name);
      continue;
    }
    const bool is_news = answer.contains("clusters") || !known_ ||
                         known_->clusters[name].shutdown_at != cluster.shutdown_at ||
                         known_->clusters[name].notice_id != cluster.notice_id;
    if (is_news) stops_[name] = {known.at + *cluster.left, world_.timeline.now() + *cluster.left};
  }
  if (is_registered_) known_ = known;
}

void AgentAudit::heard() const {
  if (!known_ || known_->listens == listens_) return;
  throw Broken{fmt::format("{} was answered that it {}, and does not obey", machine_.name(),
                           known_->listens ? "listens" : "does not listen any more")};
}

void AgentAudit::told(const agents::Tell& tell) const {
  if (!known_ || !tell.message.contains("lease_until_ms")) return;
  const auto told = tell.message.find("cluster");
  if (told == tell.message.end()) {
    throw Broken{fmt::format("{} tells {} nothing of its cluster", machine_.name(), words(tell.ref))};
  }
  const std::string name = told->at("name").get<std::string>();
  const Known::Cluster& cluster = known_->clusters.at(name);
  const Json &notice_id = told->at("notice_id"), &left = told->at("stops_in_ms");
  const auto stops = stops_.find(name);
  const auto broken = [&](const std::string& ought) {
    throw Broken{fmt::format("{} was answered since, but tells {}: {}; it ought to be {}", machine_.name(),
                             words(tell.ref), told->dump(), ought)};
  };
  if (told->at("state") != cluster.state || (notice_id.is_null() ? "" : notice_id.dump()) != cluster.notice_id ||
      left.is_null() != (stops == stops_.end())) {
    broken(fmt::format("{} with notice {} and {}", cluster.state,
                       cluster.notice_id.empty() ? "none" : cluster.notice_id,
                       stops == stops_.end() ? "no deadline" : "a deadline"));
  }
  if (left.is_null()) return;
  const Time now = world_.timeline.now();
  const auto& [earliest, latest] = stops->second;
  const Time at = now + std::chrono::milliseconds(left.get<std::int64_t>());
  const bool is_over = left == 0;
  if (at < earliest - deadline_slack || (!is_over && at > latest + deadline_slack)) {
    broken(fmt::format("in {} to {} ms", (earliest - now) / 1ms, (latest - now) / 1ms));
  }
}

void AgentAudit::reported(const Json& reports) const {
  for (const Json& report : reports) {
    const std::string state = report.value("state", "");
    if (state == "ready" && !machine_.has_begun(ref_of(report))) {
      throw Broken{
          fmt::format("{} reports {} ready, but its process has not begun", machine_.name(), words(ref_of(report)))};
    }
    if (state == "exited" && !machine_.is_gone(ref_of(report))) {
      throw Broken{fmt::format("{} reports {} exited, but it is not gone", machine_.name(), words(ref_of(report)))};
    }
    const auto id = report.find("command_id");
    if (id == report.end()) continue;
    const auto given = given_.find(id->get<std::uint64_t>());
    if (given == given_.end()) {
      throw Broken{fmt::format("{} reports command {}, which it was not given", machine_.name(), id->dump())};
    }
    if (report.at("ok") != true) continue;
    const auto& [verb, ref] = given->second;
    // One that could not begin is reported exited by the same call, which says all.
    const bool has_exited = std::any_of(reports.begin(), reports.end(), [ref = ref](const Json& other) {
      return other.value("state", "") == "exited" && ref_of(other) == ref;
    });
    if (verb == "start" && !machine_.has_begun(ref) && !has_exited) {
      throw Broken{fmt::format("{} acknowledges the start of {} as done, but its process has not begun",
                               machine_.name(), words(ref))};
    }
    if (verb == "stop" && !machine_.is_gone(ref)) {
      throw Broken{
          fmt::format("{} acknowledges the stop of {} as done, but it is not gone", machine_.name(), words(ref))};
    }
  }
}

void AgentAudit::bell_ends(const std::string& payload) const {
  if (!known_) return;
  std::set<std::string> ought;
  for (const auto& [agent, address] : known_->relays) {
    if (is_named(payload, agent)) ought.insert(address.to_string());
  }
  if (relayed_ == ought) return;
  throw Broken{fmt::format("{} passes doorbell {} on to {} agents; by what it was answered, it ought to be {}",
                           machine_.name(), payload, relayed_.size(), ought.size())};
}

}  // namespace orrery::sim
