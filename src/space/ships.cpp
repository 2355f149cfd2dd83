// The sample game: ships that thrust, drag and stay within a square; in a grid they shoot, mine asteroids, and leave
// and collect junk; at a station nobody shoots. What a ship carries, and which junk drifts, is the database's to know.
#include <algorithm>
#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>
#include <random>
#include <unordered_map>
#include <utility>
#include <vector>

#include "space/world.h"

namespace orrery::space {
namespace {

using Json = nlohmann::json;

constexpr double cm_per_m = 100.0;
constexpr std::int64_t size_m_default = 2000;
constexpr std::int64_t size_m_min = 10;
constexpr std::int64_t size_m_max = 1'000'000;  // in centimetres well inside 32 bits
constexpr double thrust_m_s2 = 40.0;
constexpr double drag_per_s = 0.8;      // share of the speed lost a second
constexpr double speed_max_m_s = 60.0;  // in cm/s well inside 16 bits
constexpr double boost_factor = 1.5;    // thrust with the first button held
constexpr std::uint8_t button_boost = 1;
constexpr std::uint8_t button_fire = 2;

constexpr std::uint8_t kind_ship = 1;
constexpr std::uint8_t kind_asteroid = 2;
constexpr std::uint8_t kind_junk = 3;

constexpr std::int32_t hit_points_max = 100;
constexpr std::int32_t damage = 20;
constexpr double shot_range_m = 400.0;
constexpr double shot_cosine = 0.966;  // within 15 degrees of where the ship heads
constexpr double shot_each_s = 0.5;
constexpr double mine_range_m = 200.0;
constexpr double mine_each_s = 1.0;
constexpr std::int32_t mine_units = 10;
constexpr double loot_range_m = 100.0;
constexpr std::size_t asteroids_count = 12;
constexpr std::int32_t asteroid_units = 1000;
/// What a grid holds at once, whatever the database says: it has 200 at most.
constexpr std::size_t junk_max = 1000;

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// A number member of a JSON object; nothing when there is none, or it is not finite.
std::optional<double> number_of(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_number()) return std::nullopt;
  const double value = member->get<double>();
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}
/// A whole number within bounds that a double holds exactly.
std::optional<std::int64_t> whole_of(const Json& object, const char* name, std::int64_t least, std::int64_t most) {
  const auto value = number_of(object, name);
  if (!value || *value != std::floor(*value) || *value < static_cast<double>(least) ||
      *value > static_cast<double>(most))
    return std::nullopt;
  return static_cast<std::int64_t>(*value);
}
constexpr std::int64_t exact_max = std::int64_t{1} << 53;

std::string string_of(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}
const Json& member_of(const Json& object, const char* name) {
  static const Json none;
  const auto member = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && member != object.end() ? *member : none;
}

/// What every step reads.
struct Body {
  double x_m = 0, y_m = 0, vx_m_s = 0, vy_m_s = 0;
  double thrust_x = 0, thrust_y = 0;  // length at most 1
  double heading_x = 1, heading_y = 0;
  double shot_in_s = 0, mine_in_s = 0;
  std::int32_t hit_points = hit_points_max;
  bool boost = false, fire = false;
};
/// What it does not.
struct Belongings {
  std::string ore{};            // of an asteroid or a piece of junk
  std::int64_t junk_id = 0;     // of the database
  std::int32_t units = 0;       // of an asteroid: what is left
  Json cargo = Json::object();  // of a ship: what the database said last
  EntityId taken_by = 0;        // of junk: whose loot is under way
  EntityId takes = 0;           // of a ship: the junk of that
};

class Space final : public World {
 public:
  Space(double size_m, std::uint64_t seed) : size_m_(size_m), random_(seed) {}

