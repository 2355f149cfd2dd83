// orrery account: create, show, ban, unban, code.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "database.h"
#include "options.h"
#include "password.h"
#include "print.h"
#include "verb.h"

namespace orrery::cli {
namespace {

constexpr int kCountMax = 1000000;

struct Args {
  std::string name;
  int count = 0;
  int first = 1;
  std::string password_file;
  bool password_stdin = false;
  bool code = false;
  bool if_missing = false;
  std::vector<std::string> characters;
  std::vector<std::string> places;
};

struct Place {
  std::string kind;
  std::string key;
};

Place parse_place(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string::npos || colon + 1 == text.size()) {
    throw Failure("'" + text + "' is not KIND:KEY", "", "", "e.g. station:aldra-gate");
  }
  return {text.substr(0, colon), text.substr(colon + 1)};
}

/// Unset: the account gets a one-time code instead.
Param password_hash(const Args& args) {
  if (args.password_stdin) return hash_password(read_password("-"));
  if (!args.password_file.empty()) return hash_password(read_password(args.password_file));
  if (args.code || isatty(STDIN_FILENO) == 0) return std::nullopt;
  return hash_password(ask_password(args.name));
}

std::vector<std::string> account_names(const Args& args) {
  if (args.count == 0) return {args.name};
  std::vector<std::string> names;
  for (int i = args.first; i < args.first + args.count; ++i) {
    std::string number = std::to_string(i);
    if (number.size() < 4) number.insert(0, 4 - number.size(), '0');
    names.push_back(args.name + number);
  }
  return names;
}

/// Makes an account and its characters; gives its one-time code back, empty with `hash`. Unset: the name exists and
/// --if-missing leaves it alone.
std::optional<std::string> create_one(Database& db, const Options& options, const Args& args, const std::string& name,
                                      const Param& hash, const std::vector<Place>& places) {
  std::optional<std::string> code;
  const auto make = [&] {
    code = db.value("select orrery.account_create($1, $2, $3)", {name, hash, options.cluster}).value_or("");
  };
  if (!args.if_missing) {
    make();
  } else {
    try {
      db.savepoint(make);
    } catch (const Failure& failure) {
      if (failure.code != "OR008") throw;
      return std::nullopt;
    }
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::string character = i == 0 ? name : name + "-" + std::to_string(i + 1);
    db.query("select orrery.character_create($1, $2, $3, $4, $5)",
             {name, character, places[i].kind, places[i].key, options.cluster});
  }
  return code;
}

struct Created {
  std::string name;
  std::string code;  ///< empty: it has a password
};

void print_created(const Options& options, const std::vector<Created>& created, std::size_t existing) {
  if (options.json) {
    nlohmann::ordered_json answer = {{"created", created.size()}, {"existing", existing}};
    for (const Created& one : created) {
      if (!one.code.empty()) answer["codes"][one.name] = one.code;
    }
    std::cout << answer.dump() << '\n';
    return;
  }
  for (const Created& one : created) {
    if (!one.code.empty()) std::cout << one.name << ": one-time code " << one.code << '\n';
  }
  std::cout << "created " << created.size() << (created.size() == 1 ? " account" : " accounts");
  if (existing > 0) std::cout << "; " << existing << " existed already";
  std::cout << '\n';
}

void create(const Options& options, const Args& args) {
  std::vector<Place> each;
  for (const std::string& text : args.characters) each.push_back(parse_place(text));
  std::vector<Place> spread;
  for (const std::string& text : args.places) spread.push_back(parse_place(text));
  const Param hash = password_hash(args);

  Database db(options);
  if (hash) db.query("set client_min_messages = warning");  // one sentence at the end, not one for each
  const std::vector<std::string> names = account_names(args);
  std::vector<Created> created;
  db.transaction([&] {  // all of them or none: a code is told only of an account that exists
    for (std::size_t i = 0; i < names.size(); ++i) {
      std::vector<Place> places = each;
      if (!spread.empty()) places.push_back(spread[i % spread.size()]);
      if (const auto code = create_one(db, options, args, names[i], hash, places)) created.push_back({names[i], *code});
    }
  });
  print_created(options, created, names.size() - created.size());
}

void show(const Options& options, const std::string& name) {
  Database db(options);
  const std::string from =
      " from orrery.account_status where lower(name) = lower($1) and (cluster = $2 or $2::text is null)";
  const std::vector<Param> params = {name, options.cluster};
  if (!db.value("select true" + from + " limit 1", params))
    throw Failure("no account " + name, "OR001", "", "orrery account create makes one.");
  if (options.json) {
    std::cout << db.json_rows("select *" + from, params) << '\n';
  } else {
    print_table(std::cout, db.query("select cluster, name, active, ban, has_password, code_until, devices, session_id, "
                                    "session" +
                                        from,
                                    params));
  }
}

/// The verbs that a player's account is managed with.
void add_verbs(CLI::App& account, const Options& options) {
  struct Named {
    std::string name, reason;
    Param seconds;
  };
  auto args = std::make_shared<Named>();
  const auto add = [&account, args](const char* verb, const char* what) {
    CLI::App* command = account.add_subcommand(verb, what);
    command->add_option("name", args->name, "The account's name")->required();
    return command;
  };
  add("show", "May it log in, how, and is it in play")->callback([=, &options] { show(options, args->name); });
  CLI::App* ban = add("ban", "Keep a player out, at once: his session ends, and he cannot log in");
  ban->add_option("reason", args->reason, "Why; the player is shown it")->required();
  ban->add_option("--seconds", args->seconds, "For how long (default: for good)");
  ban->callback([=, &options] {
    call_verb(options, "orrery.account_ban($1, $2, $3, $4)",
              {args->name, args->reason, args->seconds, options.cluster});
  });
  add("unban", "Let a banned player in again")->callback([=, &options] {
    call_verb(options, "orrery.account_unban($1, $2)", {args->name, options.cluster});
  });
  add("code", "A new one-time code, for a forgotten password; it is shown this once")->callback([=, &options] {
    Database db(options);
    const auto code = db.value("select orrery.account_code($1, $2)", {args->name, options.cluster}).value_or("");
    std::cout << (options.json ? nlohmann::json{{"code", code}}.dump() : code) << '\n';
  });
}

}  // namespace

