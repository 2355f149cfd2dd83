// Leases, stops, shutdowns and watchdogs that a shim sees through, whether its agent is there or not.
#include <signal.h>

#include <fstream>

#include "agents/shim.h"
#include "shim_lab.h"

namespace orrery::agents {
namespace {

TEST_F(ShimTest, ALeaseEndsAServerWithoutAnAgent) {
  Spawn spawn = server("stubborn");
  const Instant end = BootClock::now() + 2s;
  spawn.lease_until = end;
  const int pid = start_ready(spawn);
  auto ended = end_of(pid);
  agent_goes();
  const Duration late = ended.get() - end;
  EXPECT_GE(late, -1ms);
  EXPECT_LT(late, 300ms);
  const ShimState last = ends_alone(spawn);
  EXPECT_TRUE(last.by_lease);
  EXPECT_FALSE(is_alive(pid));
  const auto events = agent_returns();
  const auto* exited = only<ProcessExited>(events);
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->words, "the lease has run out");
  EXPECT_TRUE(exited->not_its_own && exited->by_lease);
}

TEST_F(ShimTest, ALeaseIsProlongedAndOneThatHoldsHasNone) {
  Spawn held = server("plain", 2);
  held.hold = true;
  held.lease_until = BootClock::now() + 1s;
  start_ready(held);
  Spawn spawn = server("plain");
  spawn.lease_until = BootClock::now() + 1500ms;
  auto ended = end_of(start_ready(spawn));
  const Instant end = BootClock::now() + 3500ms;
  host_->steer({spawn.ref, end, std::nullopt});
  pass(2s);
  EXPECT_TRUE(exited_.empty());
  EXPECT_EQ(exit_once().ref, spawn.ref);
  const Duration late = ended.get() - end;
  EXPECT_GE(late, -1ms);
  EXPECT_LT(late, 1s);
}

// What prolongs it lay in the queue while the shim did not run.
TEST_F(ShimTest, AShimThatWasStoppedReadsItsLeaseBeforeItJudges) {
  Spawn spawn = server("plain");
  spawn.lease_until = BootClock::now() + 1500ms;
  start_ready(spawn);
  kill(shim_pid(spawn), SIGSTOP);
  host_->steer({spawn.ref, BootClock::now() + 60s, std::nullopt});
  pass(2s);
  kill(shim_pid(spawn), SIGCONT);
  pass(300ms);
  EXPECT_TRUE(exited_.empty());
}

// A server looks at its lease too: it leaves for one that was over when it looked, though it is prolonged since.
TEST_F(ShimTest, AServerThatLeavesAfterTheShimSawItsLeaseOverLeavesForItsLease) {
  Spawn spawn = server("polite");
  spawn.lease_until = BootClock::now() + 1500ms;
  const int pid = start_ready(spawn);
  kill(shim_pid(spawn), SIGSTOP);
  pass(2s);
  host_->steer({spawn.ref, BootClock::now() + 60s, std::nullopt});
  kill(pid, SIGTERM);
  kill(shim_pid(spawn), SIGCONT);
  const ProcessExited exited = exit_once();
  EXPECT_EQ(exited.exit_code, 0);
  EXPECT_TRUE(exited.not_its_own && exited.by_lease);
}

TEST_F(ShimTest, AServerThatWasStoppedBeyondItsLeaseLeavesForItsLease) {
  for (const bool beyond : {true, false}) {
    Spawn spawn = server("polite", beyond ? 1 : 2);
    spawn.lease_until = BootClock::now() + (beyond ? 1500ms : 60s);
    const int pid = start_ready(spawn);
    kill(pid, SIGSTOP);
    pass(200ms);
    host_->steer({spawn.ref, BootClock::now() + 60s, std::nullopt});
    pass(1800ms);
    kill(pid, SIGTERM);
    kill(pid, SIGCONT);
    const ProcessExited exited = exit_once();
    EXPECT_EQ(exited.exit_code, 0);
    EXPECT_EQ(exited.by_lease, beyond);
    EXPECT_EQ(exited.not_its_own, beyond) << "a stop alone excuses nothing";
    exited_.clear();
  }
}

// Catches a failure that is excused because there was a lapse once, and a kill by somebody else.
TEST_F(ShimTest, ALapseExcusesNeitherWhatIsKilledNorWhatComesLater) {
  for (const bool later : {false, true}) {
    Spawn spawn = server("polite", later ? 2 : 1);
    spawn.lease_until = BootClock::now() + 1500ms;
    const int pid = start_ready(spawn);
    kill(shim_pid(spawn), SIGSTOP);
    pass(2s);
    host_->steer({spawn.ref, BootClock::now() + 60s, std::nullopt});
    kill(shim_pid(spawn), SIGCONT);
    pass(later ? 5500ms : 200ms);
    ASSERT_TRUE(exited_.empty());
    kill(pid, later ? SIGTERM : SIGKILL);
    EXPECT_FALSE(exit_once().not_its_own);
    exited_.clear();
  }
}

TEST_F(ShimTest, AStopIsSeenThroughWithoutAnAgent) {
  const Spawn spawn = server("stubborn");
  auto ended = end_of(start_ready(spawn));
  const Instant end = BootClock::now() + 500ms;
  stop(spawn, 500ms);
  pass(50ms);
  agent_goes();
  const Duration late = ended.get() - end;
  EXPECT_GE(late, -1ms);
  EXPECT_LT(late, 1s);
  const ShimState last = ends_alone(spawn);
  EXPECT_EQ(last.signal, SIGKILL);
  EXPECT_FALSE(last.by_lease);
}

// Catches a deadline that is lost with the agent, and one that the next agent, who has not heard of it, takes back.
TEST_F(ShimTest, AShutdownsDeadlineOutlivesTheAgentThatKnewIt) {
  Spawn spawn = server("plain");
  spawn.hold = true;
  start_ready(spawn);
  Steer wish{spawn.ref, std::nullopt, std::nullopt};
  wish.shutdown_at = BootClock::now() + 2s;
  wish.keep_shutdown = false;
  host_->steer(wish);
  pass(50ms);
  agent_returns();
  host_->steer({spawn.ref, std::nullopt, std::nullopt});
  pass(50ms);
  agent_goes();
  EXPECT_EQ(state(spawn).phase, Phase::ready);
  const ShimState last = ends_alone(spawn);
  EXPECT_GE(BootClock::now() + 1ms, *wish.shutdown_at);
  EXPECT_TRUE(last.by_shutdown);
  const auto events = agent_returns();
  const auto* exited = only<ProcessExited>(events);
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->words, "cluster dev is shut down: killed by signal 15 (Terminated)");
  EXPECT_TRUE(exited->not_its_own);
  EXPECT_FALSE(exited->by_lease);
}

