// What an agent or a cluster's servers log in with.
#pragma once

#include <string>

#include "base/result.h"

namespace orrery::agents {

/// The first line of a credential file, a libpq conninfo. Refused when others than its owner may read it.
Result<std::string> read_credential(const std::string& path);

}  // namespace orrery::agents
