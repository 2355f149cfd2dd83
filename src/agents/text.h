// Text that others wrote, made fit for a line of the log or for JSON.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace orrery::agents {

/// One line: each control character becomes '?'.
inline std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}
/// Printable ASCII, valid wherever it is cut: each other byte becomes '?'.
inline std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return text;
}
/// At most so many bytes of it, no character of UTF-8 cut in two.
inline std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && bytes_max - end < 3 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text;
}
/// JSON as text; never throws: what is no UTF-8 is replaced.
inline std::string to_text(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace orrery::agents
