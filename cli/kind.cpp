// orrery kind: apply, list, show, explain.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cluster.h"
#include "database.h"
#include "list.h"
#include "options.h"
#include "print.h"
#include "spec_toml.h"
#include "watch.h"

namespace orrery::cli {
namespace {

using nlohmann::json;

constexpr const char* kColumns =
    "cluster, kind, role, command, ports, ready_by, policy, requested, starting, ready, stopping, failed, version";

constexpr const char* kApplyExample = R"(
Example, arenas.toml:
  [kind.arena]
  command  = "arena"
  args     = ["--port", "{port:game}"]
  ports    = [{ name = "game", protocol = "udp" }]
  ready_by = "port"

  [fleet.arenas]
  kind = "arena"
  policy_args = { size = 3 }

  orrery kind apply arenas.toml --dry-run    what would change
  orrery kind apply arenas.toml              all of it, or nothing when something does not fit
  orrery kind show arena | orrery --cluster test kind apply -
)";

constexpr const char* kExplainExample = R"(
Examples:
  orrery kind explain arena
  orrery kind explain arena --set cpu_millis=4000 --set placement_function=game.by_zone
  orrery kind explain arena --set 'agent_labels={zone="north"}'
)";

/// A noun of the file: how it is read and how it is set.
struct Noun {
  const char* name;
  const char* set;   ///< $1 name, $2 specification, $3 cluster
  const char* read;  ///< specification and version of $2 in cluster $1
};
constexpr Noun kKind = {"kind", "select orrery.server_kind_set($1, $2::jsonb, $3)",
                        "select spec::text, version from orrery.kind_status where cluster = $1 and kind = $2"};
constexpr Noun kFleet = {"fleet", "select orrery.fleet_set($1, $2::jsonb, $3)",
                         "select spec::text, null from orrery.fleet_status where cluster = $1 and fleet = $2"};

struct DryRun {};

/// What the database says against `members`; unset: nothing. Changes nothing, in a transaction.
std::optional<Failure> tried(Database& db, const Noun& noun, const Spec& spec, const json& members,
                             const std::string& cluster) {
  std::optional<Failure> answer;
  try {
    db.savepoint([&] {
      db.query(noun.set, {spec.name, members.dump(), cluster});
      throw DryRun{};
    });
  } catch (const DryRun&) {
  } catch (const Failure& failure) {
    answer = failure;
  }
  return answer;
}

/// `failure` with file, line and the member that is to blame: the one without which the answer is another.
Failure blamed(Database& db, const Noun& noun, const SpecFile& file, const Spec& spec, const std::string& cluster,
               const Failure& failure) {
  std::string member;
  unsigned line = spec.line;
  for (const auto& [name, at] : spec.lines) {
    json rest = spec.members;
    rest.erase(name);
    const auto answer = tried(db, noun, spec, rest, cluster);
    // Without what it must have the answer is another in any case.
    const bool must_have = name == "command" || name == "kind";
    const bool is_named = (failure.what() + failure.detail).find(name) != std::string::npos;
    if (answer && must_have && !is_named) continue;
    if (answer && std::string_view(answer->what()) == failure.what() && answer->detail == failure.detail) continue;
    // What says something else is to blame only if nothing else makes it right.
    if (member.empty() || !answer) {
      member = ", " + name;
      line = at;
    }
    if (!answer) break;
  }
  return Failure(
      file.path + ":" + std::to_string(line) + ": " + noun.name + " " + spec.name + member + ": " + failure.what(),
      failure.code, failure.detail, failure.hint);
}

struct Read {
  json spec;  ///< null: there is none
  std::string version;
};

Read read(Database& db, const Noun& noun, const std::string& cluster, const std::string& name) {
  const pqxx::result rows = db.query(noun.read, {cluster, name});
  if (rows.empty()) return {};
  return {json::parse(rows[0][0].c_str()), rows[0][1].is_null() ? "" : rows[0][1].c_str()};
}

/// What became of it, in JSON: noun, name, result (new, changed, unchanged), version, members that changed.
json apply_one(Database& db, const Noun& noun, const SpecFile& file, const Spec& spec, const std::string& cluster) {
  const Read before = read(db, noun, cluster, spec.name);
  json merged = before.spec;
  if (merged.is_object()) merged.update(spec.members);
  // What a fleet is told anew it carries out anew.
  const bool is_same_fleet = &noun == &kFleet && !before.spec.is_null() && merged == before.spec;
  if (!is_same_fleet) {
    try {
      db.savepoint([&] { db.query(noun.set, {spec.name, spec.members.dump(), cluster}); });
    } catch (const Failure& failure) {
      throw blamed(db, noun, file, spec, cluster, failure);
    }
  }
  const Read after = read(db, noun, cluster, spec.name);
  json changed = json::array();
  for (const auto& [name, value] : after.spec.items()) {
    if (before.spec.is_object() && (!before.spec.contains(name) || before.spec[name] != value)) changed.push_back(name);
  }
  const char* result = before.spec.is_null() ? "new" : changed.empty() ? "unchanged" : "changed";
  json answer = {{noun.name, spec.name}, {"result", result}, {"changed", changed}};
  if (!after.version.empty()) answer["version"] = std::stoll(after.version);
  return answer;
}

