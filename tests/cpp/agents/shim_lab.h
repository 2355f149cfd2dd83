// Servers with shims, with their agent or without it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <variant>
#include <vector>

#include "agents/run_dir.h"
#include "toy_server.h"

namespace orrery::agents {

using namespace std::chrono_literals;
using Phase = ShimState::Phase;

class ShimTest : public HostTest {
 protected:
  /// Waits, without an agent, until its end is written down and its shim is gone.
  ShimState ends_alone(const Spawn& spawn) {
    EXPECT_TRUE(until([&] { return state(spawn).phase == Phase::exited && *lock_of(run_dir(spawn)) == Lock::free; }));
    return state(spawn);
  }
  int shim_pid(const Spawn& spawn) const { return state(spawn).shim_pid; }
  template <class E>
  static const E* only(const std::vector<Event>& events) {
    EXPECT_EQ(events.size(), 1u);
    return events.size() == 1 ? std::get_if<E>(&events[0]) : nullptr;
  }
  std::uint64_t log_bytes(std::uint64_t id = 1) const {
    std::uint64_t sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/log")) {
      if (entry.path().string().starts_with(log_path(id))) sum += entry.file_size();
    }
    return sum;
  }
};

}  // namespace orrery::agents
