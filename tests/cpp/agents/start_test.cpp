// What keeps a server from being started, found out at once or later; and a stop.
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "agents/files.h"
#include "toy_server.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

class UnclearStartTest : public HostTest {
 protected:
  // The directory of this start cannot be looked at until clear().
  void blur(const Spawn& spawn) const {
    std::filesystem::create_directory(run_dir(spawn));
    std::filesystem::create_symlink(run_dir(spawn) + "/state", run_dir(spawn) + "/state");
  }
  void clear(const Spawn& spawn) const { std::filesystem::remove_all(run_dir(spawn)); }
  void is_not_started(const std::string& why) {
    ASSERT_TRUE(until([&] { return !failed_.empty() || !started_.empty(); }));
    ASSERT_EQ(failed_.size(), 1u) << "it was started though it was not wanted any more";
    EXPECT_EQ(failed_[0].error, why);
    pass(1200ms);
    EXPECT_TRUE(started_.empty());
    EXPECT_EQ(failed_.size(), 1u);
  }
};

TEST_F(UnclearStartTest, OneThatWasToldToStopMeanwhileIsNotStarted) {
  const Spawn spawn = server("plain");
  blur(spawn);
  host_->spawn(spawn);
  stop(spawn, 10s);
  clear(spawn);
  is_not_started("stopped before it could be started");
}

TEST_F(UnclearStartTest, OneWhoseLeaseRanOutMeanwhileIsNotStarted) {
  Spawn spawn = server("plain");
  spawn.lease_until = BootClock::now() + 60s;
  blur(spawn);
  host_->spawn(spawn);
  host_->steer({spawn.ref, BootClock::now() + 100ms, std::nullopt});
  pass(200ms);
  clear(spawn);
  is_not_started("its lease ran out before it could be started");
}

// Catches a server that begins with the lease of long ago, and is killed by it at once.
TEST_F(UnclearStartTest, OneThatIsStillWantedHasTheLeaseOfNow) {
  Spawn spawn = server("plain");
  spawn.lease_until = BootClock::now() + 100ms;
  blur(spawn);
  host_->spawn(spawn);
  const Instant lease_until = BootClock::now() + 60s;
  host_->steer({spawn.ref, lease_until, std::nullopt});
  pass(200ms);
  clear(spawn);
  ASSERT_TRUE(until([&] { return !ready_.empty() || !failed_.empty() || !exited_.empty(); }));
  EXPECT_EQ(ready_.size(), 1u);
  const auto plan = plan_of(*read_file(run_dir(spawn) + "/plan"));
  EXPECT_LT(std::chrono::abs(*plan->lease_until - lease_until), 1ms);
}

using CommandTest = HostTest;

TEST_F(CommandTest, OneThatLacksTheRightToBeExecutedIsSaidToLackIt) {
  std::filesystem::create_directory(dir_ + "/bin");
  std::ofstream(dir_ + "/bin/orrery-toy") << "#!/bin/sh\n";
  chmod((dir_ + "/bin/orrery-toy").c_str(), 0644);
  Spawn spawn = server("plain");
  spawn.command = "orrery-toy";
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return !failed_.empty(); }));
  EXPECT_EQ(failed_[0].error, "EACCES: " + dir_ + "/bin/orrery-toy is not executable");
}

using ShimStopTest = HostTest;

// Catches a stop that agents which come and go put off for ever.
TEST_F(ShimStopTest, AStopIsNotPutOff) {
  const Spawn spawn = server("stubborn");
  start_ready(spawn);
  const Instant asked = BootClock::now();
  stop(spawn, 1s);
  pass(100ms);
  agent_returns();
  stop(spawn, 20s);
  EXPECT_EQ(exit_once().signal, SIGKILL);
  EXPECT_LT(BootClock::now() - asked, 10s);
}

}  // namespace
}  // namespace orrery::agents
