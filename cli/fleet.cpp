// orrery fleet: list, show, set, drop, resume, try.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cluster.h"
#include "database.h"
#include "list.h"
#include "options.h"
#include "spec_toml.h"
#include "verb.h"
#include "watch.h"

namespace orrery::cli {
namespace {

using nlohmann::json;

constexpr const char* kColumns =
    "cluster, fleet, kind, size, free, allocated, starting, waiting, failed, outdated, policy, waits_for";

constexpr const char* kSetExample = R"(
Examples:
  orrery fleet set arenas --kind arena --size 3 --wait 60
  orrery fleet set arenas --policy game.evenings --set policy_args.spare=5 --set size_max=200
  orrery fleet set arenas --set surge=2 --set unavailable_max=1
What is left out stays; of policy_args, which are one member, nothing does. Several at once, and kinds with them:
orrery kind apply.
)";

constexpr const char* kTryExample = R"(
Examples:
  orrery fleet try arenas                                what its policy says now
  orrery fleet try arenas --policy game.evenings         what that one would say
  orrery fleet try arenas --set policy_args.buffer=50
)";

Failure unknown(Database& db, const std::string& cluster, const std::string& fleet) {
  const auto names = db.value("select string_agg(fleet, ', ') from orrery.fleet_status where cluster = $1", {cluster});
  return Failure("cluster " + cluster + " has no fleet named '" + fleet + "'", "OR001",
                 "It has: " + names.value_or("none") + ".");
}

void show(const Options& options, const std::string& fleet) {
  Database db(options);
  const std::string cluster = choose_cluster(db, options.cluster);
  const auto row = db.value("select to_jsonb(f)::text from orrery.fleet_status f where cluster = $1 and fleet = $2",
                            {cluster, fleet});
  if (!row) throw unknown(db, cluster, fleet);
  if (options.json) {
    std::cout << *row << '\n';
    return;
  }
  const json is = json::parse(*row);
  std::cout << "# " << cluster << ": size " << is["size"] << "; servers: " << is["free"] << " free, " << is["allocated"]
            << " allocated, " << is["starting"] << " starting, " << is["waiting"] << " waiting, " << is["failed"]
            << " failed; " << is["outdated"] << " outdated\n";
  if (is["waits_for"].is_string()) std::cout << "# waits: " << is["waits_for"].get<std::string>() << '\n';
  std::cout << to_toml("fleet", fleet, is["spec"]);
}

/// What keeps a fleet from having the size that its policy wants now, of its kind's newest version; empty: nothing.
std::string lacks(Database& db, const std::string& cluster, const std::string& fleet) {
  const pqxx::result rows = db.query(
      "select format('fleet %s has %s of %s ready, %s starting, %s waiting, %s failed, %s outdated', fleet, free + "
      "allocated, "
      "size, starting, waiting, failed, outdated), waits_for, size, (free + allocated = size or free + allocated > "
      "size and "
      "free = 0) and starting = 0 and waiting = 0 and failed = 0 and outdated = 0 "
      "from orrery.fleet_status where cluster = $1 and fleet = $2",
      {cluster, fleet});
  if (rows.empty()) throw unknown(db, cluster, fleet);
  const auto& row = rows[0];
  if (row[3].as<bool>() && row[1].is_null()) {
    // The tick may not have asked the policy since it was set.
    const pqxx::result wanted =
        db.query("select size, fault from orrery.fleet_try($1, null, null, $2)", {fleet, cluster});
    if (wanted[0][0].is_null()) return "fleet " + fleet + " has no size: " + wanted[0][1].c_str();
    if (wanted[0][0].as<long>() == row[2].as<long>()) return {};
    return "fleet " + fleet + " is to have " + wanted[0][0].c_str();
  }
  return std::string(row[0].c_str()) + (row[1].is_null() ? "" : std::string("; waits: ") + row[1].c_str());
}

void set(const Options& options, const std::string& fleet, const json& spec, const Wait& wait) {
  Database db(options);
  const std::string cluster = choose_cluster(db, options.cluster);
  db.query("select orrery.fleet_set($1, $2::jsonb, $3)", {fleet, spec.dump(), cluster});
  if (wait.asked) {
    wait_until(wait, "fleet " + fleet + " is not as it should be", "It goes on; watch: orrery fleet list --watch",
               [&] { return lacks(db, cluster, fleet); });
  }
  if (options.json) {
    std::cout << db.value("select to_jsonb(f)::text from orrery.fleet_status f where cluster = $1 and fleet = $2",
                          {cluster, fleet})
                     .value_or("null")
              << '\n';
  } else {
    std::cout << "fleet " << fleet << " of " << cluster
              << (wait.asked ? " is as it should be\n" : " is set; watch: orrery fleet list --watch\n");
  }
}

