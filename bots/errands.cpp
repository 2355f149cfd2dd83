#include "errands.h"

#include <nlohmann/json.hpp>

#include "reckon.h"

namespace orrery::bots {
namespace {

using Json = nlohmann::json;

/// Within a zone's range, so that it is near enough still when the order arrives.
constexpr double near_enough_m = 150;
constexpr Duration mine_each = std::chrono::milliseconds{1500};

}  // namespace

Errands::Errands(const Options& options, const Behaviours& does, const std::string& name, const Journal& journal,
                 Report& report, Random& random)
    : options_(options), does_(does), name_(name), journal_(journal), report_(report), random_(random) {}

void Errands::begin() {
  kind_.clear();
  for (auto* asked : {&look_, &travel_, &mine_, &unload_}) asked->reset();
}

void Errands::on_entered(const std::string& kind, const std::string& key, Instant now) {
  kind_ = kind;
  key_ = key;
  exits_.clear();
  has_cargo_ = false;
  has_looked_ = false;
  asteroid_.reset();
  travel_at_ = now + of_seconds(options_.travel_every_s * (0.5 + chance(random_)));
  mine_at_ = now + mine_each;
}

void Errands::on_done(const client::CommandDone& done, Instant now) {
  ++(done.ok ? report_.commands_done : report_.commands_refused);
  const auto is = [&done](std::optional<std::uint64_t>& asked) {
    if (asked != done.id) return false;
    asked.reset();
    return true;
  };
  if (is(look_)) {
    has_looked_ = done.ok;
    if (done.ok) learn(done.json);
  } else if (is(travel_)) {
    if (done.ok) ++report_.travels;
    journal_.tell(name_, "travelled", now, {{"id", done.id}, {"ok", done.ok}, {"result", done.json}});
  } else if (is(mine_)) {
    if (done.ok) journal_.tell(name_, "mined", now, {{"id", done.id}, {"result", done.json}});
    if (done.ok) ++report_.mined;
  } else {
    is(unload_);
  }
}

void Errands::learn(const std::string& look) {
  const Json seen = Json::parse(look, nullptr, false);
  if (!seen.is_object()) return;
  const auto text = [](const Json& object, const char* member) {
    const auto found = object.find(member);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  exits_.clear();
  if (const auto exits = seen.find("exits"); exits != seen.end() && exits->is_array())
    for (const Json& exit : *exits)
      if (exit.is_object()) exits_.push_back({text(exit, "kind"), text(exit, "key")});
  const auto cargo = seen.find("cargo");
  has_cargo_ = kind_ == "station" && cargo != seen.end() && cargo->is_object() && !cargo->empty();
}

void Errands::sees_asteroid(std::uint32_t entity, double distance_m) {
  asteroid_ = distance_m <= near_enough_m ? std::optional(entity) : std::nullopt;
}

void Errands::act(client::Client& client, Instant now) {
  if (kind_.empty() || (!does_.commute && !does_.mine)) return;
  if (!has_looked_ && !look_) {
    if (const auto id = client.command("look")) look_ = *id;
  }
  if (does_.mine && has_cargo_ && !unload_) {
    if (const auto id = client.command("unload")) unload_ = *id;
    has_cargo_ = !unload_;
  }
  if (does_.mine && asteroid_ && !mine_ && now >= mine_at_) mine(client, now);
  if (does_.commute && !exits_.empty() && !travel_ && !mine_ && !unload_ && now >= travel_at_) travel(client, now);
}

void Errands::travel(client::Client& client, Instant now) {
  travel_at_ = now + of_seconds(options_.travel_every_s * (0.5 + chance(random_)));
  const Exit& exit = exits_[static_cast<std::size_t>(chance(random_) * static_cast<double>(exits_.size()))];
  const char* way = exit.kind == "station" ? "dock" : kind_ == "station" ? "undock" : "jump";
  if (const auto id = client.command(way, Json{{"key", exit.key}}.dump())) {
    travel_ = *id;
  }
}

void Errands::mine(client::Client& client, Instant now) {
  mine_at_ = now + mine_each;
  if (const auto id = client.command("mine", Json{{"asteroid", *asteroid_}}.dump())) mine_ = *id;
}

std::optional<Instant> Errands::deadline() const {
  if (kind_.empty()) return std::nullopt;
  if (does_.commute && !exits_.empty() && !travel_) return travel_at_;
  return std::nullopt;
}

}  // namespace orrery::bots