void apply(const Options& options, const std::string& path, bool is_dry) {
  const SpecFile file = read_specs(path);
  Database db(options);
  const std::string cluster = choose_cluster(db, options.cluster);
  json answers = json::array();
  try {
    db.transaction([&] {
      for (const Spec& kind : file.kinds) answers.push_back(apply_one(db, kKind, file, kind, cluster));
      for (const Spec& fleet : file.fleets) answers.push_back(apply_one(db, kFleet, file, fleet, cluster));
      if (is_dry) throw DryRun{};
    });
  } catch (const DryRun&) {
  }
  if (options.json) {
    std::cout << json{{"cluster", cluster}, {"dry_run", is_dry}, {"applied", answers}}.dump() << '\n';
    return;
  }
  for (const json& answer : answers) {
    const bool is_kind = answer.contains("kind");
    std::cout << (is_kind ? "kind " : "fleet ") << answer[is_kind ? "kind" : "fleet"].get<std::string>() << ": "
              << answer["result"].get<std::string>();
    if (is_kind) std::cout << ", version " << answer["version"];
    const char* separator = ": ";
    for (const json& member : answer["changed"]) {
      std::cout << separator << member.get<std::string>();
      separator = ", ";
    }
    std::cout << '\n';
  }
  if (is_dry) std::cout << "nothing was changed in " << cluster << " (--dry-run)\n";
}

void show(const Options& options, const std::string& kind) {
  Database db(options);
  const std::string cluster = choose_cluster(db, options.cluster);
  const auto row =
      db.value("select to_jsonb(k)::text from orrery.kind_status k where cluster = $1 and kind = $2", {cluster, kind});
  if (!row) {
    const auto names = db.value("select string_agg(kind, ', ') from orrery.kind_status where cluster = $1", {cluster});
    throw Failure("cluster " + cluster + " has no kind of server named '" + kind + "'", "OR001",
                  "It has: " + names.value_or("none") + ".");
  }
  if (options.json) {
    std::cout << *row << '\n';
    return;
  }
  const json is = json::parse(*row);
  std::cout << "# " << cluster << ": version " << is["version"] << "; servers: " << is["requested"] << " requested, "
            << is["starting"] << " starting, " << is["ready"] << " ready, " << is["stopping"] << " stopping, "
            << is["failed"] << " failed\n"
            << to_toml("kind", kind, is["spec"]);
}

void explain(const Options& options, const std::string& kind, const std::vector<std::string>& settings) {
  const json spec = read_settings(settings);
  Database db(options);
  const std::vector<Param> params = {kind, choose_cluster(db, options.cluster), spec.dump()};
  const std::string call = "select * from orrery.placement_explain($1, $2, $3::jsonb)";
  if (options.json) {
    std::cout << db.json_rows(call, params) << '\n';
  } else {
    print_table(std::cout, db.query(call, params));
  }
}

}  // namespace

void add_kind(CLI::App& app, const Options& options) {
  CLI::App* kind = app.add_subcommand("kind", "Say what can be started, list it, ask where it would be placed");
  kind->require_subcommand(1);
  struct Args {
    std::string name;
    std::string file;
    std::vector<std::string> settings;
    bool is_dry = false;
  };
  auto args = std::make_shared<Args>();

  CLI::App* apply_verb = kind->add_subcommand("apply", "Make kinds and fleets what a TOML file says, all or none");
  apply_verb->add_option("file", args->file, "Tables [kind.NAME] and [fleet.NAME]; - is stdin")->required();
  apply_verb->add_flag("--dry-run", args->is_dry, "Say what would change, and change nothing");
  apply_verb->footer(kApplyExample);
  apply_verb->callback([=, &options] { apply(options, args->file, args->is_dry); });

  CLI::App* list_verb = kind->add_subcommand("list", "Kinds, and how many servers there are of each");
  const auto again = add_watch(*list_verb);
  list_verb->callback(
      [=, &options] { watch(options, *again, [&] { print_list(options, "orrery.kind_status", kColumns); }); });

  CLI::App* show_verb = kind->add_subcommand("show", "One kind as TOML that apply takes");
  show_verb->add_option("kind", args->name, "Its name")->required();
  show_verb->callback([=, &options] { show(options, args->name); });

  CLI::App* explain_verb =
      kind->add_subcommand("explain", "Where a server of it would be placed now, and why not elsewhere");
  explain_verb->add_option("kind", args->name, "Its name")->required();
  explain_verb->add_option("--set", args->settings, "member=value, as in a file: as if the kind were so")
      ->allow_extra_args(false);
  explain_verb->footer(kExplainExample);
  explain_verb->callback([=, &options] { explain(options, args->name, args->settings); });
}

}  // namespace orrery::cli
