// Who holds how many places of a table that anybody may take one of, by network (/32, /64), and whose is taken for a
// newcomer when none is free: that of the oldest of the network that holds most. Whoever comes from few networks
// crowds out himself, and one that comes from many gets what each newcomer gets.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>

#include "base/address.h"

namespace orrery::wire {

class FairShare {
 public:
  /// Places are numbered as they are taken: the least is the oldest. `place` must not be held already.
  void add(const Address& from, std::uint64_t place);
  /// Nothing happens when it is not held.
  void remove(const Address& from, std::uint64_t place);
  std::size_t held_by(const Address& from) const;
  /// The place that a newcomer takes: the oldest of those of the network that holds most, when that holds more than
  /// `ahead` more than the newcomer's. With 1 two networks do not take each other's places in turn.
  std::optional<std::uint64_t> gives_way_to(const Address& newcomer, std::size_t ahead = 0) const;

 private:
  using Line = std::set<std::uint64_t>;
  using Rank = std::tuple<std::size_t, std::uint64_t, Address>;  // ~held, oldest: the first gives way first
  static Rank rank(const Address& network, const Line& line) { return {~line.size(), *line.begin(), network}; }

  std::unordered_map<Address, Line> lines_;  // by network; none is empty
  std::set<Rank> ranks_;                     // of each line
};

}  // namespace orrery::wire
