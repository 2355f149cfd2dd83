#include "sim/database.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <mutex>
#include <sstream>
#include <stdexcept>

#include "pg_fixture.h"

namespace orrery::sim {
namespace {

constexpr const char* template_name = "sim_template";
constexpr std::array logins{"sim_agent", "orrery_cron", "sim_dba", "postgres"};

struct ResultFree {
  void operator()(PGresult* r) const { PQclear(r); }
};
using ResultPtr = std::unique_ptr<PGresult, ResultFree>;

std::string conninfo_of(const std::string& database, const std::string& user) {
  return "host=" + test::PrivatePostgres::get().dir() + " dbname=" + database + " user=" + user;
}

struct ConnFree {
  void operator()(PGconn* c) const { PQfinish(c); }
};
using ConnPtr = std::unique_ptr<PGconn, ConnFree>;

ConnPtr connect(const std::string& database, const std::string& user) {
  ConnPtr conn(PQconnectdb(conninfo_of(database, user).c_str()));
  if (PQstatus(conn.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(conn.get()));
  PQsetNoticeProcessor(
      conn.get(), [](void*, const char*) {}, nullptr);
  return conn;
}

void execute(PGconn* conn, const std::string& sql) {
  const ResultPtr result(PQexec(conn, sql.c_str()));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
    throw std::runtime_error(sql + ": " + PQerrorMessage(conn));
}

std::string field(const PGresult* result, int code) {
  const char* value = PQresultErrorField(result, code);
  return value ? value : "";
}

// The kinds: each stands for one way a server can behave (world.cpp, behaviour_of).
constexpr const char* setup = R"(
  create or replace function orrery.clock() returns timestamptz language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp as $$ begin return current_setting('orrery.fake_now')::timestamptz; end $$;
  -- the history is kept by the same clock
  alter table orrery.event alter recorded_at set default orrery.clock();
  create role sim_agent login in role orrery_agent;
  create role sim_dba login in role orrery_admin;
  create role sim_session login in role orrery_session;
  set orrery.fake_now = '2030-01-01 00:00:00+00';
  select orrery.cluster_grant('*', 'sim_agent'), orrery.cluster_grant('*', 'sim_dba');
  select orrery.cluster_create('red'), orrery.cluster_create('blue');
  select orrery.server_kind_set(k.kind, jsonb_build_object('role', 'other', 'command', k.kind, 'ready_deadline_ms', 4000,
    'stop_grace_ms', 1500, 'start_attempts_max', 4) || k.spec::jsonb, c.cluster)
  from (values ('red'), ('blue')) c (cluster), (values
    ('zone', '{}'), ('match', '{"on_isolation": "hold"}'), ('idle', '{"idle_stop_ms": 4000}'), ('flaky', '{}'),
    ('crash', '{}'), ('deaf', '{}'), ('slow', '{}'), ('missing', '{}'), ('guard', '{"always_on_key": "main"}')) k (kind, spec);
  select orrery.server_kind_set(k.kind, '{"ready_deadline_ms": 4000, "stop_grace_ms": 1500, "memory_bytes": 67108864}', c.cluster)
  from (values ('red'), ('blue')) c (cluster), (values ('login'), ('chat')) k (kind);
  select orrery.setting_set(s.name, s.value) from (values ('command_retry_ms', 1500), ('start_slack_ms', 2000),
    ('start_backoff_ms', 500), ('start_backoff_max_ms', 4000), ('server_stable_ms', 10000), ('tell_ttl_ms', 8000)) s (name, value);
  delete from orrery.incarnation;
)";

}  // namespace

struct Database::Connection {
  ConnPtr conn;
  std::map<std::string, std::string> prepared;  // statement → its name

  const std::string& prepare(const std::string& sql) {
    const auto [found, is_new] = prepared.try_emplace(sql, "s" + std::to_string(prepared.size()));
    if (is_new) {
      const ResultPtr result(PQprepare(conn.get(), found->second.c_str(), sql.c_str(), 0, nullptr));
      if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
        throw std::runtime_error(sql + ": " + PQerrorMessage(conn.get()));
      }
    }
    return found->second;
  }
  ResultPtr run(const std::string& sql, const Params& params) {
    const std::string& statement = prepare(sql);
    std::vector<const char*> values;
    for (const auto& param : params) values.push_back(param ? param->c_str() : nullptr);
    return ResultPtr(PQexecPrepared(conn.get(), statement.c_str(), static_cast<int>(values.size()), values.data(),
                                    nullptr, nullptr, 0));
  }
};

