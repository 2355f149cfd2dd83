// orrery db: install, grant-dba, check.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "database.h"
#include "install.h"
#include "options.h"
#include "status.h"

namespace orrery::cli {
namespace {

void grant_dba(Database& db, const std::string& login) {
  db.transaction([&] {
    const auto quoted = db.value("select quote_ident($1::text)", {login}).value_or("");
    const auto database = db.value("select quote_ident(current_database())").value_or("");
    db.query("grant orrery_admin, orrery_viewer to " + quoted);
    db.query("select orrery.cluster_grant('*', $1)", {login});
    db.query("alter role " + quoted + " in database " + database + " set search_path = \"$user\", public, orrery");
  });
  std::cout << login << " may call the DBA verbs and read the views, of every cluster.\n";
}

/// Prints one finding; gives `good` back.
bool finding(bool good, const std::string& what) {
  std::cout << (good ? "ok      " : "NOT OK  ") << what << '\n';
  return good;
}

void check(Database& db) {
  bool good = true;
  const auto version = db.value("select current_setting('server_version')").value_or("?");
  good &= finding(db.value("select current_setting('server_version_num')::int >= 150000").value_or("f") == "t",
                  "PostgreSQL " + version + " (15 or later is needed)");
  if (!finding(db.value("select true from pg_catalog.pg_namespace where nspname = 'orrery'").has_value(),
               "schema orrery")) {
    throw Failure("Orrery is not installed in this database", "", "", "Run: orrery db install");
  }
  const auto cron = db.value("select extversion from pg_catalog.pg_extension where extname = 'pg_cron'");
  good &= finding(cron.has_value(), cron ? "pg_cron " + *cron : "pg_cron is not in this database");
  // Only those may see other people's processes.
  if (db.value("select pg_catalog.pg_has_role('pg_read_all_stats', 'usage')").value_or("f") == "t") {
    const auto launcher =
        db.value("select true from pg_catalog.pg_stat_activity where backend_type = 'pg_cron launcher'");
    good &= finding(launcher.has_value(),
                    launcher ? "pg_cron's launcher runs" : "pg_cron's launcher does not run: restart PostgreSQL");
  }
  const auto trouble = tick_trouble(db);
  good &= finding(!trouble, "the tick" + (trouble ? ": " + *trouble : std::string(" runs")));
  for (const ClusterWait& wait : cluster_waits(db, std::nullopt)) {
    if (wait.state != "running") continue;
    const bool lacks = !wait.waits_for.empty();
    good &= finding(!lacks, "cluster " + wait.cluster + (lacks ? " waits: " + wait.waits_for : " lacks nothing"));
  }
  for (const std::string& words : lock_waits(db)) good &= finding(false, words);
  if (!good) throw Failure("this database is not well");
}

}  // namespace

void add_db(CLI::App& app, const Options& options) {
  CLI::App* db = app.add_subcommand("db", "Install Orrery into a database, and look after it");
  db->require_subcommand(1);

  struct InstallArgs {
    std::string sql_dir;
    std::string cron_host;
  };
  auto args = std::make_shared<InstallArgs>();
  CLI::App* install_command =
      db->add_subcommand("install", "Install or update schema, functions and views; needs a superuser");
  install_command->add_option("--sql-dir", args->sql_dir,
                              "Directory of the SQL (default: the one of this installation)");
  install_command->add_option("--cron-host", args->cron_host,
                              "Host or socket directory that pg_cron's jobs connect to");
  install_command->callback([args, &options] {
    Database database(options);
    install(database, args->sql_dir.empty() ? default_sql_dir() : std::filesystem::path(args->sql_dir),
            args->cron_host.empty() ? std::nullopt : std::optional<std::string>(args->cron_host));
  });

  auto login = std::make_shared<std::string>();
  CLI::App* grant = db->add_subcommand("grant-dba", "Let a login role use the DBA verbs without a prefix");
  grant->add_option("login", *login, "Login role; it must exist")->required();
  grant->callback([login, &options] {
    Database database(options);
    grant_dba(database, *login);
  });

  db->add_subcommand("check", "Say whether the database is well; status 1 when it is not")->callback([&options] {
    Database database(options);
    check(database);
  });
}

}  // namespace orrery::cli
