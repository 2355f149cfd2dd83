// How a load of the echo bench plays.
#pragma once

#include <algorithm>
#include <iostream>
#include <string>

#include "base/clock.h"

namespace orrery::bench {

using std::chrono::milliseconds;

inline std::uint64_t sent = 0, received = 0;

inline int failed(const std::string& what) {
  std::cerr << what << "\n";
  return 1;
}

/// Says "ready", then plays for each line of the standard input, and says {"sent","received"} so far. For `ms`
/// milliseconds, `per_second` datagrams evenly over time, the next session's each: `send_one(session)`, and `collect()`
/// for what came back meanwhile, and up to `patience` after. Evenly, as the datagrams of many players come: in bursts
/// all servers look cheaper.
template <class Send, class Collect>
void play(std::size_t sessions, std::size_t ms, std::size_t per_second, milliseconds patience, Send&& send_one,
          Collect&& collect) {
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const Instant begun = BootClock::now();
    const std::size_t first = sent, whole = per_second * ms / 1000;
    while (sent - first < whole) {
      const auto passed = std::chrono::duration<double>(BootClock::now() - begun).count();
      const auto due = first + std::min(whole, static_cast<std::size_t>(passed * static_cast<double>(per_second)));
      for (; sent < due; ++sent) send_one(sent % sessions);
      collect();
    }
    const Instant until = BootClock::now() + patience;
    while (received < sent && BootClock::now() < until) collect();
    std::cout << "{\"sent\":" << sent << ",\"received\":" << received << "}" << std::endl;
  }
}

}  // namespace orrery::bench