  void furnish(const Json& world, const Json& saved) {
    kind_ = string_of(world, "kind");
    key_ = string_of(world, "key");
    for (const Json& exit : member_of(world, "exits"))
      if (exit.is_object()) exits_.push_back({string_of(exit, "kind"), string_of(exit, "key")});
    const Json& asteroids = member_of(world, "asteroids");
    is_grid_ = asteroids.is_object();
    if (is_grid_) place_asteroids(asteroids, member_of(saved, "asteroids"));
    for (const Json& junk : member_of(world, "junk")) add_junk(junk);
  }

  std::string save() const override {
    Json left = Json::array();
    for (const EntityId id : asteroids_) left.push_back(belongings_[index_.at(id)].units);
    return text_of({{"asteroids", {{"seed", asteroids_seed_}, {"left", left}}}});
  }

  EntityId enter(SessionId, std::string_view, std::string_view saved_state) override {
    Body ship;
    Belongings belongings;
    const Json saved = Json::parse(saved_state, nullptr, false);
    const auto x = saved.is_object() ? number_of(saved, "x_m") : std::nullopt;
    const auto y = saved.is_object() ? number_of(saved, "y_m") : std::nullopt;
    if (x && y) {
      ship.x_m = std::clamp(*x, 0.0, size_m_);
      ship.y_m = std::clamp(*y, 0.0, size_m_);
    } else {
      place_anywhere(ship);
    }
    if (saved.is_object()) {
      const auto points = whole_of(saved, "hit_points", 1, hit_points_max);
      if (points) ship.hit_points = static_cast<std::int32_t>(*points);
      if (const Json& cargo = member_of(saved, "cargo"); cargo.is_object()) belongings.cargo = cargo;
    }
    return add(kind_ship, ship, std::move(belongings));
  }

  std::string state(EntityId entity) const override {
    const auto found = index_.find(entity);
    if (found == index_.end()) return "{}";
    const Body& ship = bodies_[found->second];
    Json state{{"x_m", std::round(ship.x_m * 100) / 100}, {"y_m", std::round(ship.y_m * 100) / 100}};
    if (ship.hit_points != hit_points_max) state["hit_points"] = ship.hit_points;
    if (const Json& cargo = belongings_[found->second].cargo; !cargo.empty()) state["cargo"] = cargo;
    return text_of(state);
  }

  std::string leave(EntityId entity) override {
    std::string last = state(entity);
    remove(entity);
    return last;
  }

  void input(EntityId entity, std::int8_t move_x, std::int8_t move_y, std::uint8_t buttons) override {
    const auto found = index_.find(entity);
    if (found == index_.end()) return;
    Body& ship = bodies_[found->second];
    ship.thrust_x = move_x / 127.0;
    ship.thrust_y = move_y / 127.0;
    const double length = std::hypot(ship.thrust_x, ship.thrust_y);
    if (length > 1) {
      ship.thrust_x /= length;
      ship.thrust_y /= length;
    }
    if (length > 0) {
      ship.heading_x = move_x / 127.0 / length;
      ship.heading_y = move_y / 127.0 / length;
    }
    ship.boost = (buttons & button_boost) != 0;
    ship.fire = (buttons & button_fire) != 0;
  }

  Outcome command(EntityId entity, std::string_view name, std::string_view text) override {
    const auto found = index_.find(entity);
    const Json args = Json::parse(text, nullptr, false);
    if (found == index_.end() || !args.is_object()) return Refused{"This cannot be done."};
    if (name == "look") return Done{look(found->second)};
    if (name == "dock") return travel("station", args);
    if (name == "undock") return travel("grid", args);
    if (name == "jump" && string_of(args, "key").empty()) return Refused{"Say where to: key."};
    if (name == "jump") return travel("grid", args);
    if (name == "mine") return mine(found->second, args);
    if (name == "loot") return loot(found->second, args);
    if (name == "jettison") return jettison(found->second, args);
    if (name == "load" || name == "unload") {
      if (is_grid_) return Refused{"That is for a station."};
      return Durable{std::string(name), text_of(args)};
    }
    return Refused{"There is no such command."};
  }

