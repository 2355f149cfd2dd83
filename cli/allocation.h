// Allocations: verbs of `orrery server`.
#pragma once

#include "options.h"

namespace orrery::cli {

/// Adds allocate, confirm, release and allocations to the noun `server`.
void add_allocation(CLI::App& server, const Options& options);

}  // namespace orrery::cli
