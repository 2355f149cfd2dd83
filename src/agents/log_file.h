// A server's log: appended to, and kept within bytes_max × files by renaming. Waits for the disk (ShimDisk does not).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agents/fd.h"
#include "base/clock.h"

namespace orrery::agents {

class LogFile {
 public:
  /// At `bytes_max` `path` becomes path.1, that path.2, up to path.<files - 1>; what was there is lost.
  LogFile(std::string path, std::uint64_t bytes_max, unsigned files);

  /// Appends `text`, cut between files at line ends where it can be. What the disk does not take is dropped and
  /// counted; the log says so once there is room again. A disk that took nothing is asked again a second later.
  void write(std::string_view text, Instant now);
  /// Counts what never came to write(), and why; said before what is written next.
  void drop(std::uint64_t bytes, const std::string& why);
  /// The last chance to say what was dropped.
  void finish();
  std::uint64_t dropped_bytes() const { return dropped_bytes_; }

 private:
  bool open_file();
  void rotate();
  bool make_room(std::uint64_t bytes);
  bool put(std::string_view text);
  bool say_dropped();

  std::string path_;
  std::uint64_t bytes_max_;
  unsigned files_;
  Fd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t dropped_bytes_ = 0;
  std::string dropped_why_;
  bool line_open_ = false;
  Instant again_at_{};
};

}  // namespace orrery::agents
