// The servers of an agent, each under an orrery-shim of its own (docs/control.md, Spawn contract and The shim): starts
// them, finds those of an earlier agent, steers their shims, hears how they are and how they end. They outlive it.
// Linux only. Lives on one libevent loop; not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agents/agent_core.h"
#include "agents/event.h"
#include "agents/fd.h"
#include "base/result.h"

namespace orrery::agents {

struct ProcessHostConfig {
  std::string data_dir;  // absolute; run/, log/ and work/ are made in it. Short: socket paths must stay under 108 bytes
  std::string bin_dir;   // where a command that is no path is looked up first; then PATH
  std::map<std::string, std::string> credentials;  // cluster → file with a libpq conninfo, read at each start
  std::map<std::string, std::string> users = {};   // cluster → OS user its servers run as; the agent must be root
  std::string shim_path = {};                      // orrery-shim; empty: the one beside this executable
  unsigned log_days = 7;    // logs and working directories that nobody touched for so long are removed
  bool allow_root = false;  // as root, start servers of clusters without a user as root (tests)
};

class ProcessHost {
 public:
  /// Called from the loop only, never within a call of ProcessHost.
  struct Handlers {
    std::function<void(const ProcessStarted&)> started;
    std::function<void(const ProcessFailed&)> failed;
    std::function<void(const ProcessReady&)> ready;
    std::function<void(const ProcessExited&)> exited;
    std::function<void(const TellSent&)> tell_sent = {};
    std::function<void(const ProcessCounted&)> counted = {};
  };

  /// Makes the directories and the agent's sockets. Errors: what the system said, a path that is too long, a user that
  /// cannot be.
  static Result<std::unique_ptr<ProcessHost>> make(event_base* base, ProcessHostConfig config, Handlers handlers);
  /// Leaves all servers running, for the next agent.
  ~ProcessHost();
  ProcessHost(const ProcessHost&) = delete;
  ProcessHost& operator=(const ProcessHost&) = delete;

  /// What an earlier agent left, once, before anything else: a ServerFound of each server that runs, then a
  /// ProcessExited of each that ended and was not forgotten (those have no ServerFound). `pid` is 0 for one that is
  /// only just being started: started or failed follows. Takes up to a second when shims were killed meanwhile. Error
  /// when the system does not let look: a server that runs could be missed, and must not be started a second time. What
  /// cannot be read of a start whose shim has ended is said and left.
  Result<std::vector<Event>> adopt();
  /// Starts a server; answered by started or failed, or by exited when this start was made before and has ended. One
  /// that failed may be forgotten as one that exited. Nothing is answered while the system does not say whether this
  /// start was made before; that is asked each second, and a start that is to stop by then, or whose lease is over, has
  /// failed.
  void spawn(const Spawn& spawn);
  /// Kept and sent again until the shim has heard it. Nothing when it is gone.
  void steer(const Steer& steer);
  /// Removes what is kept of a server that ended, and the working directory when it ended well or that is empty.
  /// Later when its shim, which said its last word, has not ended. Nothing while it runs, or when nothing is known of
  /// it.
  void forget(ServerRef ref);
  /// Sends one datagram to the server; lost when its queue is full or it does not listen. Answered by tell_sent when it
  /// was sent and is a `command`.
  void tell(ServerRef ref, const std::string& text, std::optional<CommandId> command = {});

 private:
  class Impl;
  explicit ProcessHost(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery::agents
