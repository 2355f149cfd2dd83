// Showing something again and again, and waiting for it: --watch and --wait.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "options.h"

namespace orrery::cli {

/// Adds --watch to `command`.
std::shared_ptr<bool> add_watch(CLI::App& command);

/// Runs `show` once, or with `again` each second until the process is interrupted: on a terminal in the place of what
/// was shown before (not with --json), elsewhere below it.
void watch(const Options& options, bool again, const std::function<void()>& show);

/// What --wait [SECONDS] said.
struct Wait {
  bool asked = false;
  std::optional<double> seconds;  ///< unset: as long as it takes
};

/// Adds --wait [SECONDS] to `command`.
std::shared_ptr<Wait> add_wait(CLI::App& command, const std::string& help);

/// Returns when `lacks`, asked four times a second, answers nothing; says on stderr what it answers when that changes.
/// Throws Failure when `wait.seconds` have passed: that `what` is not so, with the last answer as detail and `hint`.
void wait_until(const Wait& wait, const std::string& what, const std::string& hint,
                const std::function<std::string()>& lacks);

}  // namespace orrery::cli
