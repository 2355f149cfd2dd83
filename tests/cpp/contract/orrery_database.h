// Orrery installed in the private PostgreSQL, with one cluster, and logins as daemons have them. Nothing ticks by
// itself.
#pragma once

#include <event2/event.h>

#include <memory>
#include <optional>
#include <string>

#include "pg/pg_socket.h"
#include "pg_fixture.h"

namespace orrery::contract {

/// One connection of one login; every call is awaited.
class Connection {
 public:
  explicit Connection(const std::string& login);

  pg::Rows rows(const std::string& sql, pg::Params params = {});  // throws what the database said
  Result<pg::Rows> ask(const std::string& sql, pg::Params params = {});
  /// The only value, "" when it is null.
  std::string value(const std::string& sql, pg::Params params = {});
  pg::PgSocket& socket() { return *socket_; }
  bool until(const std::function<bool()>& condition) { return test::run_until(base_.get(), condition); }
  const std::vector<std::string>& notified() const { return notified_; }

 private:
  std::unique_ptr<event_base, void (*)(event_base*)> base_;
  std::vector<std::string> notified_;
  std::unique_ptr<pg::PgSocket> socket_;
};

/// Installed at first use by the `orrery` beside this program: cluster dev, started, with a kind `thing`; logins
/// test_agent and test_session. The SQL is that of the source tree, or of ORRERY_SQL_DIR.
Connection& superuser();

}  // namespace orrery::contract
