#include "sessiond/visibility.h"

#include <algorithm>
#include <cmath>

namespace orrery::sessiond {
namespace {

/// Bounds what filling costs for a large and empty world.
constexpr std::uint32_t side_max = 256;
/// Entities that a cell holds where they are spread evenly: few enough that what is far is not looked at, enough that
/// the nearest are within the first rings.
constexpr std::size_t entities_per_cell = 8;

std::uint64_t distance_squared(std::int32_t x1, std::int32_t y1, std::int32_t x2, std::int32_t y2) {
  const std::int64_t dx = std::int64_t{x1} - x2, dy = std::int64_t{y1} - y2;
  return static_cast<std::uint64_t>(dx * dx + dy * dy);
}

}  // namespace

Visibility::Visibility(std::int32_t size_cm, std::int32_t view_cm, std::size_t visible)
    : size_cm_(size_cm),
      view_weighed_(unseen_weight * static_cast<std::uint64_t>(std::int64_t{view_cm} * view_cm)),
      visible_(visible) {}

std::uint32_t Visibility::cell_of(std::int32_t cm) const {
  return std::min(static_cast<std::uint32_t>(std::max(cm, 0) / cell_cm_), side_ - 1);
}

void Visibility::fill(std::span<const Place> places) {
  places_ = places;
  const double cells = static_cast<double>(places.size()) / static_cast<double>(entities_per_cell);
  side_ = std::clamp(static_cast<std::uint32_t>(std::sqrt(cells)), 1u, side_max);
  cell_cm_ = size_cm_ / static_cast<std::int32_t>(side_) + 1;
  starts_.assign(std::size_t{side_} * side_ + 1, 0);
  cells_.resize(places.size());
  marked_.resize(places.size());
  std::size_t count = 0;
  for (std::size_t slot = 0; slot < places.size(); ++slot) {
    if (places[slot].id == 0) continue;
    cells_[slot] = cell_of(places[slot].y_cm) * side_ + cell_of(places[slot].x_cm);
    ++starts_[cells_[slot] + 1];
    ++count;
  }
  for (std::size_t cell = 1; cell < starts_.size(); ++cell) starts_[cell] += starts_[cell - 1];
  standing_.resize(count);
  // Each start moves to its cell's end, which is the next one's start.
  for (std::size_t slot = 0; slot < places.size(); ++slot)
    if (places[slot].id != 0)
      standing_[starts_[cells_[slot]]++] = {places[slot].x_cm, places[slot].y_cm, static_cast<std::uint32_t>(slot),
                                            places[slot].id};
  std::copy_backward(starts_.begin(), starts_.end() - 1, starts_.end());
  starts_[0] = 0;
}

void Visibility::scan(std::uint32_t x, std::uint32_t y, std::uint32_t self, std::uint64_t weighed_max) {
  const std::size_t cell = std::size_t{y} * side_ + x;
  const Place& me = places_[self];
  for (std::uint32_t at = starts_[cell]; at < starts_[cell + 1]; ++at) {
    const Standing& other = standing_[at];
    const std::uint64_t weighed = unseen_weight * distance_squared(other.x_cm, other.y_cm, me.x_cm, me.y_cm);
    if (weighed > weighed_max || marked_[other.slot] == look_) continue;
    near_.push_back({weighed, other.id, other.slot, none});
  }
}

void Visibility::keep_nearest() {
  if (near_.size() <= visible_) return;
  std::nth_element(near_.begin(), near_.begin() + static_cast<std::ptrdiff_t>(visible_ - 1), near_.end());
  near_.resize(visible_);
}

std::span<const Visibility::Sighted> Visibility::look(std::uint32_t self, std::span<const std::uint32_t> seen) {
  result_.clear();
  near_.clear();
  if (visible_ == 0) return result_;
  if (++look_ == 0) {
    std::fill(marked_.begin(), marked_.end(), 0);
    look_ = 1;
  }
  const Place& me = places_[self];
  marked_[self] = look_;
  for (std::uint32_t i = 0; i < seen.size(); ++i) {
    const std::uint32_t slot = seen[i];
    if (places_[slot].id == 0 || marked_[slot] == look_) continue;
    const auto& other = places_[slot];
    const std::uint64_t weighed = seen_weight * distance_squared(other.x_cm, other.y_cm, me.x_cm, me.y_cm);
    if (weighed > view_weighed_) continue;
    marked_[slot] = look_;
    near_.push_back({weighed, other.id, slot, i});
  }
  // Ring by ring of cells around one's own, until what is farther out is too far.
  const std::uint32_t cell_x = cells_[self] % side_, cell_y = cells_[self] / side_;
  const std::uint32_t rings = std::max(std::max(cell_x, side_ - 1 - cell_x), std::max(cell_y, side_ - 1 - cell_y));
  std::uint64_t weighed_max = view_weighed_;
  for (std::uint32_t ring = 0; ring <= rings; ++ring) {
    if (near_.size() >= visible_) {
      keep_nearest();
      weighed_max = std::max_element(near_.begin(), near_.end())->weighed;
    }
    // The nearest that an entity of this ring can be: in a cell beside the square of those before.
    const std::int64_t x = std::clamp(me.x_cm, 0, size_cm_), y = std::clamp(me.y_cm, 0, size_cm_);
    const std::int64_t inner =
        ring == 0
            ? 0
            : std::min({x - (std::int64_t{cell_x} - ring + 1) * cell_cm_, (std::int64_t{cell_x} + ring) * cell_cm_ - x,
                        y - (std::int64_t{cell_y} - ring + 1) * cell_cm_,
                        (std::int64_t{cell_y} + ring) * cell_cm_ - y});
    if (inner > 0 && unseen_weight * static_cast<std::uint64_t>(inner * inner) > weighed_max) break;
    const std::uint32_t left = cell_x - std::min(ring, cell_x), right = std::min(cell_x + ring, side_ - 1);
    const std::uint32_t top = cell_y - std::min(ring, cell_y), bottom = std::min(cell_y + ring, side_ - 1);
    for (std::uint32_t row = top; row <= bottom; ++row) {
      const bool whole = row + ring == cell_y || row == cell_y + ring;
      if (whole) {
        for (std::uint32_t column = left; column <= right; ++column) scan(column, row, self, weighed_max);
        continue;
      }
      if (left + ring == cell_x) scan(left, row, self, weighed_max);
      if (right == cell_x + ring && right != left) scan(right, row, self, weighed_max);
    }
  }
  keep_nearest();
  std::sort(near_.begin(), near_.end());
  for (const Near& one : near_) result_.push_back({one.slot, one.seen});
  return result_;
}

}  // namespace orrery::sessiond
