// Servers for tests of the process host: this program itself, told by ORRERY_TEST_SERVER what to be; and a host to run
// them in a directory of its own, with what it told.
#pragma once

#include <event2/event.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "agents/process_host.h"
#include "agents/shim_plan.h"

namespace orrery::agents {

/// Whether the process runs: neither gone nor a zombie.
bool is_alive(int pid);
/// Living processes whose environment names an agent's socket in `directory`, but no shim.
std::vector<int> servers_in(const std::string& directory);

/// When the process ends, to whoever asks later: it is watched from now on, on a thread of its own, so that nothing
/// that the test waits for besides makes it late. Of one that is gone already: now. For half a minute at most. A shim
/// is told its deadlines in whole milliseconds.
std::future<Instant> end_of(int pid);

class HostTest : public testing::Test {
 protected:
  HostTest();
  /// Ends whatever it started.
  ~HostTest() override;

  /// Another agent in place of the one that is: that leaves its servers. Gives what it found.
  std::vector<Event> agent_returns();
  void agent_goes() { host_.reset(); }
  ProcessHostConfig config() const;
  std::unique_ptr<ProcessHost> make_host(ProcessHostConfig config);

  /// A server that is `what`; see be() in toy_server.cpp.
  Spawn server(const std::string& what, std::uint64_t id = 1) const;
  /// Starts it and waits until it is READY; its pid.
  int start_ready(const Spawn& spawn);
  void stop(const Spawn& spawn, Duration grace);

  bool until(const std::function<bool()>& condition, std::chrono::milliseconds limit = std::chrono::seconds{30});
  /// Turns the loop for so long.
  void pass(std::chrono::milliseconds time);
  bool exits() {
    return until([this] { return !exited_.empty(); });
  }
  /// The only exit so far.
  ProcessExited exit_once();

  std::string run_dir(const Spawn& spawn) const;
  ShimState state(const Spawn& spawn) const;
  std::string log(std::uint64_t id = 1) const;
  std::string log_path(std::uint64_t id = 1) const {
    return dir_ + "/log/dev-toy-.._a_b-" + std::to_string(id) + ".log";
  }
  std::string work_path(std::uint64_t id = 1) const { return dir_ + "/work/dev-toy-.._a_b-" + std::to_string(id); }

  std::unique_ptr<event_base, void (*)(event_base*)> base_;
  std::string dir_;
  std::vector<ProcessStarted> started_;
  std::vector<ProcessFailed> failed_;
  std::vector<ProcessReady> ready_;
  std::vector<ProcessExited> exited_;
  std::unique_ptr<ProcessHost> host_;
};

}  // namespace orrery::agents
