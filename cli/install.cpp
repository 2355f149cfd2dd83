#include "install.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <regex>
#include <thread>
#include <vector>

#include "sql_script.h"

namespace orrery::cli {
namespace fs = std::filesystem;
namespace {

constexpr const char* kOwner = "orrery_owner";
constexpr const char* kSpaceOwner = "orrery_space_owner";
constexpr int kAttempts = 10;  // when deadlocks with a running cluster undo it

/// Functions are made before anything in their files is run, so that no file depends on another's name.
enum class Part { whole, routines, rest };

/// A file to run, and the role that then owns what it makes; empty role: the installer.
struct Step {
  fs::path file;
  std::string role;
  Part part = Part::whole;
};

void add_folder(std::vector<Step>& steps, const fs::path& folder, const std::string& role, Part part = Part::whole) {
  std::vector<fs::path> files;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.is_regular_file() && entry.path().extension() == ".sql") files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  for (fs::path& file : files) steps.push_back({std::move(file), role, part});
}

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Failure("cannot read " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The line within its statement that the server's "LINE n: …" names, counted from 0.
int reported_line(const std::string& message) {
  const std::size_t at = message.find("\nLINE ");
  return at == std::string::npos ? 0 : std::max(0, std::atoi(message.c_str() + at + 6) - 1);
}

bool makes_routine(const std::string& statement) {
  static const std::regex pattern(R"(^create\s+(or\s+replace\s+)?(function|procedure|aggregate)\s)", std::regex::icase);
  return std::regex_search(statement.substr(0, 80), pattern, std::regex_constants::match_continuous);
}

void run_file(Database& db, const fs::path& file, Part part = Part::whole) {
  for (const Statement& statement : split_sql(read_file(file))) {
    if (part != Part::whole && makes_routine(statement.text) != (part == Part::routines)) continue;
    try {
      db.query(statement.text);
    } catch (const Failure& failure) {
      const int line = statement.line + reported_line(failure.what());
      throw Failure(file.string() + ":" + std::to_string(line) + ": " + failure.what(), failure.code, failure.detail,
                    failure.hint);
    }
  }
}

/// "step n of m" on one line of a terminal; silent elsewhere.
void show_step(std::size_t n, std::size_t m, const std::string& what) {
  if (isatty(STDERR_FILENO) == 0) return;
  std::cerr << "\r\033[Kstep " << n << " of " << m << ": " << what << (n == m ? "\n" : "") << std::flush;
}

bool has_pg_cron(Database& db) {
  return db.value("select current_setting('cron.database_name', true) = current_database()").value_or("f") == "t" &&
         db.value("select current_setting('shared_preload_libraries') like '%pg_cron%'").value_or("f") == "t";
}

}  // namespace

fs::path default_sql_dir() {
  const fs::path bin = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& candidate : {bin / "../share/orrery/sql", bin / "../../../sql"}) {
    if (fs::is_directory(candidate / "schema")) return fs::canonical(candidate);
  }
  throw Failure("no SQL found beside " + bin.string(), "", "", "Name its directory with --sql-dir.");
}

void install(Database& db, const fs::path& sql_dir, const std::optional<std::string>& cron_host) {
  const fs::path roles = sql_dir / "schema" / "00_roles.sql";
  if (!fs::exists(roles))
    throw Failure("no " + roles.string(), "", "", "Name the directory that holds schema/ with --sql-dir.");
  if (db.value("select rolsuper from pg_catalog.pg_roles where rolname = current_user").value_or("f") != "t") {
    throw Failure("only a superuser can install", "", "It makes roles and extensions.", "Connect as postgres.");
  }

  std::vector<Step> steps;
  const auto add_part = [&](const std::string& name, Part part = Part::whole) {
    add_folder(steps, sql_dir / name, kOwner, part);
    add_folder(steps, sql_dir / name / "space", kSpaceOwner, part);
  };
  add_part("schema");
  add_part("functions", Part::routines);
  add_part("functions", Part::rest);
  add_part("views");
  steps.erase(std::remove_if(steps.begin(), steps.end(), [&](const Step& step) { return step.file == roles; }),
              steps.end());
  const bool cron = has_pg_cron(db);
  if (cron) add_folder(steps, sql_dir / "cron", "");

  const std::size_t total = steps.size() + 1;
  const auto run_steps = [&] {
    std::size_t done = 0;
    db.query("set local client_min_messages = warning");
    db.query("set local check_function_bodies = off");
    show_step(++done, total, "roles and extensions");
    run_file(db, roles);
    db.query("create extension if not exists pgcrypto schema orrery");
    if (cron) db.query("create extension if not exists pg_cron");
    for (const Step& step : steps) {
      show_step(++done, total, fs::relative(step.file, sql_dir).string());
      db.query("reset role");
      if (!step.role.empty()) db.query("set local role " + step.role);
      run_file(db, step.file, step.part);
    }
    db.query("reset role");
    if (cron && cron_host) {
      db.query("update cron.job set nodename = $1 where database = current_database() and username = 'orrery_cron'",
               {cron_host});
    }
  };
  for (int attempt = 1;; ++attempt) {
    try {
      db.transaction(run_steps);
      break;
    } catch (const Failure& failure) {  // what runs meanwhile, the tick above all, locks in another order
      if (failure.code != "40P01" || attempt == kAttempts) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(200) * attempt);
    }
  }
  std::cout << "installed " << total << " steps from " << sql_dir.string() << '\n';
  if (!cron) {
    std::cout
        << "pg_cron is not set up for this database: the tick does not run by itself.\n"
           "  hint: shared_preload_libraries = 'pg_cron' and cron.database_name = this database; then install again.\n";
  }
}

}  // namespace orrery::cli
