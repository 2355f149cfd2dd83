// The processes of an agent: starts them by the spawn contract, hears sd_notify and exits, passes local datagrams.
// Linux only. Lives on one libevent loop; not thread-safe.
#pragma once

#include <event2/event.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agents/agent_core.h"
#include "base/result.h"

namespace orrery::agents {

/// An owned file descriptor.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

struct EventFree {
  void operator()(event* e) const { event_free(e); }
};
using EventPtr = std::unique_ptr<event, EventFree>;

struct ProcessHostConfig {
  std::string data_dir;  // run/, log/ and work/ are made in it; short: socket paths must stay under 108 bytes
  std::string bin_dir;   // where a command that is no path is looked up first; then PATH
  std::map<std::string, std::string> credentials;  // cluster → file with a libpq conninfo, read at each start
};

class ProcessHost {
 public:
  struct Handlers {
    std::function<void(ServerRef)> ready;
    std::function<void(const ProcessExited&)> exited;
  };

  /// Makes the directories and the agent's socket. Errors: what the system said, or a path that is too long.
  static Result<std::unique_ptr<ProcessHost>> make(event_base* base, ProcessHostConfig config, Handlers handlers);
  /// Kills what still runs.
  ~ProcessHost();
  ProcessHost(const ProcessHost&) = delete;
  ProcessHost& operator=(const ProcessHost&) = delete;

  /// Starts a server; its pid, or why the executable could not be started.
  Result<int> spawn(const Spawn& spawn);
  /// SIGTERM to the server, or SIGKILL to its process group. Nothing when it is gone.
  void signal(ServerRef ref, bool kill);
  /// Sends one datagram to the server; lost when its queue is full or it does not listen.
  void tell(ServerRef ref, const std::string& text);

 private:
  struct Process {
    ProcessHost* host;
    ServerRef ref;
    int pid = 0;
    Fd pidfd, notify;
    std::string notify_path, server_path;
    EventPtr exit_event, notify_event;
    std::string status{};  // what it last said of itself (STATUS=)
  };

  ProcessHost(event_base* base, ProcessHostConfig config, Handlers handlers);
  Status open();
  Result<std::string> resolve(const std::string& command) const;
  Result<Fd> credential(const Spawn& spawn) const;
  std::string run_path(ServerRef ref, char what) const;
  void on_notify(Process& process);
  void on_exit(Process& process);
  void on_datagram();

  event_base* base_;
  ProcessHostConfig config_;
  Handlers handlers_;
  std::string agent_path_;
  Fd agent_socket_;
  EventPtr agent_event_;
  std::map<ServerRef, std::unique_ptr<Process>> processes_;
};

/// The first line of a credential file. Refused when others than its owner may read it.
Result<std::string> read_credential(const std::string& path);

}  // namespace orrery::agents
