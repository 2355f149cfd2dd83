#include "orrery_database.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace orrery::contract {
namespace {

void install() {
  const auto& postgres = test::PrivatePostgres::get();
  const std::string bin = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  std::vector<std::string> command{bin + "/orrery", "--db", postgres.conninfo(), "db", "install"};
  if (const char* sql_dir = getenv("ORRERY_SQL_DIR")) command.insert(command.end(), {"--sql-dir", sql_dir});
  const std::string log = postgres.dir() + "/install.log";
  if (test::run(command, log) == 0) return;
  std::ostringstream said;
  said << std::ifstream(log).rdbuf();
  throw std::runtime_error("orrery db install failed: " + said.str());
}

}  // namespace

Connection::Connection(const std::string& login) : base_(event_base_new(), event_base_free) {
  const std::string conninfo = "host=" + test::PrivatePostgres::get().dir() + " dbname=postgres user=" + login;
  pg::PgSocketConfig config;
  config.conninfo = conninfo;
  config.application_name = "contract_test";
  socket_ = std::make_unique<pg::PgSocket>(
      base_.get(), config,
      pg::PgSocket::Handlers{nullptr, nullptr, [this](const std::string& payload) { notified_.push_back(payload); }});
  socket_->open();
}

Result<pg::Rows> Connection::ask(const std::string& sql, pg::Params params) {
  std::optional<Result<pg::Rows>> answer;
  socket_->query(sql, std::move(params), [&answer](Result<pg::Rows> got) { answer = std::move(got); });
  if (!until([&] { return answer.has_value(); })) return Error{"no answer in time", "test"};
  return *answer;
}

pg::Rows Connection::rows(const std::string& sql, pg::Params params) {
  auto answer = ask(sql, std::move(params));
  if (!answer) throw std::runtime_error(sql + ": " + answer.error().message + " [" + answer.error().code + "]");
  return *answer;
}

std::string Connection::value(const std::string& sql, pg::Params params) {
  const pg::Rows got = rows(sql, std::move(params));
  return got.empty() || got[0].empty() ? "" : got[0][0].value_or("");
}

Connection& superuser() {
  static const std::unique_ptr<Connection> connection = [] {
    install();
    auto made = std::make_unique<Connection>("postgres");
    for (const char* sql :
         {"create role test_agent login in role orrery_agent", "create role test_session login in role orrery_session",
          "select orrery.cluster_create('dev')", "select orrery.cluster_grant('*', 'test_agent')",
          "select orrery.cluster_grant('dev', 'test_session')",
          R"(select orrery.server_kind_set('thing', '{"role": "other", "command": "thing", "args": ["--a", "b"],
             "ports": [{"name": "game", "count": 3}, {"name": "query", "protocol": "tcp"}], "ready_by": "output",
             "ready_pattern": "^up$",
             "stop_signal": "USR2",
             "env": {"N": "v"}, "ready_deadline_ms": 7100, "stop_grace_ms": 2300, "on_isolation": "hold",
             "limits": {"nofile": 77}, "log_bytes_max": 65536, "log_files": 4, "watchdog_ms": 1900}', 'dev'))"}) {
      made->rows(sql);
    }
    return made;
  }();
  return *connection;
}

}  // namespace orrery::contract
