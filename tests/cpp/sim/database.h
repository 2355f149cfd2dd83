// A real database under a false clock: Orrery installed once, copied for each simulation. Calls are made one at a time,
// each at a moment that the caller names; every role has its own login, as it has in earnest.
#pragma once

#include <libpq-fe.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace orrery::sim {

using Json = nlohmann::json;
using Params = std::vector<std::optional<std::string>>;
using Rows = std::vector<std::vector<std::string>>;  // null reads as ""

enum class Login { agent, tick, dba, superuser };

/// What a call gave, the doorbells that rang at its commit, and whether it changed anything.
struct Called {
  Result<Json> value;
  std::vector<std::string> bells;
  bool wrote = false;
};

class Database {
 public:
  /// A copy of `from`, or of the template: Orrery with two clusters, stopped, and the kinds of the simulation.
  explicit Database(const std::string& name, Database* from = nullptr);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Makes the template, once; throws when it cannot.
  static void prepare();

  /// Evaluates `expression`, whose parameters are $2 …, when the wall clock shows `now` (since 2030-01-01).
  Called call(Login login, const std::string& expression, Params params, Duration now);
  /// Rows of a query as superuser; throws on an error. Reads no clock.
  const Rows& rows(const std::string& query, const Params& params = {});
  /// What a crash of the server does to a database: what is not logged is as at the beginning.
  void crash();
  /// True when a routine of this name exists in schema orrery.
  bool has(const std::string& function);
  /// Milliseconds of the wall clock for `timestamptz` columns.
  static std::string timestamp(Duration now);

  const std::string& name() const { return name_; }
  /// For connections of one's own; there is a login sim_session, of a session server, granted no cluster yet.
  std::string conninfo(const std::string& user) const;

 private:
  struct Connection;
  Connection& connection(Login login);

  std::string name_;
  std::map<Login, std::unique_ptr<Connection>> connections_;
  Rows rows_;
};

}  // namespace orrery::sim