  void settled(EntityId entity, const Durable& what, std::optional<std::string_view> text) override {
    const Json result = text ? Json::parse(*text, nullptr, false) : Json();
    const Json args = Json::parse(what.args, nullptr, false);
    if (const auto ship = index_.find(entity); ship != index_.end() && member_of(result, "cargo").is_object())
      belongings_[ship->second].cargo = result["cargo"];
    if (what.name == "loot") {
      const auto id = whole_of(args, "junk", 1, exact_max);
      const auto junk = id ? junk_.find(*id) : junk_.end();
      if (junk == junk_.end()) return;
      let_go(entity);
      if (text) remove_junk(*id);
    }
    if (what.name == "mine" && !text) {
      // It was taken off the asteroid when it was asked for.
      const auto asteroid = mined_of_.find(entity);
      if (asteroid == mined_of_.end()) return;
      set_units(asteroid->second, belongings_[index_.at(asteroid->second)].units + mine_units);
    }
    if (what.name == "mine") mined_of_.erase(entity);
  }

  void news(std::string_view text) override {
    const Json body = Json::parse(text, nullptr, false);
    if (const Json& junk = member_of(body, "junk"); junk.is_object()) add_junk(junk);
    if (body.is_object())
      if (const auto gone = whole_of(body, "junk_gone", 1, exact_max)) remove_junk(*gone);
  }

  void step(Duration dt) override {
    const double seconds = std::chrono::duration<double>(dt).count();
    const double kept = std::exp(-drag_per_s * seconds);
    shooters_.clear();
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      if (views_[i].kind != kind_ship) continue;
      Body& ship = bodies_[i];
      const double push = thrust_m_s2 * (ship.boost ? boost_factor : 1.0) * seconds;
      ship.vx_m_s = ship.vx_m_s * kept + ship.thrust_x * push;
      ship.vy_m_s = ship.vy_m_s * kept + ship.thrust_y * push;
      const double speed = std::hypot(ship.vx_m_s, ship.vy_m_s);
      if (speed > speed_max_m_s) {
        ship.vx_m_s *= speed_max_m_s / speed;
        ship.vy_m_s *= speed_max_m_s / speed;
      }
      advance(ship.x_m, ship.vx_m_s, seconds);
      advance(ship.y_m, ship.vy_m_s, seconds);
      ship.shot_in_s = std::max(0.0, ship.shot_in_s - seconds);
      ship.mine_in_s = std::max(0.0, ship.mine_in_s - seconds);
      if (is_grid_ && ship.fire && ship.shot_in_s == 0) shooters_.push_back(views_[i].id);
      show(i);
    }
    if (!shooters_.empty()) shoot();
  }

  bool poll_event(Event& event) override { return poll(events_, event); }
  bool poll_wish(Wish& wish) override { return poll(wishes_, wish); }
  std::span<const EntityView> entities() const override { return views_; }
  std::int32_t size_cm() const override { return static_cast<std::int32_t>(size_m_ * cm_per_m); }

 private:
  struct Exit {
    std::string kind, key;
  };

  template <class T>
  static bool poll(std::deque<T>& queue, T& one) {
    if (queue.empty()) return false;
    one = std::move(queue.front());
    queue.pop_front();
    return true;
  }

  EntityId add(std::uint8_t kind, const Body& body, Belongings belongings) {
    const EntityId id = next_id_++;
    index_.emplace(id, bodies_.size());
    bodies_.push_back(body);
    belongings_.push_back(std::move(belongings));
    views_.emplace_back();
    views_.back().id = id;
    views_.back().kind = kind;
    show(bodies_.size() - 1);
    return id;
  }

  void remove(EntityId entity) {
    const auto found = index_.find(entity);
    if (found == index_.end()) return;
    let_go(entity);
    const std::size_t at = found->second;
    index_.erase(found);
    mined_of_.erase(entity);
    if (at + 1 != bodies_.size()) {
      bodies_[at] = bodies_.back();
      belongings_[at] = std::move(belongings_.back());
      views_[at] = views_.back();
      index_[views_[at].id] = at;
    }
    bodies_.pop_back();
    belongings_.pop_back();
    views_.pop_back();
  }

