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
/// JSON as text; never throws: what is no UTF-8 is replaced.
inline std::string to_text(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace orrery::agents
