// What runs, printed; shared by `status` and the console.
#pragma once

#include "database.h"
#include "options.h"

namespace orrery::cli {

void print_status(Database& db, const Options& options);

/// What is wrong with the tick, in words; unset when it runs.
std::optional<std::string> tick_trouble(Database& db);

}  // namespace orrery::cli
