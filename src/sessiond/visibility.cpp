#include "sessiond/visibility.h"

#include <algorithm>

namespace orrery::sessiond {
namespace {

/// Bounds what filling costs for a large and empty world.
constexpr std::int32_t side_max = 64;

}  // namespace

Visibility::Visibility(std::int32_t size_cm, std::int32_t view_cm, std::size_t visible)
    : view_cm_(view_cm),
      visible_(visible),
      cell_cm_(std::max(view_cm, size_cm / side_max + 1)),
      side_(static_cast<std::uint32_t>(size_cm / cell_cm_ + 1)) {}

std::uint32_t Visibility::cell_of(std::int32_t cm) const {
  return std::min(static_cast<std::uint32_t>(std::max(cm, 0) / cell_cm_), side_ - 1);
}

void Visibility::fill(std::span<const space::EntityView> entities) {
  entities_ = entities;
  starts_.assign(std::size_t{side_} * side_ + 1, 0);
  cells_.resize(entities.size());
  order_.resize(entities.size());
  for (std::size_t i = 0; i < entities.size(); ++i) {
    cells_[i] = cell_of(entities[i].y_cm) * side_ + cell_of(entities[i].x_cm);
    ++starts_[cells_[i] + 1];
  }
  for (std::size_t cell = 1; cell < starts_.size(); ++cell) starts_[cell] += starts_[cell - 1];
  auto next = starts_;
  for (std::size_t i = 0; i < entities.size(); ++i) order_[next[cells_[i]]++] = static_cast<std::uint32_t>(i);
}

std::span<const std::uint32_t> Visibility::seen_by(std::uint32_t self) {
  const auto& me = entities_[self];
  const std::uint32_t cell_x = cells_[self] % side_, cell_y = cells_[self] / side_;
  const auto view_squared = static_cast<std::uint64_t>(view_cm_ * view_cm_);
  near_.clear();
  // A cell is at least as wide as the view, so the nine around hold all that can be seen.
  for (std::uint32_t y = cell_y == 0 ? 0 : cell_y - 1; y <= std::min(cell_y + 1, side_ - 1); ++y) {
    for (std::uint32_t x = cell_x == 0 ? 0 : cell_x - 1; x <= std::min(cell_x + 1, side_ - 1); ++x) {
      const std::size_t cell = std::size_t{y} * side_ + x;
      for (std::uint32_t at = starts_[cell]; at < starts_[cell + 1]; ++at) {
        const std::uint32_t index = order_[at];
        if (index == self) continue;
        const std::int64_t dx = std::int64_t{entities_[index].x_cm} - me.x_cm;
        const std::int64_t dy = std::int64_t{entities_[index].y_cm} - me.y_cm;
        const auto distance_squared = static_cast<std::uint64_t>(dx * dx + dy * dy);
        if (distance_squared <= view_squared) near_.push_back({distance_squared, index});
      }
    }
  }
  const std::size_t others = std::min(near_.size(), visible_ - 1);
  std::partial_sort(near_.begin(), near_.begin() + static_cast<std::ptrdiff_t>(others), near_.end(),
                    [this](const Seen& a, const Seen& b) {
                      if (a.distance_squared != b.distance_squared) return a.distance_squared < b.distance_squared;
                      return entities_[a.index].id < entities_[b.index].id;
                    });
  result_.clear();
  result_.push_back(self);
  for (std::size_t i = 0; i < others; ++i) result_.push_back(near_[i].index);
  return result_;
}

}  // namespace orrery::sessiond
