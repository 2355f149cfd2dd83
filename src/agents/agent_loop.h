// Drives an AgentCore: PostgreSQL, processes, the private socket, load and signals on one libevent loop.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/address.h"
#include "base/result.h"

namespace orrery::agents {

struct AgentOptions {
  std::string name, data_dir, bin_dir, version;
  std::string conninfo;                            // login in role orrery_agent
  std::map<std::string, std::string> credentials;  // cluster → credential file of its session login
  std::map<std::string, std::string> users;        // cluster → OS user its servers run as; the agent must be root
  Address public_bind, public_advertise, private_bind, private_advertise;  // ports unused
  std::uint16_t port_min = 0, port_max = 0;
  std::uint64_t memory_bytes = 0;  // 0: what the machine has
  unsigned cpus = 0;               // 0: what the machine has
  std::map<std::string, std::string> labels;
  std::optional<unsigned> servers_max;  // nullopt: as many as fit
  bool drain_on_term = false;           // SIGTERM stops the servers first; else they go on without this agent
};

/// Runs until it was told to stop (SIGINT drains; SIGTERM as drain_on_term says; either again: at once), or until the
/// database refuses the name. Returns the exit status, or why it cannot start.
Result<int> run_agent(const AgentOptions& options);

}  // namespace orrery::agents
