// orrery server: list, show, why, request, stop; allocate and its like are in allocation.cpp.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "allocation.h"
#include "cluster.h"
#include "database.h"
#include "list.h"
#include "options.h"
#include "print.h"
#include "watch.h"

namespace orrery::cli {
namespace {

constexpr const char* kColumns =
    "server_id, cluster, kind, key, state, agent, public_address, sessions, age, waits_for";

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

/// The row of server_status as JSON; unset when it is stopped. Throws Failure OR001 when there never was one.
std::optional<std::string> row_of(Database& db, const std::string& server) {
  auto row = db.value("select to_jsonb(s)::text from orrery.server_status s where server_id = $1", {server});
  if (!row) db.query("select from orrery.server_why($1)", {server});
  return row;
}

void show(const Options& options, const std::string& server) {
  Database db(options);
  const auto row = row_of(db, server);
  if (options.json) {
    std::cout << row.value_or("null") << '\n';
  } else if (row) {
    print_table(
        std::cout,
        db.query("select j.key as member, j.value from orrery.server_status s, json_each_text(row_to_json(s)) j "
                 "where server_id = $1 and j.value is not null",
                 {server}));
  } else {
    std::cout << "server " << server << " is stopped; its story: orrery server why " << server << '\n';
  }
}

void request(const Options& options, const std::string& kind, const std::string& key, const Wait& wait) {
  using nlohmann::json;
  Database db(options);
  const std::string cluster = choose_cluster(db, options.cluster);
  json answer =
      json::parse(db.value("select orrery.server_request($1, $2, $3)::text", {kind, key, cluster}).value_or("{}"));
  if (wait.asked) {
    const std::string id = answer["server_id"].dump();
    const std::string hint = "Its story: orrery server why " + id;
    wait_until(wait, "server " + id + " is not ready", hint, [&]() -> std::string {
      const json row = json::parse(row_of(db, id).value_or("null"));
      const std::string state = row.is_null() ? "stopped" : row.value("state", "");
      answer["state"] = state;
      if (state == "ready") return {};
      std::string words = "server " + id + " is " + state;
      for (const char* part : {"reason", "waits_for"}) {
        if (row.is_object() && row[part].is_string()) words += "; " + row[part].get<std::string>();
      }
      if (state == "failed" || state == "stopping" || state == "stopped") throw Failure(words, "", "", hint);
      return words;
    });
  }
  if (options.json) {
    std::cout << answer.dump() << '\n';
  } else {
    std::cout << "server " << answer["server_id"] << " is " << answer.value("state", "")
              << "; watch: orrery server why " << answer["server_id"] << '\n';
  }
}

void wait_for_stop(Database& db, const std::string& server, const Wait& wait) {
  wait_until(wait, "server " + server + " has not stopped", "Its story: orrery server why " + server,
             [&]() -> std::string {
               const auto words = db.value(
                   "select format('server %s is %s; %s', server_id, state, coalesce(waits_for, reason)) from "
                   "orrery.server_status "
                   "where server_id = $1 and state = 'stopping'",
                   {server});
               return words.value_or("");
             });
}

}  // namespace

void add_server(CLI::App& app, const Options& options) {
  CLI::App* server =
      app.add_subcommand("server", "List, ask for, allocate and stop servers, ask why one is where it is");
  server->require_subcommand(1);
  struct Args {
    std::string id;
    std::string kind;
    std::string key;
    Param reason;
  };
  auto args = std::make_shared<Args>();
  const auto add = [=](const char* verb, const char* what) {
    CLI::App* command = server->add_subcommand(verb, what);
    command->add_option("server", args->id, "Its number, as server list shows it")->required();
    return command;
  };

  CLI::App* list_verb = server->add_subcommand("list", "Servers that are not stopped, and what they wait for");
  const auto list_again = add_watch(*list_verb);
  list_verb->callback(
      [=, &options] { watch(options, *list_again, [&] { print_list(options, "orrery.server_status", kColumns); }); });

  CLI::App* show_verb = add("show", "All that is known of one");
  const auto show_again = add_watch(*show_verb);
  show_verb->callback([=, &options] { watch(options, *show_again, [&] { show(options, args->id); }); });

  CLI::App* request_verb = server->add_subcommand("request", "The server that owns a key, started when there is none");
  request_verb->add_option("kind", args->kind, "Its kind")->required();
  request_verb->add_option("key", args->key, "What it is to own, e.g. velo-1")->required();
  const auto request_wait = add_wait(*request_verb, "Return when it is ready");
  request_verb->callback([=, &options] { request(options, args->kind, args->key, *request_wait); });

  add("why", "Its story in words, what it is now and what it waits for")->callback([=, &options] {
    why(options, args->id);
  });

  CLI::App* stop = add("stop", "Stop it; its players are logged out");
  stop->add_option("--reason", args->reason, "Why, for the log");
  const auto stop_wait = add_wait(*stop, "Return when it has stopped");
  stop->callback([=, &options] {
    Database db(options);
    auto state = db.value("select orrery.server_stop($1, $2)", {args->id, args->reason});
    if (stop_wait->asked) {
      wait_for_stop(db, args->id, *stop_wait);
      state = "stopped";
    }
    if (options.json) {
      std::cout << '"' << state.value_or("") << "\"\n";
    } else {
      std::cout << "server " << args->id << " is " << state.value_or("") << "; watch: orrery server why " << args->id
                << '\n';
    }
  });

  add_allocation(*server, options);
}

}  // namespace orrery::cli
