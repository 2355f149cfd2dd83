#include "database.h"

#include <libpq-fe.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string_view>

namespace orrery::cli {
namespace {

/// Takes libpq's report ("ERROR:  text\nDETAIL:  …\nHINT:  …\nCONTEXT:  …") apart; context is left out.
Failure parse_report(const std::string& report, const std::string& code) {
  std::string parts[3];
  std::size_t part = 0;
  bool skip = false;
  std::string_view rest = report;
  bool first = true;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    const auto starts = [&line](std::string_view label) {
      if (line.substr(0, label.size()) != label) return false;
      line.remove_prefix(label.size());
      return true;
    };
    if (first) {
      first = false;
      if (!starts("ERROR:  ")) starts("FATAL:  ");
    } else if (starts("DETAIL:  ")) {
      part = 1;
      skip = false;
    } else if (starts("HINT:  ")) {
      part = 2;
      skip = false;
    } else if (starts("CONTEXT:  ")) {
      skip = true;
    }
    if (skip || line.empty()) continue;
    if (!parts[part].empty()) parts[part] += '\n';
    parts[part] += line;
  }
  return Failure(parts[0], code, parts[1], parts[2]);
}

/// The first line of a file that only its owner may read.
std::string read_conninfo(const std::string& path) {
  struct stat info {};
  std::ifstream file(path);
  std::string line;
  if (stat(path.c_str(), &info) != 0 || !file) throw Failure("cannot read " + path);
  if ((info.st_mode & 077) != 0) {
    throw Failure(path + " is open to others than its owner", "", "It may hold a password.", "chmod 600 " + path);
  }
  if (!std::getline(file, line) || line.empty()) throw Failure(path + " has no connection string in its first line");
  return line;
}

}  // namespace

void refuse_password(const std::string& conninfo) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfoParse(conninfo.c_str(), nullptr),
                                                                             &PQconninfoFree);
  // What libpq cannot read, it refuses itself when it connects.
  for (const PQconninfoOption* option = options.get(); option && option->keyword; ++option) {
    const std::string_view keyword = option->keyword;
    if (!option->val || (keyword != "password" && keyword != "sslpassword")) continue;
    throw Failure("--db holds a password", "", "Every user of this machine can read the arguments of a process.",
                  "Put the connection string into a file of mode 0600 and name it with --db-file, or into ORRERY_DB; "
                  "or the password into the file that PGPASSFILE names.");
  }
}

class Database::Notices : public pqxx::errorhandler {
 public:
  Notices(pqxx::connection_base& connection, std::ostream& out) : pqxx::errorhandler(connection), out_(out) {}
  bool operator()(char const message[]) noexcept override {
    std::string_view text = message;
    for (const std::string_view label : {"NOTICE:  ", "INFO:  "}) {
      if (text.substr(0, label.size()) == label) text.remove_prefix(label.size());
    }
    if (holds_) {
      held_ += text;
    } else {
      out_ << text << std::flush;
    }
    return false;
  }

  void hold() { holds_ = true; }
  /// Ends hold(): prints what came meanwhile, or drops it.
  void release(bool prints) {
    holds_ = false;
    if (prints) out_ << held_ << std::flush;
    held_.clear();
  }

 private:
  bool holds_ = false;
  std::string held_;
  std::ostream& out_;
};

void print_failure(const Failure& failure) {
  std::cout << std::flush;
  std::cerr << "error" << (failure.code.empty() ? "" : " ") << failure.code << ": " << failure.what() << '\n';
  if (!failure.detail.empty()) std::cerr << "  detail: " << failure.detail << '\n';
  if (!failure.hint.empty()) std::cerr << "  hint: " << failure.hint << '\n';
}

Database::Database(const Options& options) {
  const std::string conninfo = options.db_file.empty() ? options.db : read_conninfo(options.db_file);
  setenv("PGAPPNAME", "orrery", 0);
  setenv("PGCONNECT_TIMEOUT", "10", 0);
  try {
    connection_ = std::make_unique<pqxx::connection>(conninfo);
  } catch (const pqxx::broken_connection& error) {
    std::string text = error.what();
    while (!text.empty() && text.back() == '\n') text.pop_back();
    throw Failure("the database cannot be reached", "", text,
                  "Name it with --db 'host=… dbname=…', with --db-file, with ORRERY_DB, or with PGHOST and its like.");
  }
  notices_ = std::make_unique<Notices>(*connection_, options.json ? std::cerr : std::cout);
}

Database::~Database() = default;

pqxx::result Database::query(const std::string& sql, const std::vector<Param>& params) {
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const Param& param : params) values.push_back(param ? param->c_str() : nullptr);
  // libpqxx would connect anew by itself, and go on outside the transaction that was lost.
  if (!connection_->is_open()) throw Failure("the connection to the database was lost");
  try {
    pqxx::nontransaction work(*connection_);
    return params.empty() ? work.exec(sql) : work.exec_params(sql, pqxx::prepare::make_dynamic_params(values));
  } catch (const pqxx::sql_error& error) {
    throw parse_report(error.what(), error.sqlstate());
  } catch (const pqxx::deadlock_detected& error) {
    throw parse_report(error.what(), "40P01");
  } catch (const pqxx::failure& error) {
    throw Failure("the connection to the database was lost", "", error.what());
  }
}

std::optional<std::string> Database::value(const std::string& sql, const std::vector<Param>& params) {
  const pqxx::result rows = query(sql, params);
  if (rows.empty() || rows[0][0].is_null()) return std::nullopt;
  return rows[0][0].as<std::string>();
}

std::string Database::json_rows(const std::string& sql, const std::vector<Param>& params) {
  return value("select coalesce(json_agg(row_to_json(t)), '[]'::json)::text from (" + sql + ") t", params)
      .value_or("[]");
}

void Database::transaction(const std::function<void()>& body) {
  query("begin");
  notices_->hold();
  try {
    body();
    query("commit");
  } catch (...) {
    try {
      query("rollback");
    } catch (const Failure&) {  // the connection is gone, and the transaction with it
    }
    notices_->release(false);
    throw;
  }
  notices_->release(true);
}

void Database::savepoint(const std::function<void()>& body) {
  query("savepoint body");
  try {
    body();
  } catch (...) {
    try {
      query("rollback to body");
    } catch (const Failure&) {  // as above; the transaction's own rollback tells
    }
    throw;
  }
  query("release body");
}

}  // namespace orrery::cli
