// How a load of the echo bench plays.
#pragma once

#include <algorithm>
#include <iostream>
#include <string>

#include "base/clock.h"

namespace orrery::bench {

using std::chrono::milliseconds;

inline std::uint64_t sent = 0, received = 0;

inline void wait_for_line() {
  std::string line;
  std::getline(std::cin, line);
}
inline int failed(const std::string& what) {
  std::cerr << what << "\n";
  return 1;
}
inline void report() { std::cout << "{\"sent\":" << sent << ",\"received\":" << received << "}" << std::endl; }

/// For `seconds`, `per_second` datagrams evenly over time, the next session's each: `send_one(session)`, and
/// `collect()` for what came back meanwhile. Evenly, as the datagrams of many players come: in bursts all servers look
/// cheaper.
template <class Send, class Collect>
void play(std::size_t sessions, std::size_t seconds, std::size_t per_second, Send&& send_one, Collect&& collect) {
  const Instant begun = BootClock::now();
  const std::size_t whole = per_second * seconds;
  for (std::size_t next = 0; next < whole;) {
    const auto passed = std::chrono::duration<double>(BootClock::now() - begun).count();
    const auto due = std::min(whole, static_cast<std::size_t>(passed * static_cast<double>(per_second)));
    for (; next < due; ++next) send_one(next % sessions);
    sent = next;
    collect();
  }
  const Instant patience = BootClock::now() + milliseconds{200};
  while (received < sent && BootClock::now() < patience) collect();
}

}  // namespace orrery::bench
