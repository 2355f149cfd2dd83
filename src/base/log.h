// Log set-up: one line an event on stderr, UTC, level, process; spdlog underneath.
#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace orrery {

/// Sets the process's log: `name` in each line, `level` one of trace, debug, info, warn, error. Unknown levels are
/// info.
void log_open(const std::string& name, const std::string& level);

}  // namespace orrery
