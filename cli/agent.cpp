// orrery agent: list, drain, resume, fence, release.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "database.h"
#include "options.h"
#include "print.h"
#include "verb.h"

namespace orrery::cli {
namespace {

constexpr const char* kColumns = "name, state, drain, heard_ago_s, cpu_percent, servers, ports, reason, waits_for";

void list(const Options& options) {
  Database db(options);
  const std::string from = " from orrery.agent_status order by name";
  if (options.json) {
    std::cout << db.json_rows("select *" + from) << '\n';
  } else {
    print_table(std::cout, db.query(std::string("select ") + kColumns + from));
  }
}

}  // namespace

void add_agent(CLI::App& app, const Options& options) {
  CLI::App* agent = app.add_subcommand("agent", "List, empty and give up machines");
  agent->require_subcommand(1);
  struct Args {
    std::string name;
    Param seconds;
  };
  auto args = std::make_shared<Args>();
  const auto add = [=](const char* verb, const char* what) {
    CLI::App* command = agent->add_subcommand(verb, what);
    command->add_option("agent", args->name, "Its name")->required();
    return command;
  };

  agent->add_subcommand("list", "Agents, what is on them and what is awaited of them")->callback([&options] {
    list(options);
  });

  CLI::App* drain = add("drain", "Place nothing more on it, and empty it");
  drain->add_option("seconds", args->seconds, "Seconds until what is left is stopped (default: never)");
  drain->callback([=, &options] { call_verb(options, "orrery.agent_drain($1, $2)", {args->name, args->seconds}); });

  add("resume", "Take a drain back")->callback([=, &options] {
    call_verb(options, "orrery.agent_resume($1)", {args->name});
  });

  add("fence", "Its machine is off for certain: place its servers elsewhere")->callback([=, &options] {
    call_verb(options, "orrery.agent_fence($1)", {args->name});
  });

  add("release", "Let another machine take its name")->callback([=, &options] {
    call_verb(options, "orrery.agent_release($1)", {args->name});
  });
}

}  // namespace orrery::cli
