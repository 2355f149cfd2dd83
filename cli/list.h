// Listing what a view shows.
#pragma once

#include <string>

#include "options.h"

namespace orrery::cli {

/// Prints the rows of `view`, e.g. "orrery.fleet_status", of the cluster that is named or of all: `columns` for people,
/// all as JSON. Throws Failure OR001 when the cluster does not exist.
void print_list(const Options& options, const std::string& view, const std::string& columns);

}  // namespace orrery::cli