void Database::prepare() {
  static std::once_flag once;
  std::call_once(once, [] {
    const auto& postgres = test::PrivatePostgres::get();
    ConnPtr conn = connect("postgres", "postgres");
    // Nothing may happen by itself, or two runs of one seed would differ.
    for (const char* sql : {"alter system set autovacuum = off", "alter system set synchronous_commit = off",
                            "alter system set jit = off", "select pg_reload_conf()"}) {
      execute(conn.get(), sql);
    }
    execute(conn.get(), fmt::format("create database {}", template_name));
    std::array<char, 4096> self{};
    if (readlink("/proc/self/exe", self.data(), self.size() - 1) < 0) throw std::runtime_error("/proc/self/exe");
    const std::string bin(self.data(), std::string(self.data()).rfind('/'));
    std::vector<std::string> install{bin + "/orrery", "--db", conninfo_of(template_name, "postgres"), "db", "install"};
    if (const char* sql_dir = getenv("ORRERY_SQL_DIR")) install.insert(install.end(), {"--sql-dir", sql_dir});
    const std::string log = postgres.dir() + "/install.log";
    if (test::run(install, log) != 0) {
      std::ostringstream said;
      said << std::ifstream(log).rdbuf();
      throw std::runtime_error("orrery db install failed: " + said.str());
    }
    ConnPtr made = connect(template_name, "postgres");
    execute(made.get(), setup);
  });
}

Database::Database(const std::string& name, Database* from) : name_(name) {
  prepare();
  if (from) from->connections_.clear();  // a database in use cannot be copied
  // One at a time: a template must be nobody's while it is copied.
  static std::mutex copying;
  const std::lock_guard lock(copying);
  const ConnPtr conn = connect("postgres", "postgres");
  execute(conn.get(), fmt::format("drop database if exists {} with (force)", name));
  for (int tries = 0;; ++tries) {
    try {
      execute(conn.get(), fmt::format("create database {} template {}", name, from ? from->name_ : template_name));
      break;
    } catch (const std::runtime_error&) {
      if (tries == 50) throw;  // the sessions just ended are not quite gone
      usleep(20'000);
    }
  }
}

Database::~Database() {
  connections_.clear();
  try {
    const ConnPtr conn = connect("postgres", "postgres");
    execute(conn.get(), fmt::format("drop database if exists {} with (force)", name_));
  } catch (const std::runtime_error&) {  // it goes with its server
  }
}

Database::Connection& Database::connection(Login login) {
  std::unique_ptr<Connection>& held = connections_[login];
  if (!held) {
    held = std::make_unique<Connection>();
    held->conn = connect(name_, logins[static_cast<std::size_t>(login)]);
    // One's own notifications come before the end of one's own statement, so that they have a fixed place in the order.
    execute(held->conn.get(), "listen orrery_doorbell");
  }
  return *held;
}

std::string Database::conninfo(const std::string& user) const { return conninfo_of(name_, user); }

std::string Database::timestamp(Duration now) {
  const std::int64_t us = now.count() / 1000;
  return fmt::format("2030-01-01 {:02}:{:02}:{:02}.{:06}+00", us / 3'600'000'000, us / 60'000'000 % 60,
                     us / 1'000'000 % 60, us % 1'000'000);
}

Called Database::call(Login login, const std::string& expression, Params params, Duration now) {
  params.insert(params.begin(), timestamp(now));
  Connection& to = connection(login);
  const ResultPtr result = to.run("select (" + expression +
                                      ")::text, pg_current_xact_id_if_assigned() is not null "
                                      "from set_config('orrery.fake_now', $1, false)",
                                  params);
  Called called{Json(nullptr), {}, false};
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) {
    std::string message = field(result.get(), PG_DIAG_MESSAGE_PRIMARY);
    if (const std::string detail = field(result.get(), PG_DIAG_MESSAGE_DETAIL); !detail.empty())
      message += ": " + detail;
    called.value = Error{message, field(result.get(), PG_DIAG_SQLSTATE), field(result.get(), PG_DIAG_MESSAGE_HINT)};
  } else {
    called.wrote = *PQgetvalue(result.get(), 0, 1) == 't';
    if (const std::string text = PQgetvalue(result.get(), 0, 0); !text.empty()) {
      Json json = Json::parse(text, nullptr, false);
      called.value = json.is_discarded() ? Json(text) : std::move(json);
    }
  }
  while (PGnotify* notify = PQnotifies(to.conn.get())) {
    if (notify->be_pid == PQbackendPID(to.conn.get())) called.bells.emplace_back(notify->extra);
    PQfreemem(notify);
  }
  return called;
}

const Rows& Database::rows(const std::string& query, const Params& params) {
  Connection& to = connection(Login::superuser);
  const ResultPtr result = to.run(query, params);
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK && PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
    throw std::runtime_error(query + ": " + PQerrorMessage(to.conn.get()));
  }
  const auto count = static_cast<std::size_t>(PQntuples(result.get()));
  const int width = PQnfields(result.get());
  rows_.assign(count, {});
  for (std::size_t r = 0; r < count; ++r) {
    for (int c = 0; c < width; ++c) rows_[r].emplace_back(PQgetvalue(result.get(), static_cast<int>(r), c));
  }
  return rows_;
}

void Database::crash() {
  for (const auto& row :
       Rows(rows("select relname, relkind from pg_class where relpersistence = 'u' and relkind in ('r', 'S') and "
                 "relnamespace = 'orrery'::regnamespace order by relname"))) {
    rows(row[1] == "r" ? "truncate orrery." + row[0] : "alter sequence orrery." + row[0] + " restart");
  }
}

bool Database::has(const std::string& function) {
  return !rows("select 1 from pg_proc where pronamespace = 'orrery'::regnamespace and proname = $1", {function})
              .empty();
}

}  // namespace orrery::sim