void drop(const Options& options, const std::string& fleet, const Wait& wait) {
  Database db(options);
  const std::string cluster = choose_cluster(db, options.cluster);
  const auto kind =
      db.value("select kind from orrery.fleet_status where cluster = $1 and fleet = $2", {cluster, fleet});
  const auto stopped = db.value("select orrery.fleet_drop($1, $2)", {fleet, cluster});
  if (wait.asked) {
    wait_until(wait, "servers of fleet " + fleet + " have not stopped",
               "They go on stopping; watch: orrery server list --watch", [&] {
                 return db
                     .value(
                         "select 'stopping: ' || string_agg(format('server %s (%s)', server_id, key), ', ' order by "
                         "server_id) from "
                         "orrery.server_status where cluster = $1 and kind = $2 and state = 'stopping' and key like $3 "
                         "|| '-%' and "
                         "substr(key, length($3) + 2) ~ '^[0-9]+$'",
                         {cluster, kind, fleet})
                     .value_or("");
               });
  }
  if (options.json) {
    std::cout << json{{"fleet", fleet}, {"servers_stopped", std::stoll(stopped.value_or("0"))}}.dump() << '\n';
  } else {
    std::cout << "fleet " << fleet << " of " << cluster << " is dropped; servers that stop" << (wait.asked ? "ped" : "")
              << ": " << stopped.value_or("0") << '\n';
  }
}

void try_out(const Options& options, const std::string& fleet, const json& spec) {
  for (const auto& [name, value] : spec.items()) {
    if (name != "policy" && name != "policy_args") {
      throw Failure("a policy cannot be tried with " + name, "", "", "With policy and policy_args it can.");
    }
  }
  const Param policy =
      spec.contains("policy") && spec["policy"].is_string() ? Param(spec["policy"].get<std::string>()) : Param();
  const Param arguments = spec.contains("policy_args") ? Param(spec["policy_args"].dump()) : Param();
  Database db(options);
  const pqxx::result rows = db.query("select size, fault from orrery.fleet_try($1, $2, $3::jsonb, $4)",
                                     {fleet, policy, arguments, choose_cluster(db, options.cluster)});
  const std::string fault = rows[0][1].is_null() ? "" : rows[0][1].c_str();
  if (options.json) {
    std::cout << json{{"size", rows[0][0].is_null() ? json() : json(rows[0][0].as<long>())},
                      {"fault", fault.empty() ? json() : json(fault)}}
                     .dump()
              << '\n';
  } else if (fault.empty()) {
    std::cout << "fleet " << fleet << " would have " << rows[0][0].c_str() << '\n';
  }
  if (!fault.empty()) throw Failure("fleet " + fleet + " would keep its size", "", fault);
}

}  // namespace

void add_fleet(CLI::App& app, const Options& options) {
  CLI::App* fleet = app.add_subcommand("fleet", "So many servers of a kind, as a policy says");
  fleet->require_subcommand(1);
  struct Args {
    std::string name;
    std::string kind;
    std::string size;
    std::string policy;
    std::vector<std::string> settings;
  };
  auto args = std::make_shared<Args>();
  const auto add = [=](const char* verb, const char* what) {
    CLI::App* command = fleet->add_subcommand(verb, what);
    command->add_option("fleet", args->name, "Its name")->required();
    return command;
  };
  const auto add_policy = [=](CLI::App* command) {
    command->add_option("--policy", args->policy,
                        "Function that says the size: fleet_fixed or fleet_buffer in schema orrery, or a game's own");
    command->add_option("--set", args->settings, "member=value, as in a file")->allow_extra_args(false);
  };
  const auto spec = [args] {
    std::vector<std::string> settings = args->settings;
    if (!args->kind.empty()) settings.push_back("kind=" + json(args->kind).dump());
    if (!args->policy.empty()) settings.push_back("policy=" + json(args->policy).dump());
    if (!args->size.empty()) settings.push_back("policy_args.size=" + args->size);
    return read_settings(settings);
  };

  CLI::App* list_verb = fleet->add_subcommand("list", "Fleets, what there is of each and what keeps it from being so");
  const auto list_again = add_watch(*list_verb);
  list_verb->callback(
      [=, &options] { watch(options, *list_again, [&] { print_list(options, "orrery.fleet_status", kColumns); }); });

  CLI::App* show_verb = add("show", "One fleet as TOML that kind apply takes");
  const auto show_again = add_watch(*show_verb);
  show_verb->callback([=, &options] { watch(options, *show_again, [&] { show(options, args->name); }); });

  CLI::App* set_verb = add("set", "Say what it is; it is made when there is none");
  set_verb->add_option("--kind", args->kind, "Kind of its servers; stays");
  set_verb->add_option("--size", args->size, "So many: policy_args.size");
  add_policy(set_verb);
  const auto set_wait = add_wait(*set_verb, "Return when it has its size and no server of an earlier version");
  set_verb->footer(kSetExample);
  set_verb->callback([=, &options] { set(options, args->name, spec(), *set_wait); });

  CLI::App* drop_verb = add("drop", "Give it up: servers that nobody has stop, the others when they are released");
  const auto drop_wait = add_wait(*drop_verb, "Return when those that nobody has have stopped");
  drop_verb->callback([=, &options] { drop(options, args->name, *drop_wait); });

  CLI::App* resume_verb = add("resume", "Let a replacement go on that was paused because new servers failed");
  resume_verb->callback([=, &options] {
    call_verb(options, "orrery.fleet_resume($1, $2)", {args->name, options.cluster});
  });

  CLI::App* try_verb = add("try", "What a policy would say now, without installing it; status 1 when it fails");
  add_policy(try_verb);
  try_verb->footer(kTryExample);
  try_verb->callback([=, &options] { try_out(options, args->name, spec()); });
}

}  // namespace orrery::cli
