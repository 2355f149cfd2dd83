// orrery status: what runs.
#include "status.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "cluster.h"
#include "database.h"
#include "options.h"
#include "print.h"
#include "watch.h"

namespace orrery::cli {
namespace {

// People get the columns that fit a terminal; JSON has all.
constexpr const char* kClusterColumns = "cluster, state, servers_ready, servers, sessions, stops_in, tick, reason";
constexpr const char* kServerColumns =
    "server_id, cluster, kind, key, state, agent, public_address, sessions, age, failures, reason, waits_for";
constexpr const char* kAgentColumns =
    "name, state, heard_ago_s, cpu_percent, servers, ports, public_address, private_address, drain, reason, waits_for";

std::string clusters(const std::string& columns) {
  return "select " + columns + " from orrery.cluster_status where cluster = $1 or $1::text is null";
}
std::string servers(const std::string& columns) {
  return "select " + columns + " from orrery.server_status where cluster = $1 or $1::text is null";
}
std::string agents(const std::string& columns) { return "select " + columns + " from orrery.agent_status"; }

/// Not so in a database that is installed from an earlier version.
bool has_locks(Database& db) { return db.value("select to_regclass('orrery.lock_status')").has_value(); }

}  // namespace

void print_status(Database& db, const Options& options) {
  require_cluster(db, options.cluster);
  if (options.json) {
    std::cout << "{\"clusters\":" << db.json_rows(clusters("*"), {options.cluster})
              << ",\"servers\":" << db.json_rows(servers("*"), {options.cluster})
              << ",\"agents\":" << db.json_rows(agents("*"))
              << ",\"locks\":" << (has_locks(db) ? db.json_rows("select * from orrery.lock_status") : "[]") << "}\n";
    return;
  }
  std::cout << "Clusters\n";
  print_table(std::cout, db.query(clusters(kClusterColumns), {options.cluster}));
  for (const ClusterWait& wait : cluster_waits(db, options.cluster)) {
    if (!wait.waits_for.empty()) std::cout << wait.cluster << " waits: " << wait.waits_for << '\n';
  }
  std::cout << "\nServers\n";
  print_table(std::cout, db.query(servers(kServerColumns), {options.cluster}));
  std::cout << "\nAgents\n";
  print_table(std::cout, db.query(agents(kAgentColumns)));
  for (const std::string& words : lock_waits(db)) std::cout << '\n' << words << '\n';
  std::cout << std::flush;
}

std::vector<ClusterWait> cluster_waits(Database& db, const Param& cluster) {
  // By way of JSON, for the database may be installed from an earlier version, without that column.
  const pqxx::result rows = db.query(
      "select cluster, state, coalesce(to_jsonb(c) ->> 'waits_for', '') from orrery.cluster_status c "
      "where cluster = $1 or $1::text is null",
      {cluster});
  std::vector<ClusterWait> waits;
  for (const auto& row : rows) {
    waits.push_back({row[0].as<std::string>(), row[1].as<std::string>(), row[2].as<std::string>()});
  }
  return waits;
}

std::vector<std::string> lock_waits(Database& db) {
  std::vector<std::string> words;
  if (!has_locks(db)) return words;
  const pqxx::result rows = db.query(
      "select distinct on (held_by_pid) "
      "format('%s (pid %s%s, %s) is in a transaction for %s s, and %s waits for it: %s', held_by_login, held_by_pid, "
      "', ' || nullif(held_by_application, ''), held_by_state, held_s, waiting_login, remedy) "
      "from orrery.lock_status where waited_s >= 1 order by held_by_pid, waited_s desc");
  for (const auto& row : rows) words.push_back(row[0].as<std::string>());
  return words;
}

std::optional<std::string> tick_trouble(Database& db) {
  if (const auto tick = db.value("select tick from orrery.cluster_status limit 1")) {
    return *tick == "ok" ? std::nullopt : tick;
  }
  // Without a cluster the view has no row; the loops' sessions are there all the same.
  if (db.value("select true from pg_catalog.pg_stat_activity where usename = 'orrery_cron' limit 1"))
    return std::nullopt;
  return "no tick loop is connected: is pg_cron running?";
}

void add_status(CLI::App& app, const Options& options) {
  CLI::App* status = app.add_subcommand("status", "Clusters, servers and agents");
  const auto again = add_watch(*status);
  status->callback([again, &options] {
    Database db(options);
    watch(options, *again, [&] { print_status(db, options); });
  });
}

}  // namespace orrery::cli
