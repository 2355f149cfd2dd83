// orrery console: waits for login, chat and timers of a cluster that is not stopped, then takes commands.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

#include "cluster.h"
#include "database.h"
#include "options.h"
#include "status.h"

namespace orrery::cli {
namespace {

constexpr std::chrono::milliseconds kPoll{250};

constexpr const char* kHelp =
    "  status               what runs\n"
    "  start                start the cluster and wait until it is up\n"
    "  shutdown SECONDS     warn every player, then stop\n"
    "  shutdown cancel      take a shutdown back\n"
    "  help                 this\n"
    "  quit                 leave; the cluster goes on\n";

constexpr const char* kUsageShutdown = "usage: shutdown SECONDS, or shutdown cancel";

/// What the servers of `kind` are, e.g. "login main is starting: starting on a1"; empty when one is ready.
std::string unready(Database& db, const std::string& cluster, const std::string& kind) {
  const pqxx::result rows = db.query(
      "select kind || ' ' || key || ' is ' || state || coalesce(': ' || reason, ''), state = 'ready' "
      "from orrery.server_status where cluster = $1 and kind = $2 order by key, server_id",
      {cluster, kind});
  std::string text;
  for (const auto& row : rows) {
    if (row[1].as<bool>()) return {};
    text += (text.empty() ? "" : ", ") + row[0].as<std::string>();
  }
  return text.empty() ? kind + " is not requested" : text;
}

/// What is missing before commands are taken, in words; empty when all is up.
std::string missing(Database& db, const std::string& cluster) {
  std::vector<std::string> parts;
  for (const std::string kind : {"login", "chat"}) {
    if (std::string text = unready(db, cluster, kind); !text.empty()) parts.push_back(std::move(text));
  }
  if (tick_trouble(db)) parts.emplace_back("the timers do not tick");  // for how long would change each second
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text;
}

/// Returns when commands make sense: all is up, or the cluster is stopped. Says what it waits for when that changes.
void wait_until_up(Database& db, const std::string& cluster) {
  std::string shown;
  for (;; std::this_thread::sleep_for(kPoll)) {
    if (db.value("select state from orrery.cluster_status where cluster = $1", {cluster}) == "stopped") {
      std::cout << cluster << " is stopped; type: start\n";
      return;
    }
    const std::string now = missing(db, cluster);
    if (now.empty()) break;
    if (now != shown) std::cout << "waiting: " << now << " …\n" << std::flush;
    shown = now;
  }
  std::cout << "login, chat and timers are up\n";
}

bool is_integer(const std::string& text) {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
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
    wait_until_up(db, options.cluster.value_or(""));
  } else if (verb == "shutdown" && argument == "cancel") {
    db.query("select orrery.cluster_shutdown_cancel($1)", {options.cluster});
  } else if (verb == "shutdown") {
    if (!is_integer(argument)) throw Failure(kUsageShutdown, "", "", "e.g. shutdown 300");
    db.query("select orrery.cluster_shutdown($1, $2)", {argument, options.cluster});
  } else {
    throw Failure("'" + verb + "' is no command", "", "", "Type help.");
  }
  return true;
}

void console(Options options) {
  Database db(options);
  const std::string cluster = choose_cluster(db, options.cluster);
  options.cluster = cluster;
  wait_until_up(db, cluster);
  const bool prompts = isatty(STDIN_FILENO) != 0;
  const std::string prompt = cluster + "> ";
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
    console(std::move(own));
  });
}

}  // namespace orrery::cli
