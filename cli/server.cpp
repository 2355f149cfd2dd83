// orrery server: list, why, stop.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "cluster.h"
#include "database.h"
#include "options.h"
#include "print.h"

namespace orrery::cli {
namespace {

constexpr const char* kColumns =
    "server_id, cluster, kind, key, state, agent, public_address, sessions, age, waits_for";

void list(const Options& options) {
  Database db(options);
  require_cluster(db, options.cluster);
  const std::string from = " from orrery.server_status where cluster = $1 or $1::text is null";
  if (options.json) {
    std::cout << db.json_rows("select *" + from, {options.cluster}) << '\n';
  } else {
    print_table(std::cout, db.query(std::string("select ") + kColumns + from, {options.cluster}));
  }
}

void why(const Options& options, const std::string& server) {
  Database db(options);
  if (options.json) {
    std::cout << db.json_rows("select at, words from orrery.server_why($1)", {server}) << '\n';
    return;
  }
  for (const auto& row :
       db.query("select to_char(at, 'YYYY-MM-DD HH24:MI:SS'), words from orrery.server_why($1)", {server}))
    std::cout << row[0].c_str() << "  " << row[1].c_str() << '\n';
}

}  // namespace

void add_server(CLI::App& app, const Options& options) {
  CLI::App* server = app.add_subcommand("server", "List and stop servers, ask why one is where it is");
  server->require_subcommand(1);
  struct Args {
    std::string id;
    Param reason;
  };
  auto args = std::make_shared<Args>();
  const auto add = [=](const char* verb, const char* what) {
    CLI::App* command = server->add_subcommand(verb, what);
    command->add_option("server", args->id, "Its number, as server list shows it")->required();
    return command;
  };

  server->add_subcommand("list", "Servers that are not stopped, and what they wait for")->callback([&options] {
    list(options);
  });

  add("why", "Its story in words, what it is now and what it waits for")->callback([=, &options] {
    why(options, args->id);
  });

  CLI::App* stop = add("stop", "Stop it; its players are logged out");
  stop->add_option("--reason", args->reason, "Why, for the log");
  stop->callback([=, &options] {
    Database db(options);
    const auto state = db.value("select orrery.server_stop($1, $2)", {args->id, args->reason});
    if (options.json) {
      std::cout << '"' << state.value_or("") << "\"\n";
    } else {
      std::cout << "server " << args->id << " is " << state.value_or("") << "; watch: orrery server why " << args->id
                << '\n';
    }
  });
}

}  // namespace orrery::cli
