// What the tests over seeds share: how they are told which, and how they show what a failing one did last.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

namespace orrery::sim {

/// An environment variable's number; `otherwise` without one.
inline std::uint64_t number_of(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text && *text ? std::stoull(text) : otherwise;
}

/// The last steps of a run, a line each.
template <class Outcome>
std::string lines_of(const Outcome& outcome) {
  std::string text;
  for (const std::string& line : outcome.last) text += "  " + line + "\n";
  return text;
}

}  // namespace orrery::sim