void add_account(CLI::App& app, const Options& options) {
  CLI::App* account = app.add_subcommand("account", "Accounts of players");
  account->require_subcommand(1);
  add_verbs(*account, options);
  auto args = std::make_shared<Args>();
  CLI::App* create_command = account->add_subcommand(
      "create",
      "Create accounts. Asks for a password; without a terminal, or with --code, gives a one-time code instead");
  create_command->add_option("name", args->name, "Name; with --count the first part of it")->required();
  create_command->add_option("--count", args->count, "Create NAME0001 … with the same password")
      ->check(CLI::Range(1, kCountMax));
  create_command->add_option("--first", args->first, "Number of the first one")->check(CLI::Range(1, kCountMax));
  auto* file =
      create_command->add_option("--password-file", args->password_file, "File whose first line is the password");
  auto* in =
      create_command->add_flag("--password-stdin", args->password_stdin, "Read the password from standard input");
  auto* code = create_command->add_flag("--code", args->code, "One-time code with which the player sets a password");
  file->excludes(in);
  file->excludes(code);
  in->excludes(code);
  create_command->add_option("--character", args->characters,
                             "KIND:KEY: a character there for every account; repeatable");
  create_command->add_option("--at", args->places, "KIND:KEY: one character each, the places in turn; repeatable");
  create_command->add_flag("--if-missing", args->if_missing, "Leave accounts that exist as they are");
  create_command->callback([args, &options] { create(options, *args); });
}

}  // namespace orrery::cli
