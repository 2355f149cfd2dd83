// orrery console: waits for login, chat and timers, then takes commands.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <sstream>
#include <thread>

#include "database.h"
#include "options.h"
#include "status.h"

namespace orrery::cli {
namespace {

constexpr const char* kHelp =
    "  status               what runs\n"
    "  start                start the cluster\n"
    "  shutdown SECONDS     warn every player, then stop\n"
    "  shutdown cancel      take a shutdown back\n"
    "  help                 this\n"
    "  quit                 leave; the cluster goes on\n";

/// What is missing before commands are taken, in words; empty when all is up.
std::string missing(Database& db, const Options& options) {
  std::string text;
  for (const std::string role : {"login", "chat"}) {
    if (!db.value("select true from orrery.server_status where kind = $1 and state = 'ready' and (cluster = $2 or "
                  "$2::text is null)",
                  {role, options.cluster})) {
      text += (text.empty() ? "" : ", ") + role;
    }
  }
  if (tick_trouble(db)) text += (text.empty() ? std::string() : std::string(", ")) + "timers";
  return text;
}

void wait_until_up(Database& db, const Options& options) {
  std::string shown;
  for (;; std::this_thread::sleep_for(std::chrono::milliseconds(250))) {
    const std::string now = missing(db, options);
    if (now != shown && !now.empty()) std::cout << "waiting for " << now << " …\n" << std::flush;
    shown = now;
    if (now.empty()) break;
  }
  std::cout << "login, chat and timers are up\n";
}

/// Runs one line; false: leave.
bool run_line(Database& db, const Options& options, const std::string& line) {
  std::istringstream words(line);
  std::string verb;
  std::string argument;
  std::string extra;
  words >> verb >> argument >> extra;
  if (verb.empty()) return true;
  if (verb == "quit" || verb == "exit") return false;
  if (!extra.empty()) throw Failure("'" + line + "' is not understood", "", "", "Type help.");
  if (verb == "help") {
    std::cout << kHelp;
  } else if (verb == "status") {
    print_status(db, options);
  } else if (verb == "start") {
    db.query("select orrery.cluster_start($1)", {options.cluster});
  } else if (verb == "shutdown" && argument == "cancel") {
    db.query("select orrery.cluster_shutdown_cancel($1)", {options.cluster});
  } else if (verb == "shutdown") {
    if (argument.empty()) throw Failure("shutdown in how many seconds?", "", "", "e.g. shutdown 300");
    db.query("select orrery.cluster_shutdown($1, $2)", {argument, options.cluster});
  } else {
    throw Failure("'" + verb + "' is no command", "", "", "Type help.");
  }
  return true;
}

void console(const Options& options) {
  Database db(options);
  wait_until_up(db, options);
  const bool prompts = isatty(STDIN_FILENO) != 0;
  const std::string prompt = options.cluster.value_or("orrery") + "> ";
  bool failed = false;
  std::string line;
  for (;;) {
    if (prompts) std::cout << prompt;
    std::cout << std::flush;
    if (!std::getline(std::cin, line)) break;
    try {
      if (!run_line(db, options, line)) break;
    } catch (const Failure& failure) {
      print_failure(failure);
      failed = true;
    }
  }
  if (failed && !prompts) throw Failure("not every command succeeded");
}

}  // namespace

void add_console(CLI::App& app, const Options& options) {
  CLI::App* command =
      app.add_subcommand("console", "Wait for login, chat and timers, then take commands (help lists them)");
  auto name = std::make_shared<std::string>();
  command->add_option("cluster", *name, "Cluster (default: --cluster, or as the database decides)");
  command->callback([name, &options] {
    Options own = options;
    if (!name->empty()) own.cluster = *name;
    console(own);
  });
}

}  // namespace orrery::cli
