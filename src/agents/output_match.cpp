#include "agents/output_match.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace orrery::agents {
namespace {

constexpr std::size_t pattern_bytes_max = 1000;
// Of a pattern with all that its intervals repeat written out, about; some 200 bytes of memory each.
constexpr std::uint64_t pattern_size_max = 100'000;

bool has_back_reference(std::string_view pattern) {
  for (std::size_t at = pattern.find('\\'); at < pattern.size() - 1; at = pattern.find('\\', at + 2)) {
    if (pattern[at + 1] >= '1' && pattern[at + 1] <= '9') return true;
  }
  return false;
}

// As if each interval held the others.
std::uint64_t size_of(std::string_view pattern) {
  std::uint64_t size = pattern.size();
  for (std::size_t at = pattern.find('{'); at < pattern.size(); at = pattern.find('{', at + 1)) {
    std::uint64_t most = 1;
    for (const char* next = pattern.data() + at;
         next != pattern.data() + pattern.size() && (*next == '{' || *next == ',');) {
      std::uint64_t number = 0;
      const auto [end, error] = std::from_chars(next + 1, pattern.data() + pattern.size(), number);
      if (error == std::errc::result_out_of_range) number = pattern_size_max;
      most = std::max(most, std::min(number, pattern_size_max));
      next = end > next + 1 ? end : next + 1;
    }
    size = std::min(size * most, pattern_size_max + 1);
  }
  return size;
}

}  // namespace

OutputMatch::~OutputMatch() {
  if (is_open_) regfree(&regex_);
}

Status OutputMatch::open(const std::string& pattern) {
  const auto refused = [](const std::string& why) { return Error{"EINVAL: its ready pattern: " + why, "EINVAL"}; };
  if (pattern.empty()) return refused("there is none");
  if (pattern.size() > pattern_bytes_max) return refused("longer than " + std::to_string(pattern_bytes_max) + " bytes");
  if (pattern.find('\0') != std::string::npos) return refused("it has a null byte");
  if (has_back_reference(pattern)) return refused("back-references are not POSIX");
  if (size_of(pattern) > pattern_size_max) return refused("it repeats too much");
  if (const int error = regcomp(&regex_, pattern.c_str(), REG_EXTENDED | REG_NOSUB); error != 0) {
    std::array<char, 200> words{};
    regerror(error, &regex_, words.data(), words.size());
    return refused(words.data());
  }
  is_open_ = true;
  return ok();
}

bool OutputMatch::add(std::string_view text) {
  for (;;) {
    const auto end = text.find('\n');
    // A carriage return may stand after the last byte that is looked at.
    line_.append(text.substr(0, std::min(end, matched_line_bytes_max + 1 - line_.size())));
    if (end == std::string_view::npos) return false;
    if (line_matches()) return true;
    text.remove_prefix(end + 1);
  }
}

bool OutputMatch::finish() { return !line_.empty() && line_matches(); }

bool OutputMatch::line_matches() {
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  regmatch_t part{};
  part.rm_eo = static_cast<regoff_t>(std::min(line_.size(), matched_line_bytes_max));
  const bool matches = regexec(&regex_, line_.c_str(), 1, &part, REG_STARTEND) == 0;
  line_.clear();
  return matches;
}

}  // namespace orrery::agents
