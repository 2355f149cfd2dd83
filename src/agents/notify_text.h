// What a server says to its service manager, sd_notify(3): lines of NAME=value, of which those below mean something.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace orrery::agents {

struct NotifyText {
  bool is_ready = false;                  // READY=1
  bool is_stopping = false;               // STOPPING=1
  bool is_alive = false;                  // WATCHDOG=1
  bool is_stuck = false;                  // WATCHDOG=trigger
  std::optional<std::string> status{};    // STATUS=, the first; printable, at most said_bytes_max of it
  std::optional<std::string> counters{};  // X_ORRERY_COUNTERS=, the first, as it came
};

/// Of one datagram; anything may be in it.
NotifyText notify_text_of(std::string_view text);

}  // namespace orrery::agents
