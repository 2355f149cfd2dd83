// Whether a line of a server's output is the one by which it is ready.
#pragma once

#include <regex.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace orrery::agents {

/// What of a line is looked at.
inline constexpr std::size_t matched_line_bytes_max = 4096;

class OutputMatch {
 public:
  OutputMatch() = default;
  ~OutputMatch();
  OutputMatch(const OutputMatch&) = delete;
  OutputMatch& operator=(const OutputMatch&) = delete;

  /// Compiles a POSIX extended regular expression, once and before anything else. Error of code EINVAL when it is none,
  /// or more than a shim can afford: longer than 1,000 bytes, with intervals that make it too large, with
  /// back-references (no POSIX, and without bound in time).
  Status open(const std::string& pattern);
  /// More of the output, in pieces of any size. True once a line, without its end (a line feed, a carriage return
  /// before it), matches; what follows that is not looked at.
  bool add(std::string_view text);
  /// The output is over: whether its last line, which has no end, matches.
  bool finish();

 private:
  bool line_matches();

  regex_t regex_{};
  bool is_open_ = false;
  std::string line_;  // its beginning
};

}  // namespace orrery::agents
