// AgentCore and the database: heartbeats, reports, and what it says of a database that is away.
#include "agents/agent_core.h"

#include "agents/agent_core_lab.h"

namespace orrery::agents {
namespace {

TEST_F(AgentCoreTest, ListensThenRegistersThenHeartbeatsAtOnceWithItsInventory) {
  give(DatabaseConnected{});
  ASSERT_EQ(done_.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<Listen>(done_[0]));
  EXPECT_TRUE(std::holds_alternative<Register>(done_[1]));
  done_.clear();
  give(RegisterAnswer{register_answer()});
  const auto beats = take<Heartbeat>();
  ASSERT_EQ(beats.size(), 1u);
  EXPECT_EQ(beats[0].agent, AgentId{7});
  EXPECT_EQ(beats[0].token, "t0");
  EXPECT_EQ(beats[0].inventory, Json::array());
  EXPECT_EQ(beats[0].digest.size(), 16u);
}

TEST_F(AgentCoreTest, HeartbeatsEachIntervalAndOnlyOneAtATime) {
  connect();
  EXPECT_EQ(take<Heartbeat>().size(), 1u);
  pass(5s);
  EXPECT_EQ(take<Heartbeat>().size(), 0u) << "the first is not answered yet";
  answer(beat());
  EXPECT_EQ(take<Heartbeat>().size(), 1u);
  answer(beat());
  const Instant begun = now_;
  int beats = 0;
  for (; now_ < begun + 10s; ++beats) {
    pass(1s);
    const auto sent = take<Heartbeat>();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_TRUE(sent[0].inventory.is_null()) << "sent once only";
    answer(beat());
  }
  EXPECT_EQ(beats, 10);
}

TEST_F(AgentCoreTest, WantedInventoryIsSentOnceAndDoesNotSpin) {
  connect_and_run(one);
  Json wants = beat();
  wants["want_inventory"] = true;
  give(Doorbell{"7"});
  EXPECT_TRUE(take<Heartbeat>()[0].inventory.is_null());
  answer(wants);
  const auto full = take<Heartbeat>();
  ASSERT_EQ(full.size(), 1u);
  EXPECT_EQ(full[0].inventory,
            (Json::array({{{"server_id", 3}, {"epoch", one.epoch.value}, {"state", "ready"}, {"pid", 100}}})));
  answer(wants);
  EXPECT_TRUE(take<Heartbeat>().empty()) << "asked again at once it would spin";
}

TEST_F(AgentCoreTest, TheDigestChangesWithTheInventory) {
  connect();
  const std::string empty = take<Heartbeat>()[0].digest;
  answer(beat(Json::array({start(1, one)})));
  give(ProcessStarted{one, 1});
  give(Doorbell{"7"});
  const std::string starting = take<Heartbeat>()[0].digest;
  answer(beat());
  give(ProcessReady{one});
  give(Doorbell{"7"});
  const std::string ready = take<Heartbeat>()[0].digest;
  EXPECT_NE(empty, starting);
  EXPECT_NE(starting, ready);
}

TEST_F(AgentCoreTest, AnswersOfNonsenseAreSurvived) {
  connect();
  for (const Json& odd :
       {Json(), Json(3), Json::array({1}),
        Json{{"commands", 5}, {"clusters", Json::array({nullptr, 1})}, {"unknown", Json::array({"x"})}},
        Json{{"relays", {{"agent_id", 3}}}, {"listen", 4}},
        beat(Json::array({Json(), Json{{"verb", 1}}, Json{{"verb", "dance"}, {"command_id", 3}}}))}) {
    order(odd);
  }
  EXPECT_TRUE(take<Spawn>().empty());
  EXPECT_TRUE(take<Steer>().empty());
  EXPECT_TRUE(take<Unlisten>().empty());
}

// Reports

TEST_F(AgentCoreTest, ReportsAreKeptUntilAcknowledged) {
  connect_and_run(one);
  give(ProcessExited{one, 1, std::nullopt, "exit status 1"});
  EXPECT_EQ(reported().size(), 1u);
  lose();
  pass(3s);
  EXPECT_TRUE(take<Forget>().empty()) << "what is not told yet is not forgotten";
  connect();
  const auto again = reported();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0]["reason"], "exit status 1");
  EXPECT_EQ(again[0]["exit_code"], 1);
  // Until then the inventory shows it as stopping: the database must hear the reason, not find it missing.
  EXPECT_EQ(take<Heartbeat>().back().inventory[0]["state"], "stopping");
  give(ReportAnswer{Json()});
  EXPECT_TRUE(take<Forget>().empty()) << "the answer under way may still order it";
  answer(beat(Json::array({start(1, one)})));
  EXPECT_TRUE(take<Spawn>().empty()) << "one process per (server, epoch)";
  const auto forgotten = take<Forget>();
  ASSERT_EQ(forgotten.size(), 1u);
  EXPECT_EQ(forgotten[0].ref, one);
  pass(3s);
  EXPECT_TRUE(reported().empty());
}

