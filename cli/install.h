// Installs the SQL of Orrery into a database.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "database.h"

namespace orrery::cli {

/// Where the SQL is: share/orrery/sql beside the program's prefix, or the checkout of a build tree. Throws Failure.
std::filesystem::path default_sql_dir();

/// Brings `db` to what `sql_dir` describes, in one transaction; again is harmless. Needs a superuser.
/// `cron_host`: where pg_cron's jobs connect to (a socket directory or a host); unset leaves pg_cron's cron.host.
/// Throws Failure whose message begins with "file:line: ".
void install(Database& db, const std::filesystem::path& sql_dir, const std::optional<std::string>& cron_host);

}  // namespace orrery::cli
