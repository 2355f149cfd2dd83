// Receiver ids that this side gave out, and whom each stands for. An id's low 20 bits index the table; the rest is
// random.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.h"

namespace orrery::wire {

class ReceiverTable {
 public:
  enum class Kind : std::uint8_t {
    none,
    half_open,  // value: index in the half-open table
    waiting,    // value: session whose attach waits for a first packet
    live        // value: index of the connection
  };
  struct Target {
    Kind kind = Kind::none;
    std::uint64_t value = 0;
  };

  /// A new id; 0 when all 2^20 are given out.
  std::uint32_t add(Target target, Random& random);
  /// Kind::none when the id is not given out.
  Target find(std::uint32_t id) const;
  /// Both only for ids given out.
  void set(std::uint32_t id, Target target);
  void remove(std::uint32_t id);

 private:
  static constexpr std::uint32_t index_bits = 20;
  static constexpr std::uint32_t index_mask = (1u << index_bits) - 1;
  struct Entry {
    std::uint32_t id = 0;
    Target target;
  };
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
};

}  // namespace orrery::wire
