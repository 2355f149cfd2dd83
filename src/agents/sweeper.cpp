#include "agents/sweeper.h"

#include <signal.h>

#include <utility>

#include "agents/processes.h"
#include "base/log.h"

namespace orrery::agents {

std::vector<ServerRef> Sweeper::sweep() {
  if (is_done()) return {};
  for (auto& [ref, processes] : dying_) {
    std::erase_if(processes, [](const auto& process) { return has_ended(process.second); });
  }
  auto marked = marked_processes(agent_socket_);
  if (!marked) {
    if (!std::exchange(is_blind_, true)) spdlog::error("what runs is not known: {}", marked.error().message);
    return {};
  }
  is_blind_ = false;
  for (MarkedProcess& process : *marked) {
    const auto dying = dying_.find({process.server, process.epoch});
    if (dying == dying_.end()) continue;
    signal_pidfd(process.pidfd, SIGKILL);
    dying->second.try_emplace(process.pid, std::move(process.pidfd));
  }
  std::vector<ServerRef> gone;
  for (const auto& [ref, processes] : dying_) {
    if (processes.empty()) gone.push_back(ref);
  }
  for (const ServerRef& ref : gone) dying_.erase(ref);
  return gone;
}

Result<std::optional<ServerRef>> Sweeper::find(ServerId server, std::uint32_t epoch_low) const {
  const auto marked = marked_processes(agent_socket_);
  if (!marked) return marked.error();
  for (const MarkedProcess& process : *marked) {
    if (process.server == server && static_cast<std::uint32_t>(process.epoch.value) == epoch_low) {
      return std::optional(ServerRef{server, process.epoch});
    }
  }
  return std::optional<ServerRef>();
}

}  // namespace orrery::agents
