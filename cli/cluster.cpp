// orrery cluster: create, start, shutdown, cancel, connect, rotate-key, retire-key.
#include "cluster.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

#include "database.h"
#include "options.h"
#include "verb.h"

namespace orrery::cli {
namespace {

constexpr std::chrono::milliseconds kPoll{250};

/// "dev, test"; "none" without any.
std::string cluster_names(Database& db) {
  return db.value("select string_agg(cluster, ', ' order by cluster) from orrery.cluster_status").value_or("none");
}

/// Throws Failure when there is none yet, or more than one.
void print_connect_string(Database& db, const Param& cluster) {
  require_cluster(db, cluster);
  const pqxx::result rows = db.query(
      "select cluster, connect from orrery.cluster_status where (cluster = $1 or $1::text is null) and connect is not "
      "null",
      {cluster});
  if (rows.empty())
    throw Failure("no login server has published its key yet", "", "",
                  "Start the cluster: orrery cluster start --wait");
  if (rows.size() > 1) throw Failure("several clusters run", "", "", "Name one of them.");
  std::cout << rows[0][1].c_str() << '\n';
}

}  // namespace

void require_cluster(Database& db, const Param& cluster) {
  if (!cluster || db.value("select true from orrery.cluster_status where cluster = $1", {cluster})) return;
  throw Failure("no cluster named '" + *cluster + "'", "OR001", "There are: " + cluster_names(db) + ".",
                "orrery cluster create makes one.");
}

std::string choose_cluster(Database& db, const Param& cluster) {
  try {
    return *db.value("select orrery.cluster_resolve($1)", {cluster});
  } catch (const Failure& failure) {
    // None is up: the only one that is stopped is meant.
    if (failure.code != "OR005") throw;
    const auto stopped =
        db.value("select min(cluster) from orrery.cluster_status having count(*) = 1 and min(state) = 'stopped'", {});
    if (!stopped) throw;
    return *stopped;
  }
}

void wait_for_state(Database& db, const Param& cluster, const std::string& wanted) {
  require_cluster(db, cluster);
  constexpr const char* kStates =
      "select cluster, state, reason from orrery.cluster_status where cluster = $1 or $1::text is null";
  std::string shown;
  for (;; std::this_thread::sleep_for(kPoll)) {
    const pqxx::result rows = db.query(kStates, {cluster});
    if (rows.empty()) throw Failure("there is no cluster", "OR001", "", "Make one: orrery cluster create NAME");
    std::string now;
    bool done = true;
    for (const auto& row : rows) {
      done = done && row[1].c_str() == wanted;
      now += std::string(now.empty() ? "" : "; ") + row[0].c_str() + " is " + row[1].c_str();
      if (!row[2].is_null()) now += std::string(": ") + row[2].c_str();
    }
    if (now != shown) std::cerr << now << '\n';
    shown = now;
    if (done) return;
  }
}

void add_cluster(CLI::App& app, const Options& options) {
  CLI::App* cluster = app.add_subcommand("cluster", "Create, start, shut down a cluster");
  cluster->require_subcommand(1);
  struct Args {
    std::string name;
    std::string seconds;
    std::string key;
    bool wait = false;
  };
  auto args = std::make_shared<Args>();
  const auto named = [args, &options]() -> Param { return args->name.empty() ? options.cluster : Param(args->name); };
  const auto wait_if_asked = [args, named, &options](const std::string& state) {
    if (!args->wait) return;
    Database db(options);
    wait_for_state(db, named(), state);
  };
  const auto add_name = [args](CLI::App* command) {
    command->add_option("name", args->name, "Cluster (default: --cluster, or as the database decides)");
  };
  const auto add_wait = [args](CLI::App* command) { command->add_flag("--wait", args->wait, "Return when it is so"); };

  CLI::App* create = cluster->add_subcommand("create", "Create a cluster; it is stopped at first");
  create->add_option("name", args->name, "Name, e.g. production")->required();
  create->callback([args, &options] { call_verb(options, "orrery.cluster_create($1)", {args->name}); });

  CLI::App* start = cluster->add_subcommand("start", "Start its login and chat servers");
  add_name(start);
  add_wait(start);
  start->callback([=, &options] {
    call_verb(options, "orrery.cluster_start($1)", {named()});
    wait_if_asked("running");
  });

  CLI::App* shutdown = cluster->add_subcommand("shutdown", "Warn every player, then stop after SECONDS");
  shutdown->add_option("seconds", args->seconds, "Seconds until it stops")->required();
  add_name(shutdown);
  add_wait(shutdown);
  shutdown->callback([=, &options] {
    call_verb(options, "orrery.cluster_shutdown($1, $2)", {args->seconds, named()});
    wait_if_asked("stopped");
  });

  CLI::App* cancel = cluster->add_subcommand("cancel", "Take a shutdown back");
  add_name(cancel);
  cancel->callback([=, &options] { call_verb(options, "orrery.cluster_shutdown_cancel($1)", {named()}); });

  CLI::App* connect = cluster->add_subcommand("connect", "Print what a game client connects to");
  add_name(connect);
  connect->callback([=, &options] {
    Database db(options);
    print_connect_string(db, named());
  });

  CLI::App* rotate = cluster->add_subcommand("rotate-key", "A new key of its login handshake, beside those it has");
  add_name(rotate);
  rotate->callback([=, &options] { call_verb(options, "orrery.cluster_key_rotate($1)", {named()}); });

  CLI::App* retire = cluster->add_subcommand("retire-key", "Clients that know no newer key get in no more");
  retire->add_option("key", args->key, "As the connect string has it: 64 hex digits")->required();
  add_name(retire);
  retire->callback([=, &options] { call_verb(options, "orrery.cluster_key_retire($1, $2)", {args->key, named()}); });
}

}  // namespace orrery::cli
