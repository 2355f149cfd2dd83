// The sample game: ships that thrust, drag and stay within a square.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <unordered_map>
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
constexpr std::uint8_t kind_ship = 1;

/// A number member of a JSON object; nothing when there is none, or it is not finite.
std::optional<double> number_of(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_number()) return std::nullopt;
  const double value = member->get<double>();
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

struct Ship {
  double x_m = 0, y_m = 0, vx_m_s = 0, vy_m_s = 0;
  double thrust_x = 0, thrust_y = 0;  // length at most 1
  bool boost = false;
};

class Ships final : public World {
 public:
  Ships(double size_m, std::uint64_t seed) : size_m_(size_m), random_(seed) {}

  EntityId enter(SessionId, std::string_view, std::string_view saved_state) override {
    Ship ship;
    const Json saved = Json::parse(saved_state, nullptr, false);
    const auto x = saved.is_object() ? number_of(saved, "x_m") : std::nullopt;
    const auto y = saved.is_object() ? number_of(saved, "y_m") : std::nullopt;
    if (x && y) {
      ship.x_m = std::clamp(*x, 0.0, size_m_);
      ship.y_m = std::clamp(*y, 0.0, size_m_);
    } else {
      std::uniform_real_distribution<double> anywhere(0.0, size_m_);
      ship.x_m = anywhere(random_);
      ship.y_m = anywhere(random_);
    }
    const EntityId id = next_id_++;
    index_.emplace(id, ships_.size());
    ships_.push_back(ship);
    views_.emplace_back();
    views_.back().id = id;
    views_.back().kind = kind_ship;
    show(ships_.size() - 1);
    return id;
  }

  std::string leave(EntityId entity) override {
    const auto found = index_.find(entity);
    if (found == index_.end()) return "{}";
    const std::size_t at = found->second;
    const Json state{{"x_m", std::round(ships_[at].x_m * 100) / 100}, {"y_m", std::round(ships_[at].y_m * 100) / 100}};
    index_.erase(found);
    if (at + 1 != ships_.size()) {
      ships_[at] = ships_.back();
      views_[at] = views_.back();
      index_[views_[at].id] = at;
    }
    ships_.pop_back();
    views_.pop_back();
    return state.dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  void input(EntityId entity, std::int8_t move_x, std::int8_t move_y, std::uint8_t buttons) override {
    const auto found = index_.find(entity);
    if (found == index_.end()) return;
    Ship& ship = ships_[found->second];
    ship.thrust_x = move_x / 127.0;
    ship.thrust_y = move_y / 127.0;
    const double length = std::hypot(ship.thrust_x, ship.thrust_y);
    if (length > 1) {
      ship.thrust_x /= length;
      ship.thrust_y /= length;
    }
    ship.boost = (buttons & button_boost) != 0;
  }

  void step(Duration dt) override {
    const double seconds = std::chrono::duration<double>(dt).count();
    const double kept = std::exp(-drag_per_s * seconds);
    for (std::size_t i = 0; i < ships_.size(); ++i) {
      Ship& ship = ships_[i];
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
      show(i);
    }
  }

  std::span<const EntityView> entities() const override { return views_; }
  std::int32_t size_cm() const override { return static_cast<std::int32_t>(size_m_ * cm_per_m); }

 private:
  /// Moves along one axis; the border stops a ship.
  void advance(double& position_m, double& speed_m_s, double seconds) const {
    position_m += speed_m_s * seconds;
    if (position_m >= 0 && position_m <= size_m_) return;
    position_m = std::clamp(position_m, 0.0, size_m_);
    speed_m_s = 0;
  }

  void show(std::size_t at) {
    EntityView& view = views_[at];
    const Ship& ship = ships_[at];
    view.x_cm = static_cast<std::int32_t>(std::lround(ship.x_m * cm_per_m));
    view.y_cm = static_cast<std::int32_t>(std::lround(ship.y_m * cm_per_m));
    view.vx_cm_s = static_cast<std::int16_t>(std::lround(ship.vx_m_s * cm_per_m));
    view.vy_cm_s = static_cast<std::int16_t>(std::lround(ship.vy_m_s * cm_per_m));
  }

  double size_m_;
  std::mt19937_64 random_;
  EntityId next_id_ = 1;
  // views_[i] is what is shown of ships_[i].
  std::vector<Ship> ships_;
  std::vector<EntityView> views_;
  std::unordered_map<EntityId, std::size_t> index_;
};

}  // namespace

Result<std::unique_ptr<World>> World::make(std::string_view json, std::uint64_t seed) {
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
  return std::unique_ptr<World>(std::make_unique<Ships>(size_m, seed));
}

}  // namespace orrery::space
