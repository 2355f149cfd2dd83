// orrery device: list, revoke.
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

constexpr const char* kColumns = "device_id, cluster, account, name, enrolled_at, used_at, session_id";

void list(const Options& options, const std::string& account) {
  Database db(options);
  const std::string from =
      " from orrery.device_status where lower(account) = lower($1) and (cluster = $2 or $2::text is null)";
  const std::vector<Param> params = {account, options.cluster};
  if (options.json) {
    std::cout << db.json_rows("select *" + from, params) << '\n';
  } else {
    print_table(std::cout, db.query(std::string("select ") + kColumns + from, params));
  }
}

}  // namespace

void add_device(CLI::App& app, const Options& options) {
  CLI::App* device = app.add_subcommand("device", "Devices that players log in with instead of a password");
  device->require_subcommand(1);
  struct Args {
    std::string account, device_id;
  };
  auto args = std::make_shared<Args>();
  const auto add = [=](const char* verb, const char* what) {
    CLI::App* command = device->add_subcommand(verb, what);
    command->add_option("account", args->account, "The account's name")->required();
    return command;
  };
  add("list", "An account's devices")->callback([=, &options] { list(options, args->account); });
  CLI::App* revoke = add("revoke", "It was lost: its key is of no use any more, and the session that it opened ends");
  revoke->add_option("device", args->device_id, "Its number in the list")->required();
  revoke->callback([=, &options] {
    call_verb(options, "orrery.device_revoke($1, $2, $3)", {args->account, args->device_id, options.cluster});
  });
}

}  // namespace orrery::cli
