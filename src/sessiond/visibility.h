// Who sees whom: the nearest entities within a view, by a grid of cells filled with a counting sort. Who is seen stays
// seen until it is clearly farther than those who are not, so that nobody flickers at the edge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "space/world.h"

namespace orrery::sessiond {

/// Where the entity of a slot is; `id` 0: the slot is empty.
struct Place {
  space::EntityId id = 0;
  std::int32_t x_cm = 0;
  std::int32_t y_cm = 0;
};

class Visibility {
 public:
  /// One that is seen counts as so much nearer than it is: the K-th nearest replaces it, and the view loses it, only
  /// when it is a quarter farther.
  static constexpr std::uint64_t seen_weight = 16, unseen_weight = 25;  // of squared distances: 4² and 5²

  /// A square of `size_cm`, seen `view_cm` far; at most `visible` others are seen at once. `size_cm`, `view_cm` > 0.
  Visibility(std::int32_t size_cm, std::int32_t view_cm, std::size_t visible);

  /// Takes where everything is, by slot; borrowed until the next call. One outside the square counts as at its edge.
  void fill(std::span<const Place> places);
  struct Sighted {
    std::uint32_t slot;
    std::uint32_t seen;  // its place in `seen`; none when it was not there
  };
  static constexpr std::uint32_t none = UINT32_MAX;
  /// Those that the entity of slot `self` sees, from the nearest on, itself not among them. `seen`: slots of those that
  /// it saw before, each once; empty ones are ignored. Borrowed until the next call.
  std::span<const Sighted> look(std::uint32_t self, std::span<const std::uint32_t> seen);

 private:
  struct Near {
    std::uint64_t weighed;  // squared distance times its weight
    space::EntityId id;
    std::uint32_t slot, seen;
    auto operator<=>(const Near&) const = default;
  };
  struct Standing {  // what looking reads of an entity, cell by cell
    std::int32_t x_cm, y_cm;
    std::uint32_t slot;
    space::EntityId id;
  };
  std::uint32_t cell_of(std::int32_t cm) const;
  void scan(std::uint32_t x, std::uint32_t y, std::uint32_t self, std::uint64_t weighed_max);
  void keep_nearest();

  std::int32_t size_cm_;
  std::uint64_t view_weighed_;
  std::size_t visible_;
  std::int64_t cell_cm_ = 1;
  std::uint32_t side_ = 1;  // cells along one side
  std::span<const Place> places_;
  std::vector<std::uint32_t> starts_;  // of each cell in standing_, and the end
  std::vector<std::uint32_t> cells_;   // of each slot
  std::vector<Standing> standing_;
  std::vector<std::uint32_t> marked_;  // by slot: the look that has taken it among the seen
  std::uint32_t look_ = 0;
  std::vector<Near> near_;
  std::vector<Sighted> result_;
};

}  // namespace orrery::sessiond
