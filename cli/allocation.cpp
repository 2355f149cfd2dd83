#include "allocation.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "database.h"
#include "list.h"
#include "watch.h"

namespace orrery::cli {
namespace {

using nlohmann::json;

constexpr const char* kColumns = "cluster, request, state, fleet, kind, key, public_address, age, reason, waits_for";

constexpr const char* kExample = R"(
Examples:
  orrery server allocate match-17 --fleet arenas
  orrery server allocate match-18 --kind arena --label map=dust --counter players=4 --wait 30
REQUEST is your own key: asked again with it, it is the same allocation.
)";

/// "name=value" taken apart. Throws Failure.
std::pair<std::string, std::string> pair_of(const char* option, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw Failure(std::string(option) + " '" + text + "' is not name=value");
  return {text.substr(0, equals), text.substr(equals + 1)};
}

json labels_of(const std::vector<std::string>& texts) {
  json labels = json::object();
  for (const std::string& text : texts) {
    const auto [name, value] = pair_of("--label", text);
    labels[name] = value;
  }
  return labels;
}

json counters_of(const std::vector<std::string>& texts) {
  json counters = json::object();
  for (const std::string& text : texts) {
    const auto [name, value] = pair_of("--counter", text);
    long long count = 0;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), count);
    if (read.ec != std::errc() || read.ptr != value.data() + value.size()) {
      throw Failure("--counter '" + text + "' has no number");
    }
    counters[name] = count;
  }
  return counters;
}

/// Says what became of an allocation; `answer` as allocation_answer has it.
void print_answer(const Options& options, const std::string& request, const json& answer) {
  if (options.json) {
    std::cout << answer.dump() << '\n';
    return;
  }
  std::cout << request << " is " << answer.value("status", "");
  if (answer.contains("server")) {
    const json& server = answer["server"];
    std::cout << ": server " << server["server_id"] << ", " << server.value("kind", "") << ' '
              << server.value("key", "");
    const char* separator = ", at ";
    for (const auto& [name, port] : server["ports"].items()) {
      std::cout << separator << server.value("host", "") << ':' << port << " (" << name << ')';
      separator = ", ";
    }
  } else if (answer.contains("reason")) {
    std::cout << ": " << answer["reason"].get<std::string>();
  }
  std::cout << '\n';
  if (answer.contains("confirm_in_ms")) {
    std::cout << "taken back in " << answer["confirm_in_ms"].get<long long>() / 1000
              << " s unless: orrery server confirm " << request << '\n';
  }
}

json ask(Database& db, const std::string& call, const std::vector<Param>& params) {
  return json::parse(db.value("select " + call + "::text", params).value_or("{}"));
}

void allocate(const Options& options, const std::string& request, const json& selector, const Wait& wait) {
  constexpr double kLongestS = 86400;
  Database db(options);
  const auto wait_ms = std::llround((wait.asked ? wait.seconds.value_or(kLongestS) : 0) * 1000);
  const std::vector<Param> params = {request, selector.dump(), std::to_string(wait_ms), options.cluster};
  const auto once = [&] { return ask(db, "orrery.server_allocate($1, $2::jsonb, $3, $4)", params); };
  json answer = once();
  if (wait.asked && answer.value("status", "") == "waiting") {
    // The database ends it; no deadline of our own comes before.
    wait_until({true, std::nullopt}, "", "", [&] {
      answer = once();
      return answer.value("status", "") == "waiting" ? request + " waits: " + answer.value("reason", "")
                                                     : std::string();
    });
  }
  const std::string status = answer.value("status", "");
  const bool has_one = answer.contains("server");
  if (has_one || status == "waiting" || options.json) print_answer(options, request, answer);
  if (!has_one && status != "waiting") {
    const bool is_over = status != "none";
    throw Failure("no server for " + request, "",
                  (is_over ? request + " is " + status + ": " : "") + answer.value("reason", status),
                  is_over ? "Another allocation needs another key."
                          : "orrery fleet list shows what there is; --wait SECONDS waits.");
  }
}

}  // namespace

void add_allocation(CLI::App& server, const Options& options) {
  struct Args {
    std::string request;
    std::string fleet;
    std::string kind;
    std::vector<std::string> labels;
    std::vector<std::string> counters;
    bool shared = false;
    bool reuse = false;
  };
  auto args = std::make_shared<Args>();
  const auto add = [=, &server](const char* verb, const char* what) {
    CLI::App* command = server.add_subcommand(verb, what);
    command->add_option("request", args->request, "The caller's own key of the allocation, e.g. match-17")->required();
    return command;
  };

  CLI::App* allocate_verb = add("allocate", "Take a ready server of a fleet; status 1 when there is none");
  allocate_verb->add_option("--fleet", args->fleet, "Of this fleet");
  allocate_verb->add_option("--kind", args->kind, "Of this kind");
  allocate_verb->add_option("--label", args->labels, "name=value that it or its agent has")->allow_extra_args(false);
  allocate_verb->add_option("--counter", args->counters, "name=N that it has room for")->allow_extra_args(false);
  allocate_verb->add_flag("--shared", args->shared, "One that others have is as good");
  const auto wait = add_wait(*allocate_verb, "Wait for one when none is free");
  allocate_verb->footer(kExample);
  allocate_verb->callback([=, &options] {
    json selector = json::object();
    if (!args->fleet.empty()) selector["fleet"] = args->fleet;
    if (!args->kind.empty()) selector["kind"] = args->kind;
    if (!args->labels.empty()) selector["labels"] = labels_of(args->labels);
    if (!args->counters.empty()) selector["counters"] = counters_of(args->counters);
    if (args->shared) selector["shared"] = true;
    allocate(options, args->request, selector, *wait);
  });

  add("confirm", "Say that an allocation is in use, so that it is not taken back")->callback([=, &options] {
    Database db(options);
    print_answer(options, args->request,
                 ask(db, "orrery.allocation_confirm($1, $2)", {args->request, options.cluster}));
  });

  CLI::App* release = add("release", "Give an allocation back; its server stops, and the fleet makes another");
  release->add_flag("--reuse", args->reuse, "Its server goes back to the fleet as it is");
  release->callback([=, &options] {
    Database db(options);
    print_answer(options, args->request,
                 ask(db, "orrery.allocation_release($1, $2, $3)",
                     {args->request, args->reuse ? "true" : "false", options.cluster}));
  });

  CLI::App* list_verb = server.add_subcommand("allocations", "Allocations that are not over");
  const auto again = add_watch(*list_verb);
  list_verb->callback(
      [=, &options] { watch(options, *again, [&] { print_list(options, "orrery.allocation_status", kColumns); }); });
}

}  // namespace orrery::cli
