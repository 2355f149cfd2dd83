// Time, counts and errors as AgentCore's sources write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "agents/text.h"
#include "base/clock.h"
#include "base/result.h"

namespace orrery::agents {

inline Duration from_ms(std::int64_t value) { return std::chrono::milliseconds{value}; }
inline std::int64_t to_ms(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }
inline std::string seconds_text(Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(d).count()) + " s";
}
/// "1 server", "2 servers".
inline std::string counted(std::size_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}
/// An error on one line, with its code and hint.
inline std::string words_of(const Error& error) {
  return one_line(error.message + (error.code.empty() ? "" : " [" + error.code + "]") +
                  (error.hint.empty() ? "" : " Hint: " + error.hint));
}

}  // namespace orrery::agents