TEST_F(ShimTest, AShutdownThatWasCancelledEndsNothing) {
  const Spawn spawn = server("plain");
  start_ready(spawn);
  Steer wish{spawn.ref, BootClock::now() + 60s, std::nullopt};
  wish.shutdown_at = BootClock::now() + 1s;
  wish.keep_shutdown = false;
  host_->steer(wish);
  pass(50ms);
  wish.shutdown_at.reset();
  host_->steer(wish);
  pass(1500ms);
  EXPECT_TRUE(exited_.empty());
}

// Catches a lease that an agent who does not know it replaces by the stop's end, and an end that is blamed on it.
TEST_F(ShimTest, AStopByAnAgentThatKnowsNoLeaseNeitherProlongsNorEndsIt) {
  Spawn spawn = server("stubborn");
  spawn.lease_until = BootClock::now() + 2s;
  start_ready(spawn);
  const Instant stop_by = BootClock::now() + 4s;
  Steer wish{spawn.ref, stop_by, stop_by};
  wish.keep_lease = true;
  host_->steer(wish);
  ASSERT_TRUE(exits());
  EXPECT_LT(BootClock::now(), stop_by);
  EXPECT_EQ(exited_[0].words, "the lease has run out");
  exited_.clear();
  spawn = server("stubborn", 2);
  spawn.lease_until = BootClock::now() + 60s;
  start_ready(spawn);
  wish = {spawn.ref, BootClock::now() + 500ms, BootClock::now() + 500ms, true};
  host_->steer(wish);
  EXPECT_EQ(exit_once().words, "killed by signal 9 (Killed)");
  EXPECT_FALSE(exited_[0].not_its_own);
}

TEST_F(ShimTest, OnlyWholeWishesOfTheAgentCount) {
  EXPECT_FALSE(wish_of("{}"));
  EXPECT_FALSE(wish_of(R"({"stop_by_ms":null})")) << "a lease that is not named would end";
  EXPECT_FALSE(wish_of(R"({"lease_until_ms":"1","stop_by_ms":null})"));
  EXPECT_FALSE(wish_of("nonsense"));
  EXPECT_TRUE(wish_of(R"({"lease_until_ms":null,"stop_by_ms":null,"more":1})"));
}

TEST_F(ShimTest, ASilentServerIsAborted) {
  Spawn spawn = server("dog");
  spawn.env["ORRERY_TEST_COUNT"] = "12";
  spawn.watchdog = 300ms;
  auto ended = end_of(start_ready(spawn));
  pass(550ms);
  EXPECT_TRUE(exited_.empty()) << "it gave signs of life";
  const ProcessExited exited = exit_once();
  std::int64_t sign = 0;
  std::ifstream(work_path() + "/last-sign") >> sign;
  const Duration late = ended.get() - (Instant(Duration(sign)) + 300ms);
  EXPECT_LT(late, 1s);
  EXPECT_EQ(exited.signal, SIGABRT);
  EXPECT_EQ(exited.words, "no WATCHDOG=1 within 300 ms: killed by signal 6 (Aborted)");
  EXPECT_FALSE(exited.not_its_own);
}

}  // namespace
}  // namespace orrery::agents
