// The loop of a session server: sockets, database, agent, signals and threads around one SessionHost.
#pragma once

#include <string>

#include "sessiond/environment.h"

namespace orrery::sessiond {

/// Serves until SIGTERM, SIGINT, the lapse of the lease, or a refusal; the exit status of the process.
/// `role`: login, chat or zone.
int run_server(const std::string& role, const Environment& environment, const Credential& credential);

}  // namespace orrery::sessiond
