// What the agent tells systemd of itself (sd_notify), when systemd started it; else nothing is told.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace orrery::agents {

class ServiceManager {
 public:
  /// Takes NOTIFY_SOCKET and WATCHDOG_USEC out of the environment, so that no child speaks in the agent's name.
  ServiceManager();
  /// "READY=1" and the like, lines for several.
  void tell(const std::string& words);
  /// STATUS=, when it is another one than before.
  void tell_status(const std::string& status);
  /// How often WATCHDOG=1 is to be told: a third of what systemd waits for. Nothing when it does not watch.
  std::optional<Duration> watchdog_every() const { return watchdog_every_; }

 private:
  std::string path_, status_;
  std::optional<Duration> watchdog_every_;
};

}  // namespace orrery::agents
