// What servers leave on disk and nobody needs: looked for and removed on a thread of its own, however much it is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace orrery::agents {

/// Whether this machine's clock has been known to go without a step for `seconds`: what it shows is then how old a file
/// is. `path` keeps what is known; to be asked once an hour. After a gap of more than a day, or a step backwards,
/// nothing is known. Times are in seconds since 1970. Error when it cannot be kept.
Result<bool> is_clock_known(const std::string& path, std::int64_t now, std::int64_t seconds);
/// What lies in `directory` and was not touched since `before`, by the newest time in it.
std::vector<std::string> old_in(const std::string& directory, std::int64_t before);

/// Of one thread, which alone calls it.
class Leftovers {
 public:
  Leftovers();
  /// Leaves what is not removed yet to the next one.
  ~Leftovers();
  Leftovers(const Leftovers&) = delete;
  Leftovers& operator=(const Leftovers&) = delete;

  /// Error when the system gives no thread.
  Status start();
  /// Takes `path` away at once, by another name in its directory, and removes it soon. Well when there is none.
  Status remove(const std::string& path);
  /// Removes, soon, what was taken away in `directory`, by whomever.
  void remove_taken(const std::string& directory);
  /// Looks, soon, for what is in `directories` since `seconds` ago; nothing unless is_clock_known.
  void look_for_old(const std::string& known_path, std::vector<std::string> directories, std::int64_t seconds);
  /// What was found since the last asking.
  std::vector<std::string> found();
  /// What went wrong since the last asking.
  std::vector<std::string> errors();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // the thread's too: it may hang in the disk when this is gone
};

}  // namespace orrery::agents