TEST_F(AgentCoreTest, AReportThatIsRefusedForGoodDoesNotHoldUpTheOthers) {
  connect();
  answer(beat(Json::array({stop(5, one), stop(6, two)})));
  ASSERT_EQ(reported().size(), 4u) << "two acknowledged commands, two exits";
  int calls = 0;
  give(ReportAnswer{Error{"malformed", "OR003"}});
  std::vector<Json> accepted;
  while (true) {
    const auto batch = reported();
    if (batch.empty() || ++calls > 10) break;
    if (batch[0].contains("command_id")) {
      give(ReportAnswer{Error{"malformed", "22P02"}});
    } else {
      accepted.insert(accepted.end(), batch.begin(), batch.end());
      give(ReportAnswer{Json()});
    }
  }
  EXPECT_EQ(accepted.size(), 2u);
  EXPECT_TRUE(said("dropped report"));
  pass(1s);
  EXPECT_EQ(take<Forget>().size(), 2u);
}

// Catches a dropped exit that is forgotten, so that nobody ever hears of it, or that stays in the inventory for ever.
TEST_F(AgentCoreTest, AnExitWhoseReportWasDroppedIsLeftToTheInventoryAndTheNextAgent) {
  connect_and_run(one);
  give(ProcessExited{one, 1, std::nullopt, "exit status 1"});
  give(ReportAnswer{Error{"malformed", "22P02"}});
  EXPECT_TRUE(take<Forget>().empty());
  Json wants = beat();
  wants["want_inventory"] = true;
  order(wants);
  EXPECT_EQ(take<Heartbeat>().back().inventory, Json::array());
  answer(beat());
  pass(5s);
  EXPECT_TRUE(take<Forget>().empty());
}

TEST_F(AgentCoreTest, ReportsWaitASecondAfterAnErrorThatMayPass) {
  connect_and_run(one);
  give(ProcessExited{one, 1, std::nullopt, "exit status 1"});
  reported();
  int calls = 0;
  for (int i = 0; i < 100; ++i) {
    give(ReportAnswer{Error{"deadlock", "40P01"}});
    pass(100ms);
    calls += !reported().empty();
  }
  EXPECT_GE(calls, 9);
  EXPECT_LE(calls, 11);
}

// Catches a batch that parts an acknowledgement from the exit it belongs to.
TEST_F(AgentCoreTest, WhatBelongsTogetherIsReportedInOneCall) {
  connect();
  Json commands = Json::array();
  for (int i = 0; i < 301; ++i) {
    commands.push_back(stop(100 + i, {ServerId{static_cast<std::uint64_t>(1000 + i)}, Epoch{1}}));
  }
  answer(beat(commands));
  std::size_t told = 0;
  for (auto calls = take<Report>(); !calls.empty(); calls = take<Report>()) {
    ASSERT_EQ(calls.size(), 1u);
    const Json& batch = calls[0].reports;
    EXPECT_LE(batch.size(), report_batch_max);
    ASSERT_EQ(batch.size() % 2, 0u);
    for (std::size_t i = 0; i < batch.size(); i += 2) {
      EXPECT_EQ(batch[i]["command_id"].get<int>() + 900, batch[i + 1]["server_id"].get<int>());
    }
    told += batch.size();
    give(ReportAnswer{Json()});
  }
  EXPECT_EQ(told, 602u);
}

// Words

TEST_F(AgentCoreTest, AnAbsentDatabaseIsSaidAtOnceThenEveryTenSecondsThenEveryMinute) {
  int times = 0;
  for (int i = 0; i < 25; ++i) {
    lose();
    times += said("waiting for the database");
    pass(1s);
    times += said("waiting for the database");
  }
  EXPECT_EQ(times, 3);
  connect();
  EXPECT_TRUE(said("the database is back after 25 s"));
  lose();
  done_.clear();
  for (times = 0; now_ < Instant{1000s} + 25s + 600s;) {
    pass(1s);
    times += said("the database is away");
  }
  EXPECT_GE(times, 14);
  EXPECT_LE(times, 16);
}

// Catches a log that does not say, with the database away, what becomes of the servers.
TEST_F(AgentCoreTest, AnAbsentDatabaseIsSaidWithWhatItMeansForTheServers) {
  connect_and_run(one);
  Json held = start(2, two);
  held["spec"]["on_isolation"] = "hold";
  order(beat(Json::array({held})));
  give(ProcessStarted{two, 5});
  give(ProcessReady{two});
  done_.clear();
  lose();
  EXPECT_TRUE(said("the database is away: gone; 1 server whose lease ends in 15 s, 1 server that holds goes on"));
  pass(15s);
  EXPECT_TRUE(said("the lease has run out: 1 server ended by the shims, 1 server that holds goes on"));
  give(ProcessExited{one, std::nullopt, 9, "the lease ran out", true});
  pass(600s);
  EXPECT_TRUE(said("gone; 1 server that holds goes on"));
}

}  // namespace
}  // namespace orrery::agents