  /// The ship takes no junk any more.
  void let_go(EntityId ship) {
    const auto found = index_.find(ship);
    if (found == index_.end()) return;
    const auto junk = index_.find(std::exchange(belongings_[found->second].takes, 0));
    if (junk != index_.end()) belongings_[junk->second].taken_by = 0;
  }

  void place_anywhere(Body& body) {
    std::uniform_real_distribution<double> anywhere(0.0, size_m_);
    body.x_m = anywhere(random_);
    body.y_m = anywhere(random_);
  }

  /// By the grid's own seed, so that they are where they were after a restart.
  void place_asteroids(const Json& given, const Json& saved) {
    const auto seed = given.find("seed");
    asteroids_seed_ = seed != given.end() && seed->is_number_integer() ? seed->get<std::int64_t>() : 0;
    const Json& ores = member_of(given, "ores");
    if (!ores.is_array() || ores.empty()) return;
    const auto saved_seed = saved.is_object() ? saved.find("seed") : saved.end();
    const bool same = saved.is_object() && saved_seed != saved.end() && *saved_seed == asteroids_seed_;
    const Json& left = same ? member_of(saved, "left") : member_of(Json(), "");
    std::mt19937_64 places(static_cast<std::uint64_t>(asteroids_seed_));
    std::uniform_real_distribution<double> anywhere(0.0, size_m_);
    for (std::size_t i = 0; i < asteroids_count; ++i) {
      Body body;
      body.x_m = anywhere(places);
      body.y_m = anywhere(places);
      Belongings belongings;
      const Json& ore = ores[i % ores.size()];
      belongings.ore = ore.is_string() ? ore.get<std::string>() : "";
      belongings.units = asteroid_units;
      if (left.is_array() && i < left.size() && left[i].is_number_integer())
        belongings.units =
            static_cast<std::int32_t>(std::clamp<std::int64_t>(left[i].get<std::int64_t>(), 0, asteroid_units));
      asteroids_.push_back(add(kind_asteroid, body, std::move(belongings)));
    }
  }

  void set_units(EntityId asteroid, std::int32_t units) {
    const std::size_t at = index_.at(asteroid);
    belongings_[at].units = units;
    show(at);
  }

  void add_junk(const Json& junk) {
    if (!junk.is_object() || junk_.size() >= junk_max) return;
    const auto id = whole_of(junk, "id", 1, exact_max);
    const auto x = number_of(junk, "x_cm"), y = number_of(junk, "y_cm");
    if (!id || !x || !y || junk_.contains(*id)) return;
    Body body;
    body.x_m = std::clamp(*x / cm_per_m, 0.0, size_m_);
    body.y_m = std::clamp(*y / cm_per_m, 0.0, size_m_);
    Belongings belongings;
    belongings.ore = string_of(junk, "ore");
    belongings.junk_id = *id;
    junk_[*id] = add(kind_junk, body, std::move(belongings));
  }
  void remove_junk(std::int64_t id) {
    const auto found = junk_.find(id);
    if (found == junk_.end()) return;
    remove(found->second);
    junk_.erase(found);
  }

  /// What a player can do from here.
  std::string look(std::size_t ship) const {
    Json exits = Json::array();
    for (const Exit& exit : exits_) exits.push_back({{"kind", exit.kind}, {"key", exit.key}});
    return text_of({{"kind", kind_}, {"key", key_}, {"exits", std::move(exits)}, {"cargo", belongings_[ship].cargo}});
  }

  Outcome travel(std::string_view kind, const Json& args) const {
    const std::string key = string_of(args, "key");
    // It has led here, and is said again because nobody answered it there.
    if (kind == kind_ && (key.empty() || key == key_)) return Done{R"({"here":true})"};
    const Exit* way = nullptr;
    for (const Exit& exit : exits_) {
      if (exit.kind != kind || (!key.empty() && exit.key != key)) continue;
      if (way != nullptr) return Refused{"There are several ways; say which."};
      way = &exit;
    }
    if (way == nullptr) return Refused{"There is no such way from here."};
    return Travel{way->kind, way->key};
  }

