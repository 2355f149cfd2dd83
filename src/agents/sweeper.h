// What a shim that is gone left of its server: processes whose environment names the start.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agents/agent_core.h"
#include "agents/fd.h"
#include "base/result.h"

namespace orrery::agents {

class Sweeper {
 public:
  /// Of the servers of one agent, which speak to this socket.
  explicit Sweeper(std::string agent_socket) : agent_socket_(std::move(agent_socket)) {}

  /// Sweeps up after this start from now on.
  void add(ServerRef ref) { dying_.try_emplace(ref); }
  bool is_done() const { return dying_.empty(); }
  /// Kills what is left of those that were added; gives those of which nothing is, once. None while the system does not
  /// let look.
  std::vector<ServerRef> sweep();

  /// The start of this server, and of this low half of its epoch, that a living process names, if one does. Error when
  /// that is not known.
  Result<std::optional<ServerRef>> find(ServerId server, std::uint32_t epoch_low) const;

 private:
  std::string agent_socket_;
  std::map<ServerRef, std::map<pid_t, Fd>> dying_;  // killed, and not known to have ended
  bool is_blind_ = false;                           // processes could not be looked at, and it was said
};

}  // namespace orrery::agents
