// When players are told that their cluster shuts down: once when it is announced, then at marks, and when it is
// cancelled.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"

namespace orrery::sessiond {

/// What the agent says of the cluster (docs/control.md, local datagrams).
struct ClusterNews {
  std::string name, state;
  std::optional<std::int64_t> stops_in_ms;
  std::uint64_t notice_id = 0;
};

/// One notice to every client; the fields are proto Notice's.
struct ShutdownNotice {
  enum class Kind { warning, countdown, cancelled };
  Kind kind;
  std::uint64_t notice_id;
  std::uint32_t seconds_left;
  std::string text;
};

class ShutdownCountdown {
 public:
  /// Takes news, which may be repeated; a notice when they are new.
  std::optional<ShutdownNotice> on_news(const ClusterNews& news, Instant now);
  /// The mark that has been reached, if one has. Marks that were slept through are skipped but for the last.
  std::optional<ShutdownNotice> poll(Instant now);
  std::optional<Instant> next_deadline() const;
  /// The warning, for a client that connects in the middle of a shutdown.
  std::optional<ShutdownNotice> current(Instant now) const;

 private:
  void aim(Instant now);

  std::string cluster_;
  std::uint64_t notice_id_ = 0;  // 0: no shutdown is under way
  Instant stops_at_{};
  std::uint32_t next_mark_s_ = 0;  // 0: no mark is left
};

}  // namespace orrery::sessiond
