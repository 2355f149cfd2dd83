// orrery: what a DBA does with SQL, from a shell. Calls the same functions.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <string>

#include "database.h"
#include "options.h"

namespace {

constexpr const char* kExamples = R"(
Examples:
  orrery status --watch                    what runs, once a second
  orrery cluster start --wait              start the cluster and wait until it runs
  orrery cluster shutdown 300              warn every player, then stop in five minutes
  orrery agent drain a1 600                empty a machine within ten minutes
  orrery kind apply arenas.toml            what can be started, from a file
  orrery fleet list --watch                how many servers there are, and should be
  orrery server why 7                      why that server is where it is
  orrery account create ann --character station:aldra-gate
  orrery console                           wait for the cluster, then take commands

The database is named by --db or --db-file, by ORRERY_DB, or by PGHOST and its like.
)";

}  // namespace

int main(int argc, char** argv) {
  using orrery::cli::Failure;
  orrery::cli::Options options;
  if (const char* db = std::getenv("ORRERY_DB")) options.db = db;

  CLI::App app("Orrery: control plane of game clusters in PostgreSQL", "orrery");
  app.set_version_flag("--version", std::string("orrery ") + ORRERY_VERSION);
  CLI::Option* db = app.add_option("--db", options.db,
                                   "Connection string, e.g. 'host=/run/postgresql dbname=orrery' (default: ORRERY_DB)")
                        ->take_last()
                        ->each([](const std::string& conninfo) { orrery::cli::refuse_password(conninfo); });
  app.add_option("--db-file", options.db_file, "File (mode 0600) whose first line is that connection string")
      ->take_last()
      ->excludes(db);
  app.add_option("--cluster", options.cluster, "Cluster that is meant (default: the database decides)")->take_last();
  app.add_flag("--json", options.json, "Print JSON");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(kExamples);
  orrery::cli::add_status(app, options);
  orrery::cli::add_cluster(app, options);
  orrery::cli::add_agent(app, options);
  orrery::cli::add_kind(app, options);
  orrery::cli::add_fleet(app, options);
  orrery::cli::add_server(app, options);
  orrery::cli::add_account(app, options);
  orrery::cli::add_device(app, options);
  orrery::cli::add_console(app, options);
  orrery::cli::add_db(app, options);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const Failure& failure) {
    orrery::cli::print_failure(failure);
    return 1;
  } catch (const std::exception& error) {
    orrery::cli::print_failure(Failure(error.what()));
    return 1;
  }
  return 0;
}
