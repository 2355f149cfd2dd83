// The spawn contract as a server reads it (docs/control.md).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/address.h"
#include "base/ids.h"
#include "base/result.h"

namespace orrery::sessiond {

struct Environment {
  std::string cluster, kind, key;
  ServerId server;
  Epoch epoch;
  Address public_bind, private_bind;
  std::string public_advertise, private_advertise;  // host:port; the host may be a name
  int credential_fd = -1;
  std::string agent_socket, server_socket;
  std::string notify_socket;  // path, or "@name" of the abstract namespace
};

/// A variable's value; nothing when it is not set.
using Lookup = std::function<std::optional<std::string>(const char* name)>;

/// Strict: an Error names the first variable that is missing or malformed.
Result<Environment> read_environment(const Lookup& lookup);
/// Of this process.
std::optional<std::string> process_variable(const char* name);

struct Credential {
  std::string conninfo;
  std::string token;
};
/// Reads the descriptor to its end and closes it, whatever it held.
Result<Credential> read_credential(int fd);

}  // namespace orrery::sessiond
