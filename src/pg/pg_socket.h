// An asynchronous PostgreSQL connection on a libevent loop: queries in, results out, reconnects by itself.
// One query is under way at a time; others wait in order. Not thread-safe: one loop owns it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

struct event_base;

namespace orrery::pg {

/// Rows of text values; nothing where the column is null.
using Row = std::vector<std::optional<std::string>>;
using Rows = std::vector<Row>;
/// Parameters of a query as text; nothing is null.
using Params = std::vector<std::optional<std::string>>;

struct PgSocketConfig {
  std::string conninfo;  // libpq; several hosts are tried in turn, the one that answered last first
  std::string application_name;
  // Then the connection is dropped and made anew; as long for each address while connecting.
  Duration query_timeout = std::chrono::seconds{10};
  Duration reconnect_min = std::chrono::milliseconds{100};
  Duration reconnect_max = std::chrono::seconds{2};
  std::size_t queue_max = 4096;  // further queries fail at once
};

class PgSocket {
 public:
  using Reply = std::function<void(Result<Rows>)>;
  struct Handlers {
    // After each (re)connection; queries made inside it go out before those that were queued, and fail with it.
    std::function<void()> connected;
    std::function<void(const Error&)> disconnected;  // each time it is lost or cannot be made
    std::function<void(const std::string& payload)> notified;
  };

  /// Must not be destroyed inside one of its callbacks. Replies still owed at its end are never called.
  PgSocket(event_base* base, PgSocketConfig config, Handlers handlers);
  ~PgSocket();
  PgSocket(const PgSocket&) = delete;
  PgSocket& operator=(const PgSocket&) = delete;

  /// Begins to connect, now and for ever after.
  void open();
  bool is_connected() const;
  /// Queues one statement with $1… parameters. `reply` is called once, never inside this call: with the rows, with the
  /// database's error (code is the SQLSTATE, hint its HINT), or with code "connection" when the connection was lost
  /// before the answer came (it may or may not have been carried out). Queries queued while disconnected wait for the
  /// connection up to query_timeout, then fail with code "connection" too; a parameter with a zero byte fails with code
  /// 22021.
  void query(std::string sql, Params params, Reply reply);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery::pg
