// How AgentCore ends: drains and hand-overs.
#include "agents/agent_core.h"
#include "agents/agent_core_lab.h"

namespace orrery::agents {
namespace {

TEST_F(AgentCoreTest, ADrainStopsTheServersReportsThemAndGoes) {
  connect_and_run(one);
  give(StopAsked{true});
  EXPECT_EQ(steered(one)->stop_by, now_ + 3s);
  EXPECT_TRUE(take<Quit>().empty());
  const auto first = reported();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0], (Json{{"state", "stopping"}})) << "so that nothing more is placed here";
  give(ReportAnswer{Json()});
  give(ProcessExited{one, 0, std::nullopt, "exit status 0"});
  const auto exits = reported();
  ASSERT_EQ(exits.size(), 1u);
  EXPECT_EQ(exits[0]["by_agent"], true);
  EXPECT_TRUE(take<Quit>().empty()) << "the report is not acknowledged yet";
  give(ReportAnswer{Json()});
  const auto quits = take<Quit>();
  ASSERT_EQ(quits.size(), 1u);
  EXPECT_EQ(quits[0].status, 0);
}

TEST_F(AgentCoreTest, ADrainingAgentWaitsTwoSecondsForTheDatabase) {
  connect_and_run(one);
  lose();
  give(StopAsked{true});
  EXPECT_TRUE(stops(one));
  pass(3s);
  give(ProcessExited{one, std::nullopt, 9, "killed by signal 9 (Killed)"});
  pass(1999ms);
  EXPECT_TRUE(take<Quit>().empty());
  pass(1ms);
  ASSERT_EQ(take<Quit>().size(), 1u);
  EXPECT_TRUE(take<Forget>().empty()) << "the next agent tells it";
}

// Catches a drain that starts servers, ignores commands so that they are delivered for ever, or leaves its stop unsaid
// after the database came back.
TEST_F(AgentCoreTest, ADrainingAgentStartsNothingAndSaysSoAgainWhenItRegistersAnew) {
  connect_and_run(one);
  give(StopAsked{true});
  give(ReportAnswer{Json()});
  done_.clear();
  order(beat(Json::array({start(9, two), stop(10, one, 1000), tell(11, one)})));
  EXPECT_TRUE(take<Spawn>().empty());
  EXPECT_EQ(take<Tell>().size(), 1u);
  EXPECT_EQ(steered(one)->stop_by, now_ + 1s);
  const auto told = reported();
  ASSERT_GE(told.size(), 2u);
  EXPECT_EQ(told[0], (Json{{"command_id", 9}, {"ok", false}, {"error", "the agent stops"}}));
  EXPECT_EQ(told[1]["state"], "exited");
  EXPECT_EQ(told[1]["by_agent"], true) << "so that it is placed elsewhere at once";
  lose();
  connect();
  EXPECT_EQ(reported().at(0), (Json{{"state", "stopping"}}));
}

// Catches a hand-over that stops servers, waits for anything, or is taken for a drain by the database.
TEST_F(AgentCoreTest, AHandOverEndsAtOnceAndLeavesTheServers) {
  connect_and_run(one);
  give(StopAsked{false});
  EXPECT_TRUE(take<Steer>().empty());
  EXPECT_TRUE(take<Report>().empty());
  EXPECT_TRUE(said("hands over: 1 server goes on"));
  const auto quits = take<Quit>();
  ASSERT_EQ(quits.size(), 1u);
  EXPECT_EQ(quits[0].status, 0);
  give(StopAsked{true});
  pass(10s);
  EXPECT_TRUE(done_.empty()) << "it is over";
}

TEST_F(AgentCoreTest, ASecondSignalDuringADrainHandsOverAtOnce) {
  connect_and_run(one);
  give(StopAsked{true});
  EXPECT_TRUE(take<Quit>().empty());
  give(StopAsked{true});
  ASSERT_EQ(take<Quit>().size(), 1u);
}

// Catches a drain that, the lease being unknown, lets a server run beyond it.
TEST_F(AgentCoreTest, ADrainBeforeTheFirstRegistrationGivesLeasedServersASecondOnly) {
  give(found(one, ServerFound::State::ready));
  give(found(two, ServerFound::State::ready, true));
  give(StopAsked{true});
  const auto steers = take<Steer>();
  ASSERT_EQ(steers.size(), 2u);
  EXPECT_EQ(steers[0].stop_by, now_ + 1s);
  EXPECT_EQ(steers[0].lease_until, now_ + 1s);
  EXPECT_TRUE(steers[0].keep_lease) << "a lease that ends before is not prolonged";
  EXPECT_EQ(steers[1].stop_by, now_ + 3s);
}

}  // namespace
}  // namespace orrery::agents
