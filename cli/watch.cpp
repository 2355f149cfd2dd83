#include "watch.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <sstream>
#include <thread>

#include "database.h"

namespace orrery::cli {
namespace {

constexpr std::chrono::milliseconds kPoll{250};
constexpr std::chrono::seconds kWatch{1};
constexpr double kWaitSecondsMax = 86400;

}  // namespace

std::shared_ptr<bool> add_watch(CLI::App& command) {
  auto again = std::make_shared<bool>(false);
  command.add_flag("--watch", *again, "Again each second, until interrupted");
  return again;
}

void watch(const Options& options, bool again, const std::function<void()>& show) {
  const bool clears = again && !options.json && isatty(STDOUT_FILENO) != 0;
  for (;; std::this_thread::sleep_for(kWatch)) {
    if (clears) std::cout << "\033[H\033[2J";
    show();
    std::cout << std::flush;
    if (!again) return;
  }
}

std::shared_ptr<Wait> add_wait(CLI::App& command, const std::string& help) {
  auto wait = std::make_shared<Wait>();
  command
      .add_option_function<std::string>(
          "--wait",
          [wait](const std::string& text) {
            wait->asked = true;
            if (text.empty() || text == "true") return;
            std::size_t end = 0;
            double seconds = -1;
            try {
              seconds = std::stod(text, &end);
            } catch (const std::logic_error&) {
              end = 0;
            }
            if (end != text.size() || !(seconds >= 0 && seconds <= kWaitSecondsMax)) {
              throw CLI::ValidationError("--wait", "'" + text + "' is not 0 to 86400 seconds");
            }
            wait->seconds = seconds;
          },
          help)
      ->expected(0, 1)
      ->type_name("[SECONDS]");
  return wait;
}

void wait_until(const Wait& wait, const std::string& what, const std::string& hint,
                const std::function<std::string()>& lacks) {
  const auto began = std::chrono::steady_clock::now();
  std::string shown;
  for (;; std::this_thread::sleep_for(kPoll)) {
    const std::string now = lacks();
    if (now.empty()) return;
    if (now != shown) std::cerr << now << '\n';
    shown = now;
    const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - began;
    if (wait.seconds && waited.count() >= *wait.seconds) {
      std::ostringstream words;
      words << what << " after " << *wait.seconds << " s";
      throw Failure(words.str(), "", now, hint);
    }
  }
}

}  // namespace orrery::cli
