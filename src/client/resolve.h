// Looks up the names in a connect string. Blocks for as long as the system's resolver does.
#pragma once

#include "client/connect_string.h"

namespace orrery::client {

/// `connect` with the numeric addresses of all its hosts, all of each name, in order, at most login_servers_max. Names
/// that are not found are left out; an Error when no address is left (code: EAI_…). Looks up nothing when all hosts
/// were numeric.
Result<ConnectString> resolve(ConnectString connect);

}  // namespace orrery::client
