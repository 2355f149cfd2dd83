// All bots of one process on one event loop.
#pragma once

#include "options.h"
#include "report.h"

namespace orrery::bots {

/// Runs until the time is over, all bots have ended, or SIGINT or SIGTERM has come and they are logged out (2 s at
/// most). Prints progress and the final report. Returns the exit status (see --help).
int run_swarm(const Options& options);

}  // namespace orrery::bots
