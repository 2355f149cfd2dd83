// Who sees whom: the nearest entities within a view, by a grid of cells filled with a counting sort.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "space/world.h"

namespace orrery::sessiond {

class Visibility {
 public:
  /// A square of `size_cm`, seen `view_cm` far; at most `visible` entities are seen at once. All greater than 0.
  Visibility(std::int32_t size_cm, std::int32_t view_cm, std::size_t visible);

  /// Takes the entities of this tick; borrowed until the next call. One outside the square counts to its nearest cell.
  void fill(std::span<const space::EntityView> entities);
  /// Indexes into `entities` of those that entity `self` (an index too) sees: itself first, then the others by distance
  /// and id. Borrowed until the next call.
  std::span<const std::uint32_t> seen_by(std::uint32_t self);

 private:
  struct Seen {
    std::uint64_t distance_squared;
    std::uint32_t index;
  };
  std::uint32_t cell_of(std::int32_t cm) const;

  std::int64_t view_cm_;
  std::size_t visible_;
  std::int32_t cell_cm_;
  std::uint32_t side_;  // cells along one side
  std::span<const space::EntityView> entities_;
  std::vector<std::uint32_t> starts_;  // of each cell in order_, and the end
  std::vector<std::uint32_t> order_;   // indexes of entities, cell by cell
  std::vector<std::uint32_t> cells_;   // of each entity
  std::vector<Seen> near_;
  std::vector<std::uint32_t> result_;
};

}  // namespace orrery::sessiond
