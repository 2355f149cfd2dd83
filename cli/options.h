// What every subcommand is given.
#pragma once

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace orrery::cli {

/// The global options; filled before a subcommand's callback runs.
struct Options {
  std::string db;                      ///< libpq connection string; empty: libpq's defaults
  std::string db_file;                 ///< file whose first line is one; goes before `db`; empty: none
  std::optional<std::string> cluster;  ///< unset: the database decides which is meant
  bool json = false;
};

// Each adds its noun to `app`. `options` must outlive `app`.
void add_db(CLI::App& app, const Options& options);
void add_status(CLI::App& app, const Options& options);
void add_cluster(CLI::App& app, const Options& options);
void add_agent(CLI::App& app, const Options& options);
void add_kind(CLI::App& app, const Options& options);
void add_fleet(CLI::App& app, const Options& options);
void add_server(CLI::App& app, const Options& options);
void add_account(CLI::App& app, const Options& options);
void add_device(CLI::App& app, const Options& options);
void add_console(CLI::App& app, const Options& options);

}  // namespace orrery::cli
