// What runs, printed; shared by `status` and the console.
#pragma once

#include "database.h"
#include "options.h"

namespace orrery::cli {

void print_status(Database& db, const Options& options);

/// How long ago the tick ran; unset when it has not run lately or never.
std::optional<std::string> tick_age_ms(Database& db);

}  // namespace orrery::cli
