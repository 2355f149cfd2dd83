// orrery status: what runs.
#include "status.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

#include "database.h"
#include "options.h"
#include "print.h"

namespace orrery::cli {
namespace {

constexpr const char* kClusters = "select * from orrery.cluster_status where cluster = $1 or $1::text is null";
constexpr const char* kServers = "select * from orrery.server_status where cluster = $1 or $1::text is null";
constexpr const char* kAgents = "select * from orrery.agent_status";

}  // namespace

void print_status(Database& db, const Options& options) {
  if (options.json) {
    std::cout << "{\"clusters\":" << db.json_rows(kClusters, {options.cluster})
              << ",\"servers\":" << db.json_rows(kServers, {options.cluster}) << ",\"agents\":" << db.json_rows(kAgents)
              << "}\n";
    return;
  }
  std::cout << "Clusters\n";
  print_table(std::cout, db.query(kClusters, {options.cluster}));
  std::cout << "\nServers\n";
  print_table(std::cout, db.query(kServers, {options.cluster}));
  std::cout << "\nAgents\n";
  print_table(std::cout, db.query(kAgents));
  std::cout << std::flush;
}

std::optional<std::string> tick_age_ms(Database& db) { return db.value("select orrery.tick_age_ms()"); }

void add_status(CLI::App& app, const Options& options) {
  CLI::App* status = app.add_subcommand("status", "Clusters, servers and agents");
  auto watch = std::make_shared<bool>(false);
  status->add_flag("--watch", *watch, "Again each second, until interrupted");
  status->callback([watch, &options] {
    Database db(options);
    if (!*watch) {
      print_status(db, options);
      return;
    }
    for (;;) {
      if (!options.json) std::cout << "\033[H\033[2J";
      print_status(db, options);
      std::cout << std::flush;
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  });
}

}  // namespace orrery::cli