  /// The index of the entity that `args` names, when it is of this kind and near enough.
  std::optional<std::size_t> near(std::size_t ship, const Json& args, const char* member, std::uint8_t kind,
                                  double range_m) const {
    const auto id = whole_of(args, member, 1, UINT32_MAX);
    const auto found = id ? index_.find(static_cast<EntityId>(*id)) : index_.end();
    if (found == index_.end() || views_[found->second].kind != kind) return std::nullopt;
    const Body &one = bodies_[ship], &other = bodies_[found->second];
    if (std::hypot(one.x_m - other.x_m, one.y_m - other.y_m) > range_m) return std::nullopt;
    return found->second;
  }

  Outcome mine(std::size_t at, const Json& args) {
    const auto asteroid = near(at, args, "asteroid", kind_asteroid, mine_range_m);
    if (!asteroid) return Refused{"There is no such asteroid within 200 m."};
    if (bodies_[at].mine_in_s > 0) return Refused{"The drill has to cool down."};
    if (belongings_[*asteroid].units < mine_units) return Refused{"The asteroid is empty."};
    bodies_[at].mine_in_s = mine_each_s;
    const EntityId rock = views_[*asteroid].id;
    set_units(rock, belongings_[*asteroid].units - mine_units);
    mined_of_[views_[at].id] = rock;
    return Durable{"mine", text_of({{"ore", belongings_[*asteroid].ore}, {"units", mine_units}})};
  }

  Outcome loot(std::size_t at, const Json& args) {
    const auto junk = near(at, args, "junk", kind_junk, loot_range_m);
    if (!junk) return Refused{"There is no such piece of junk within 100 m."};
    if (belongings_[*junk].taken_by != 0) return Refused{"Somebody takes it already."};
    belongings_[*junk].taken_by = views_[at].id;
    belongings_[at].takes = views_[*junk].id;
    return Durable{"loot", text_of({{"junk", belongings_[*junk].junk_id}})};
  }

  Outcome jettison(std::size_t at, const Json& args) const {
    if (!is_grid_) return Refused{"Not at a station."};
    Json order{{"ore", string_of(args, "ore")}, {"x_cm", views_[at].x_cm}, {"y_cm", views_[at].y_cm}};
    if (const auto units = whole_of(args, "units", 1, exact_max)) order["units"] = *units;
    return Durable{"jettison", text_of(order)};
  }

  /// Each shooter hits the nearest ship ahead of it.
  void shoot() {
    by_x_.clear();
    for (std::size_t i = 0; i < bodies_.size(); ++i)
      if (views_[i].kind == kind_ship) by_x_.push_back({bodies_[i].x_m, i});
    std::sort(by_x_.begin(), by_x_.end());
    for (const EntityId id : shooters_) {
      Body& ship = bodies_[index_.at(id)];
      ship.shot_in_s = shot_each_s;
      std::optional<std::size_t> hit;
      double hit_m = shot_range_m;
      const auto first =
          std::lower_bound(by_x_.begin(), by_x_.end(), std::pair(ship.x_m - shot_range_m, std::size_t{0}));
      for (auto one = first; one != by_x_.end() && one->first <= ship.x_m + shot_range_m; ++one) {
        const Body& other = bodies_[one->second];
        if (&other == &ship) continue;
        const double dx = other.x_m - ship.x_m, dy = other.y_m - ship.y_m, away_m = std::hypot(dx, dy);
        if (away_m >= hit_m || dx * ship.heading_x + dy * ship.heading_y < shot_cosine * away_m) continue;
        hit = one->second;
        hit_m = away_m;
      }
      if (hit) strike(id, *hit);
    }
  }

