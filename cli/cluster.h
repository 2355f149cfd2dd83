// Which cluster is meant, and waiting for it.
#pragma once

#include <string>

#include "database.h"

namespace orrery::cli {

/// Throws Failure OR001 when `cluster` is set and there is none of that name.
void require_cluster(Database& db, const Param& cluster);

/// The one cluster that is meant: the named one, else the login's, else the setting orrery.cluster, else the only one
/// not stopped, else the only one. Throws Failure OR001 (unknown, or there is none), OR005 (several).
std::string choose_cluster(Database& db, const Param& cluster);

/// Returns when `cluster` (unset: every one) is in `wanted`; says on stderr what it is meanwhile. Throws Failure.
void wait_for_state(Database& db, const Param& cluster, const std::string& wanted);

}  // namespace orrery::cli
