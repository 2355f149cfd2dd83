// What a shim writes, on a thread of its own: its loop waits for no disk while the server lives.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agents/shim_plan.h"
#include "base/result.h"

namespace orrery::agents {

/// Of a log's text that waits for the disk.
inline constexpr std::size_t log_queue_bytes_max = 4 << 20;

/// Of one thread, which alone calls it.
class ShimDisk {
 public:
  /// Keeps the log as LogFile does, and the state in `state_fd`, which stays open as long as the process.
  ShimDisk(std::string log, std::uint64_t bytes_max, unsigned files, int state_fd);
  /// Begins to write. Error when the system gives no thread.
  Status start();
  /// Leaves what is not written yet.
  ~ShimDisk();
  ShimDisk(const ShimDisk&) = delete;
  ShimDisk& operator=(const ShimDisk&) = delete;

  /// Appends to the log, soon. What finds log_queue_bytes_max waiting is dropped and counted; the log says so.
  void log(std::string_view text);
  /// Writes the state, soon, unless a newer one comes before.
  void keep(const ShimState& state);
  /// Writes the state and returns when it is written: false when the system refuses. Waits for the disk. No keep() may
  /// follow.
  bool keep_last(const ShimState& state);
  /// Waits until the log is written, for so long at most.
  void finish(Duration limit);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // the thread's too: it may hang in the disk when this is gone
};

}  // namespace orrery::agents
