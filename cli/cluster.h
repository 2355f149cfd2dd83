// Waiting for a cluster.
#pragma once

#include <string>

#include "database.h"

namespace orrery::cli {

/// Returns when `cluster` (unset: every one) is in `wanted`; says on stderr what it is meanwhile. Throws Failure.
void wait_for_state(Database& db, const Param& cluster, const std::string& wanted);

}  // namespace orrery::cli
