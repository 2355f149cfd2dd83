// Calling a DBA verb: it says what follows by itself, in notices.
#pragma once

#include <string>
#include <vector>

#include "database.h"
#include "options.h"

namespace orrery::cli {

/// Runs `call`, e.g. "orrery.agent_resume($1)"; prints what it answers with --json. Throws Failure.
void call_verb(const Options& options, const std::string& call, const std::vector<Param>& params);

}  // namespace orrery::cli
