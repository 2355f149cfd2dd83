// What everything in the wire's simulation shares: time, chance, the trace, counts, and the random bytes of the
// processes.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "base/bytes.h"
#include "base/random.h"
#include "sim/virtual_time.h"

namespace orrery::wire_sim {

using namespace std::chrono_literals;
using sim::Broken;
using sim::Chance;
using sim::Clock;
using sim::Time;
using sim::Timeline;

struct World {
  Timeline timeline;
  Chance chance;
  sim::Trace trace{timeline};
  std::map<std::string, std::uint64_t> counts;  // what happened how often
  bool calm = false;                            // nothing fails any more
  std::uint64_t processes = 0;                  // that ever were: their numbers

  explicit World(std::uint64_t seed) : chance(seed) {}
  Time now() const { return timeline.now(); }
  void count(const std::string& what) { ++counts[what]; }
  template <class... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) {
    trace.add(fmt::format(format, std::forward<Args>(args)...));
  }
};

/// Random bytes of one process, by seed. It remembers the latest 32-byte draws, among which are ephemeral keys: what a
/// checker needs to open a login's packets.
class ProcessRandom final : public Random {
 public:
  explicit ProcessRandom(std::uint64_t seed) : chance_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i % 8 == 0) word = chance_.next();
      out[i] = static_cast<std::uint8_t>(word >> (i % 8 * 8));
    }
    if (out.size() != sizeof(Key32)) return;
    Key32 key;
    std::copy(out.begin(), out.end(), key.begin());
    drawn_.push_back(key);
    if (drawn_.size() > keep) drawn_.pop_front();
  }
  const std::deque<Key32>& drawn() const { return drawn_; }

 private:
  static constexpr std::size_t keep = 128;
  Chance chance_;
  std::deque<Key32> drawn_;
};

}  // namespace orrery::wire_sim
