// What runs, printed; shared by `status` and the console.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "database.h"
#include "options.h"

namespace orrery::cli {

/// Throws Failure OR001 when the cluster that is meant does not exist.
void print_status(Database& db, const Options& options);

/// A cluster, its state, and the servers it is not well without, in words; `waits_for` is empty when it lacks nothing.
struct ClusterWait {
  std::string cluster;
  std::string state;
  std::string waits_for;
};
/// Of `cluster`, or unset of every one.
std::vector<ClusterWait> cluster_waits(Database& db, const Param& cluster);

/// Who holds locks that others wait for since a second or longer, and how to end that, in words; a sentence a holder.
std::vector<std::string> lock_waits(Database& db);

/// What is wrong with the tick, in words; unset when it runs.
std::optional<std::string> tick_trouble(Database& db);

}  // namespace orrery::cli
