// AgentCore, leases, and the deadlines of clusters.
#include "agents/agent_core.h"
#include "agents/agent_core_lab.h"
#include "agents/agent_core_words.h"

namespace orrery::agents {
namespace {

// Leases

// Catches a lease counted from a registration's answer: the database counts from when it was asked.
TEST_F(AgentCoreTest, TheLeaseOfWhatWasFoundCountsFromTheRegistrationsSending) {
  give(found(one, ServerFound::State::ready));
  give(DatabaseConnected{});
  const Instant sent = now_;
  now_ += 700ms;
  give(RegisterAnswer{register_answer()});
  EXPECT_EQ(steered(one)->lease_until, sent + 15s);
}

// Catches a lease counted from the answer, prolonged without one, or not passed on.
TEST_F(AgentCoreTest, ServersGoOnWithoutTheDatabaseUntilTheLeaseEnds) {
  connect_and_run(one);
  now_ += 300ms;
  give(Doorbell{"7"});  // sent now …
  const Instant sent = now_;
  now_ += 500ms;
  answer(beat());  // … answered later: the lease counts from the sending
  now_ += 200ms;
  lose();
  done_.clear();
  pass(sent + 15s - 1ms - now_);
  const auto steers = take<Steer>();
  ASSERT_GE(steers.size(), 13u) << "each second";
  for (const Steer& steer : steers) EXPECT_EQ(steer.lease_until, sent + 15s) << "however late it is said";
  const auto tells = take<Tell>();
  ASSERT_GE(tells.size(), 13u) << "the lease's end is passed on each second";
  const auto until = std::chrono::duration_cast<std::chrono::milliseconds>((sent + 15s).time_since_epoch()).count();
  for (const Tell& tell : tells) EXPECT_EQ(tell.message["lease_until_ms"], until) << "however late it is said";
  EXPECT_FALSE(said("lease has run out"));
  pass(1ms);
  EXPECT_TRUE(said("lease has run out"));
  pass(5s);
  for (const Steer& steer : take<Steer>()) EXPECT_EQ(steer.lease_until, sent + 15s) << "the shim ends it";
  give(ProcessExited{one, std::nullopt, 9, "the lease ran out", true, true});
  connect();
  const auto told = reported();
  EXPECT_EQ(told.at(0)["by_agent"], true);
  EXPECT_EQ(told.at(0)["by_lease"], true) << "so that it is wanted again";
}

// Catches a server that is started again elsewhere after its agent had begun to end it for another reason.
TEST_F(AgentCoreTest, TheLeaseIsNotTheReasonOfAnEndThatHadBegun) {
  connect_and_run(one);
  lose();
  give(StopAsked{true});
  give(ProcessExited{one, std::nullopt, 9, "the lease has run out", true, true});
  connect();
  const auto told = reported();
  ASSERT_EQ(told.back()["state"], "exited");
  EXPECT_EQ(told.back()["by_agent"], true);
  EXPECT_EQ(told.back()["by_lease"], false);
}

TEST_F(AgentCoreTest, AnEndByTheShimOrTheMachineIsNotOneByTheLease) {
  connect_and_run(one);
  give(ProcessExited{one, std::nullopt, std::nullopt, "its shim was killed", true});
  const auto told = reported();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back()["by_agent"], true);
  EXPECT_EQ(told.back()["by_lease"], false);
}

TEST_F(AgentCoreTest, AServerThatHoldsIsToldOfNoLease) {
  connect();
  Json command = start(1, one);
  command["spec"]["on_isolation"] = "hold";
  answer(beat(Json::array({command})));
  give(ProcessStarted{one, 9});
  give(ProcessReady{one});
  lose();
  done_.clear();
  pass(60s);
  const auto steers = take<Steer>();
  EXPECT_GE(steers.size(), 59u);
  for (const Steer& steer : steers) EXPECT_TRUE(!steer.lease_until && !steer.stop_by);
  for (const Tell& tell : take<Tell>()) EXPECT_EQ(tell.message["lease_until_ms"], 0);
}

// Catches a lease that is answered but reaches the shim too late: heartbeats and what shims are told beat apart.
TEST_F(AgentCoreTest, AShortLeaseReachesTheShimsInTime) {
  for (const Duration answer_takes : {1ms, 300ms, 600ms, 900ms}) {
    for (const Duration apart : {0ms, 250ms, 500ms, 750ms}) {
      core_ = AgentCore(self(nullptr));
      done_.clear();
      connect(register_answer(2000));
      answer(beat());
      run_ready(one);
      pass(apart);
      done_.clear();
      give(Doorbell{"7"});
      Instant lease_until = now_ + 2s - apart, answer_at = Instant::max();
      for (const Instant end = now_ + 20s; now_ < end;) {
        if (!take<Heartbeat>().empty()) answer_at = now_ + answer_takes;
        for (const Steer& steer : take<Steer>()) lease_until = *steer.lease_until;
        now_ = std::max(now_, std::min(answer_at, *core_.next_deadline()));
        ASSERT_GT(lease_until, now_) << to_ms(answer_takes) << " ms, " << to_ms(apart) << " ms apart";
        if (now_ >= answer_at) {
          answer_at = Instant::max();
          answer(beat());
        } else {
          give(Timer{});
        }
      }
    }
  }
}

TEST_F(AgentCoreTest, AnswersKeepTheLeaseAlive) {
  connect_and_run(one);
  give(Doorbell{"7"});
  answer(beat());
  done_.clear();
  beating_ = true;
  pass(60s);
  EXPECT_GT(*steered(one)->lease_until, now_ + 12s);
  EXPECT_FALSE(said("lease has run out"));
}

// Clusters

TEST_F(AgentCoreTest, AClusterEndsAtItsDeadlineThoughTheDatabaseIsAway) {
  connect_and_run(one);
  order(beat(Json::array(), cluster("shutting_down", 4000, 17)));
  const auto first = take<Tell>();
  ASSERT_EQ(first.size(), 1u) << "told at once";
  EXPECT_EQ(first[0].message["cluster"],
            (Json{{"name", "dev"}, {"state", "shutting_down"}, {"stops_in_ms", 4000}, {"notice_id", 17}}));
  lose();
  pass(3999ms);
  EXPECT_FALSE(stops(one));
  const auto tells = take<Tell>();
  ASSERT_EQ(tells.size(), 3u);
  EXPECT_EQ(tells.back().message["cluster"]["stops_in_ms"], 1000);
  pass(1ms);
  EXPECT_EQ(steered(one)->stop_by, now_ + 3s);
}

// Catches a deadline that dies with the agent, and one that is taken back by an agent who knows nothing of it.
TEST_F(AgentCoreTest, ShimsAreToldTheDeadlineByWhoKnowsIt) {
  give(found(two, ServerFound::State::ready, true));
  connect();
  auto steer = steered(two);
  ASSERT_TRUE(steer);
  EXPECT_TRUE(steer->keep_shutdown) << "no word of the cluster yet";
  answer(beat(Json::array(), cluster("shutting_down", 4000, 17)));
  steer = steered(two);
  ASSERT_TRUE(steer);
  EXPECT_FALSE(steer->keep_shutdown);
  EXPECT_EQ(steer->shutdown_at, now_ + 4s);
  order(beat(Json::array(), cluster("running")));
  steer = steered(two);
  ASSERT_TRUE(steer);
  EXPECT_FALSE(steer->keep_shutdown);
  EXPECT_FALSE(steer->shutdown_at);
}

TEST_F(AgentCoreTest, TheDeadlineIsTheReasonOnceThoughAgentAndShimSayIt) {
  connect_and_run(one);
  order(beat(Json::array(), cluster("shutting_down", 100, 17)));
  lose();
  pass(200ms);
  give(ProcessExited{one, std::nullopt, 15, "cluster dev is shut down: killed by signal 15 (Terminated)", true});
  connect();
  const auto told = reported();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back()["reason"], "cluster dev is shut down: killed by signal 15 (Terminated)");
  EXPECT_EQ(told.back()["by_agent"], true);
}

TEST_F(AgentCoreTest, ACancelledShutdownEndsNothing) {
  connect_and_run(one);
  order(beat(Json::array(), cluster("shutting_down", 4000, 17)));
  order(beat(Json::array(), cluster("running")));
  beating_ = true;
  pass(10s);
  EXPECT_FALSE(stops(one));
  EXPECT_EQ(take<Tell>().back().message["cluster"]["stops_in_ms"], nullptr);
}

}  // namespace
}  // namespace orrery::agents