  void strike(EntityId shooter, std::size_t at) {
    Body& ship = bodies_[at];
    const EntityId target = views_[at].id;
    ship.hit_points -= damage;
    const bool destroyed = ship.hit_points <= 0;
    const std::string told = text_of({{"event", destroyed ? "destroyed" : "hit"},
                                      {"by", shooter},
                                      {"ship", target},
                                      {"hit_points", std::max(ship.hit_points, 0)}});
    events_.push_back({shooter, told});
    events_.push_back({target, told});
    if (destroyed) {
      // What it carried drifts where it was; the pilot begins anew somewhere else.
      for (const auto& [ore, units] : belongings_[at].cargo.items())
        wishes_.push_back(
            {target, {"jettison", text_of({{"ore", ore}, {"x_cm", views_[at].x_cm}, {"y_cm", views_[at].y_cm}})}});
      ship.hit_points = hit_points_max;
      ship.vx_m_s = ship.vy_m_s = 0;
      place_anywhere(ship);
    }
    show(at);
  }

  /// Moves along one axis; the border stops a ship.
  void advance(double& position_m, double& speed_m_s, double seconds) const {
    position_m += speed_m_s * seconds;
    if (position_m >= 0 && position_m <= size_m_) return;
    position_m = std::clamp(position_m, 0.0, size_m_);
    speed_m_s = 0;
  }

  void show(std::size_t at) {
    EntityView& view = views_[at];
    const Body& body = bodies_[at];
    view.x_cm = static_cast<std::int32_t>(std::lround(body.x_m * cm_per_m));
    view.y_cm = static_cast<std::int32_t>(std::lround(body.y_m * cm_per_m));
    view.vx_cm_s = static_cast<std::int16_t>(std::lround(body.vx_m_s * cm_per_m));
    view.vy_cm_s = static_cast<std::int16_t>(std::lround(body.vy_m_s * cm_per_m));
    // Percent, for both.
    if (view.kind == kind_ship) view.state = static_cast<std::uint8_t>(body.hit_points);
    if (view.kind == kind_asteroid)
      view.state = static_cast<std::uint8_t>(belongings_[at].units * 100 / asteroid_units);
  }

  double size_m_;
  std::mt19937_64 random_;
  bool is_grid_ = false;
  std::string kind_, key_;  // of this place; empty: not known
  std::vector<Exit> exits_;
  EntityId next_id_ = 1;
  // views_[i] is what is shown of bodies_[i], whose the belongings_[i] are.
  std::vector<Body> bodies_;
  std::vector<Belongings> belongings_;
  std::vector<EntityView> views_;
  std::unordered_map<EntityId, std::size_t> index_;
  std::int64_t asteroids_seed_ = 0;
  std::vector<EntityId> asteroids_;
  std::unordered_map<EntityId, EntityId> mined_of_;  // by ship: the asteroid of the mining that is under way
  std::unordered_map<std::int64_t, EntityId> junk_;  // by the database's number
  std::deque<Event> events_;
  std::deque<Wish> wishes_;
  std::vector<EntityId> shooters_;
  std::vector<std::pair<double, std::size_t>> by_x_;
};

}  // namespace

Result<std::unique_ptr<World>> World::make(std::string_view json, std::string_view saved, std::uint64_t seed) {
  const Json world = Json::parse(json, nullptr, false);
  if (!world.is_object()) return Error{"the world is no JSON object"};
  double size_m = size_m_default;
  if (world.contains("size_m")) {
    const auto given = number_of(world, "size_m");
    if (!given || *given < size_m_min || *given > size_m_max)
      return Error{"size_m of the world must be a number from " + std::to_string(size_m_min) + " to " +
                   std::to_string(size_m_max)};
    size_m = *given;
  }
  auto space = std::make_unique<Space>(size_m, seed);
  space->furnish(world, Json::parse(saved, nullptr, false));
  return std::unique_ptr<World>(std::move(space));
}

}  // namespace orrery::space
