// A connection to the control plane: statements with parameters, notices in words, errors as exceptions.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <stdexcept>
#include <string>
#include <vector>

#include "options.h"

namespace orrery::cli {

/// An error for the user, in up to three parts. `code`: SQLSTATE, or empty when it is the CLI's own.
struct Failure : std::runtime_error {
  explicit Failure(const std::string& message, std::string code_in = {}, std::string detail_in = {},
                   std::string hint_in = {})
      : std::runtime_error(message), code(std::move(code_in)), detail(std::move(detail_in)), hint(std::move(hint_in)) {}
  std::string code;
  std::string detail;
  std::string hint;
};

/// Prints a Failure as "error CODE: message", then its detail and hint, to stderr.
void print_failure(const Failure& failure);

/// Throws Failure when a connection string from the command line, which every user sees, holds a password.
void refuse_password(const std::string& conninfo);

using Param = std::optional<std::string>;  ///< unset is SQL null

class Database {
 public:
  /// Connects; throws Failure, also when the file with the connection string is open to others. Notices go to stdout as
  /// plain sentences, to stderr with --json.
  explicit Database(const Options& options);
  ~Database();

  /// One statement outside a transaction block. Throws Failure.
  pqxx::result query(const std::string& sql, const std::vector<Param>& params = {});
  /// First column of the first row; unset for null or no row.
  std::optional<std::string> value(const std::string& sql, const std::vector<Param>& params = {});
  /// The rows of a query as a JSON array.
  std::string json_rows(const std::string& sql, const std::vector<Param>& params = {});
  /// Runs `body` between BEGIN and COMMIT; rolls back when it throws. Notices wait for the commit; a rollback drops
  /// them.
  void transaction(const std::function<void()>& body);
  /// Within a transaction: undoes what `body` did when it throws, and goes on in the transaction.
  void savepoint(const std::function<void()>& body);

 private:
  class Notices;
  std::unique_ptr<pqxx::connection> connection_;
  std::unique_ptr<Notices> notices_;
};

}  // namespace orrery::cli
