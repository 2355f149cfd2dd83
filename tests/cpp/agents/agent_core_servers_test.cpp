// AgentCore and servers: commands, processes, those of an earlier agent.
#include "agents/agent_core.h"
#include "agents/agent_core_lab.h"

namespace orrery::agents {
namespace {

TEST_F(AgentCoreTest, AStartSpawnsAndIsReportedWhenTheProcessRuns) {
  connect();
  answer(beat(Json::array({start(1, one)})));
  const auto spawns = take<Spawn>();
  ASSERT_EQ(spawns.size(), 1u);
  EXPECT_EQ(spawns[0].ref, one);
  EXPECT_EQ(spawns[0].cluster + spawns[0].kind + spawns[0].key + spawns[0].token, "devgrid42secret");
  EXPECT_EQ(spawns[0].args, (std::vector<std::string>{"--role", "zone"}));
  EXPECT_EQ(spawns[0].env.at("A"), "b");
  EXPECT_EQ(spawns[0].public_bind.host(), "192.0.2.1");
  EXPECT_EQ(spawns[0].public_advertise.host(), "203.0.113.1");
  EXPECT_EQ(spawns[0].private_advertise.host(), "10.0.0.1");
  ASSERT_TRUE(spawns[0].terms);
  ASSERT_EQ(spawns[0].terms->ports.size(), 2u);
  EXPECT_EQ(words_of(spawns[0].terms->ports[1]), "private (udp 20002)");
  EXPECT_EQ(spawns[0].terms->stop_signal, SIGTERM);
  EXPECT_EQ(spawns[0].ready_limit, 10s);
  EXPECT_EQ(spawns[0].grace, 3s);
  EXPECT_EQ(spawns[0].lease_until, now_ + 15s);
  EXPECT_TRUE(spawns[0].database);
  EXPECT_TRUE(reported().empty());
  give(ProcessStarted{one, 123});
  EXPECT_EQ(reported(), (std::vector<Json>{{{"command_id", 1}, {"ok", true}}}));
  give(ProcessReady{one});
  give(ReportAnswer{Json()});
  EXPECT_EQ(reported(),
            (std::vector<Json>{{{"server_id", 3}, {"epoch", one.epoch.value}, {"state", "ready"}, {"pid", 123}}}));
}

// Catches limits, logs or a watchdog of a kind that never reach its servers, and values that no shim can take.
TEST_F(AgentCoreTest, AStartCarriesWhatTheKindSays) {
  connect();
  Json command = start(1, one);
  command["spec"].update({{"role", "other"},
                          {"on_isolation", "hold"},
                          {"limits", {{"nofile", 64}}},
                          {"log_bytes_max", 8192},
                          {"log_files", 5},
                          {"watchdog_ms", 2500},
                          {"ready", {{"by", "output"}, {"pattern", "^up$"}}},
                          {"stop_signal", "INT"}});
  Json odd = start(2, two);
  odd["spec"].update({{"log_bytes_max", -1}, {"log_files", 0}, {"watchdog_ms", nullptr}, {"limits", 3}, {"ports", 3}});
  answer(beat(Json::array({command, odd})));
  const auto spawns = take<Spawn>();
  ASSERT_EQ(spawns.size(), 2u);
  EXPECT_TRUE(spawns[0].hold);
  EXPECT_FALSE(spawns[0].database);
  EXPECT_FALSE(spawns[0].lease_until) << "a server that holds has no lease";
  EXPECT_EQ(spawns[0].limits, (Json{{"nofile", 64}}));
  EXPECT_EQ(spawns[0].log_bytes_max, 8192u);
  EXPECT_EQ(spawns[0].log_files, 5u);
  EXPECT_EQ(spawns[0].watchdog, 2500ms);
  ASSERT_TRUE(spawns[0].terms);
  EXPECT_EQ(spawns[0].terms->ready_by, ReadyBy::output);
  EXPECT_EQ(spawns[0].terms->ready_pattern, "^up$");
  EXPECT_EQ(spawns[0].terms->stop_signal, SIGINT);
  EXPECT_FALSE(spawns[1].hold);
  EXPECT_EQ(spawns[1].limits, Json::object());
  EXPECT_GE(spawns[1].log_bytes_max, 4096u);
  EXPECT_EQ(spawns[1].log_files, 1u);
  EXPECT_FALSE(spawns[1].watchdog);
  EXPECT_FALSE(spawns[1].terms) << "what has not the ports that it needs is not started";
}

// Catches an acknowledgement before the thing is done: a database that believes it would not plan it anew.
TEST_F(AgentCoreTest, AStartDeliveredAgainWhileUnderWayStartsNothingAndIsNotReportedYet) {
  connect();
  answer(beat(Json::array({start(1, one)})));
  EXPECT_EQ(take<Spawn>().size(), 1u);
  order(beat(Json::array({start(1, one), start(2, one)})));
  EXPECT_TRUE(take<Spawn>().empty());
  EXPECT_TRUE(reported().empty());
  give(ProcessStarted{one, 123});
  EXPECT_EQ(reported(), (std::vector<Json>{{{"command_id", 1}, {"ok", true}}, {{"command_id", 2}, {"ok", true}}}));
}

TEST_F(AgentCoreTest, AStartDeliveredAgainStartsNothing) {
  connect();
  answer(beat(Json::array({start(1, one)})));
  give(ProcessStarted{one, 123});
  EXPECT_EQ(take<Spawn>().size(), 1u);
  order(beat(Json::array({start(1, one)})));
  EXPECT_TRUE(take<Spawn>().empty());
  EXPECT_EQ(reported().size(), 1u) << "its report is under way";
  give(ReportAnswer{Json()});
  order(beat(Json::array({start(1, one)})));
  EXPECT_TRUE(take<Spawn>().empty());
  EXPECT_EQ(reported(), (std::vector<Json>{{{"command_id", 1}, {"ok", true}}}));
  give(ReportAnswer{Json()});
  give(ProcessExited{one, 0, std::nullopt, "exit status 0"});
  order(beat(Json::array({start(1, one)})));
  EXPECT_TRUE(take<Spawn>().empty()) << "its exit is told, and says all";
  order(beat(Json::array({start(2, one_later)})));
  EXPECT_EQ(take<Spawn>().size(), 1u) << "a later epoch is another matter";
}

// Catches two servers of one row, and an earlier start taken for a new one.
TEST_F(AgentCoreTest, AStartOfALaterEpochKillsWhatStillRunsOfTheEarlier) {
  connect_and_run(one);
  order(beat(Json::array({start(2, one_later)})));
  const auto steer = steered(one);
  ASSERT_TRUE(steer);
  EXPECT_EQ(steer->stop_by, now_);
  EXPECT_EQ(take<Spawn>().size(), 1u);
  pass(1s);
  EXPECT_EQ(steered(one)->stop_by, now_ - 1s) << "told until it is gone";
  give(ProcessExited{one, std::nullopt, 9, "killed by signal 9 (Killed)"});
  give(ProcessStarted{one_later, 5});
  order(beat(Json::array({start(3, one)})));
  EXPECT_TRUE(take<Spawn>().empty());
  EXPECT_TRUE(take<Quit>().empty());
}

TEST_F(AgentCoreTest, AStartOfAnEarlierEpochThanWhatRunsIsRefused) {
  connect_and_run(one_later);
  order(beat(Json::array({start(3, one)})));
  EXPECT_TRUE(take<Spawn>().empty());
  EXPECT_TRUE(take<Steer>().empty());
  EXPECT_EQ(reported().at(0)["ok"], false);
}

// Catches a start made by an agent before this one that is made twice, or never accounted for.
TEST_F(AgentCoreTest, AStartThatWasMadeBeforeIsReportedWithItsExit) {
  connect();
  answer(beat(Json::array({start(1, one)})));
  give(ProcessExited{one, 7, std::nullopt, "exit status 7"});
  const auto told = reported();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0], (Json{{"command_id", 1}, {"ok", true}}));
  EXPECT_EQ(told[1]["reason"], "exit status 7");
  EXPECT_EQ(told[1]["by_agent"], false);
}

TEST_F(AgentCoreTest, AStartThatFailsIsReportedFailedAndExited) {
  connect();
  answer(beat(Json::array({start(1, one)})));
  give(ProcessFailed{one, "ENOENT: no such executable"});
  const auto reports = reported();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0], (Json{{"command_id", 1}, {"ok", false}, {"error", "ENOENT: no such executable"}}));
  EXPECT_EQ(reports[1]["state"], "exited");
  EXPECT_EQ(reports[1]["reason"], "ENOENT: no such executable");
  EXPECT_EQ(reports[1]["by_agent"], false);
  give(ReportAnswer{Json()});
  answer(beat());
  EXPECT_TRUE(take<Forget>().size() == 1) << "what was made of it is removed";
}

// Catches a stop that is acknowledged before the process is gone, or apart from its exit.
TEST_F(AgentCoreTest, AStopIsReportedTogetherWithTheExit) {
  connect_and_run(one);
  beating_ = true;
  order(beat(Json::array({stop(2, one, 5000)})));
  auto steer = steered(one);
  ASSERT_TRUE(steer);
  EXPECT_EQ(steer->stop_by, now_ + 5s);
  const Instant stop_by = *steer->stop_by;
  pass(1s);
  order(beat(Json::array({stop(2, one, 5000)})));
  for (const Steer& again : take<Steer>()) EXPECT_EQ(again.stop_by, stop_by) << "not begun twice";
  EXPECT_TRUE(reported().empty());
  pass(20s);
  EXPECT_EQ(steered(one)->stop_by, stop_by) << "the shim is told each second, until it is gone";
  EXPECT_TRUE(reported().empty());
  give(ProcessExited{one, std::nullopt, 9, "killed by signal 9 (Killed)"});
  const auto told = reported();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0], (Json{{"command_id", 2}, {"ok", true}}));
  EXPECT_EQ(told[1]["state"], "exited");
  EXPECT_EQ(told[1]["by_agent"], false) << "the database decided it";
}

TEST_F(AgentCoreTest, AStopThatIsMoreUrgentShortensTheGraceAndNoneProlongsIt) {
  connect_and_run(one);
  order(beat(Json::array({stop(2, one, 5000)})));
  order(beat(Json::array({stop(3, one, 100)})));
  EXPECT_EQ(steered(one)->stop_by, now_ + 100ms);
  order(beat(Json::array({stop(4, one, 9000)})));
  EXPECT_FALSE(steered(one));
  give(ProcessExited{one, 0, std::nullopt, "exit status 0"});
  EXPECT_EQ(reported().size(), 4u) << "three stops and the exit";
}

TEST_F(AgentCoreTest, AStopOfWhatDoesNotRunIsReportedExitedToo) {
  connect();
  answer(beat(Json::array({stop(5, two)})));
  const auto reports = reported();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0], (Json{{"command_id", 5}, {"ok", true}}));
  EXPECT_EQ(reports[1]["state"], "exited");
}

TEST_F(AgentCoreTest, AStopBeforeTheProcessRunsEndsItTooAndBothAreReported) {
  connect();
  answer(beat(Json::array({start(1, one), stop(2, one)})));
  EXPECT_EQ(take<Spawn>().size(), 1u);
  EXPECT_TRUE(stops(one));
  give(ProcessStarted{one, 9});
  EXPECT_TRUE(stops(one)) << "said again, since the shim may have been too young to hear it";
  give(ReportAnswer{Json()});
  give(ProcessReady{one});
  give(ProcessExited{one, 0, std::nullopt, "exit status 0"});
  const auto told = reported();
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0], (Json{{"command_id", 1}, {"ok", true}}));
  EXPECT_EQ(told[1], (Json{{"command_id", 2}, {"ok", true}}));
}

TEST_F(AgentCoreTest, WhatAServerCountsIsReportedOnceAHeartbeatHoweverOftenItChanges) {
  connect();
  answer(beat(Json::array({start(1, one)})));
  give(ProcessStarted{one, 9});
  give(ReportAnswer{Json()});
  give(ProcessReady{one});
  give(ReportAnswer{Json()});
  reported();
  for (int players = 1; players <= 3; ++players) give(ProcessCounted{one, Json{{"players", {{"count", players}}}}});
  EXPECT_TRUE(reported().empty()) << "not before the next heartbeat";
  give(ProcessCounted{two, Json{{"players", {{"count", 9}}}}});
  pass(1s);
  answer(beat());
  const auto told = reported();
  ASSERT_EQ(told.size(), 1u) << "and of no server that is not there";
  EXPECT_EQ(
      told[0],
      (Json{{"server_id", one.server.value}, {"epoch", one.epoch.value}, {"counters", {{"players", {{"count", 3}}}}}}));
  give(ReportAnswer{Json()});
  pass(1s);
  answer(beat());
  EXPECT_TRUE(reported().empty()) << "nothing new";
}

TEST_F(AgentCoreTest, AServerThatIsNotReadyInTimeIsKilledAndTheReasonSaysSo) {
  connect();
  answer(beat(Json::array({start(1, one, 700)})));
  give(ProcessStarted{one, 9});
  give(ReportAnswer{Json()});
  beating_ = true;
  pass(699ms);
  EXPECT_FALSE(stops(one));
  pass(1ms);
  EXPECT_EQ(steered(one)->stop_by, now_);
  give(ProcessReady{one});
  give(ProcessExited{one, std::nullopt, 9, "killed by signal 9 (Killed)"});
  const auto reports = reported();
  ASSERT_FALSE(reports.empty());
  EXPECT_EQ(reports.back()["reason"], "not READY within 700 ms");
  EXPECT_EQ(reports.back()["by_agent"], false) << "it is the server's failure";
  for (const Json& report : reports) EXPECT_NE(report.value("state", ""), "ready") << "too late is too late";
}

TEST_F(AgentCoreTest, WhatAShimKnowsOfWhyItsServerWasNotReadyIsTheReason) {
  connect();
  answer(beat(Json::array({start(1, one, 700)})));
  give(ProcessStarted{one, 9});
  give(ReportAnswer{Json()});
  beating_ = true;
  pass(700ms);
  const std::string words = "not READY within 700 ms: its port public (udp 20001) is not bound";
  give(ProcessExited{one, std::nullopt, 9, words});
  EXPECT_EQ(reported().back()["reason"], words);
}

TEST_F(AgentCoreTest, TellsGoToTheirServer) {
  connect_and_run(one);
  order(beat(Json::array({tell(8, one), tell(9, two)})));
  const auto tells = take<Tell>();
  ASSERT_EQ(tells.size(), 1u);
  EXPECT_EQ(tells[0].ref, one);
  EXPECT_EQ(tells[0].message, (Json{{"message", {{"tell", "sync"}}}}));
  give(TellSent{CommandId{8}});
  give(ReportAnswer{Json()});
  const auto told = reported();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0]["ok"], false);
  EXPECT_EQ(told[1]["ok"], true);
}

// Catches a verb of a newer database that is delivered for ever without a word.
TEST_F(AgentCoreTest, AnUnknownVerbIsReportedFailed) {
  connect();
  answer(beat(Json::array({Json{{"command_id", 3}, {"verb", "dance"}, {"server_id", 3}, {"epoch", 1}}})));
  EXPECT_EQ(reported(),
            (std::vector<Json>{{{"command_id", 3}, {"ok", false}, {"error", "this agent knows no verb 'dance'"}}}));
}

TEST_F(AgentCoreTest, ServersTheDatabaseDoesNotKnowAreStopped) {
  connect_and_run(one);
  Json json = beat();
  json["unknown"] = Json::array({{{"server_id", 3}, {"epoch", one.epoch.value}}, {{"server_id", 99}, {"epoch", 1}}});
  order(json);
  const auto steers = take<Steer>();
  ASSERT_EQ(steers.size(), 1u);
  EXPECT_EQ(steers[0].ref, one);
  EXPECT_EQ(steers[0].stop_by, now_ + 3s);
}

TEST_F(AgentCoreTest, WordsThatAreNoTextEndNeitherTheAgentNorALine) {
  connect();
  answer(beat());
  Json command = start(1, one);
  command["spec"]["key"] = "4\n2\x7f é";
  command["spec"]["args"] = Json::array({Json{{"a", "\xff"}}});
  command["spec"]["env"]["A"] = Json::array({"\xff"});
  order(beat(Json::array({command})));
  const auto spawns = take<Spawn>();
  ASSERT_EQ(spawns.size(), 1u);
  EXPECT_EQ(spawns[0].args, std::vector<std::string>{"{\"a\":\"\xef\xbf\xbd\"}"});
  give(ProcessFailed{one, "bad \xff\nline"});
  for (const Say& line : take<Say>()) {
    EXPECT_EQ(line.text.find_first_of("\n\x7f"), std::string::npos) << line.text;
    EXPECT_TRUE(line.text.find("cannot start") == std::string::npos || line.text.find("4?2? é") != std::string::npos);
  }
  for (int i = 0; i < 4; ++i) give(ReportAnswer{Error{"invalid input", "22P02"}});
  EXPECT_TRUE(said("dropped report"));
}

// Catches what is kept of servers long gone: an agent runs for months.
TEST_F(AgentCoreTest, NothingIsKeptOfServersThatWereToldOf) {
  connect();
  answer(beat());
  beating_ = true;
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    const ServerRef ref{ServerId{i % 7 + 1}, Epoch{i}};
    order(beat(Json::array({start(static_cast<int>(i), ref)})));
    give(ProcessStarted{ref, 5});
    give(ProcessExited{ref, 0, std::nullopt, "exit status 0"});
    pass(2s);
    ASSERT_EQ(take<Forget>().size(), 1u);
    take<Say>();
    take<Tell>();
    take<Steer>();
  }
  EXPECT_EQ(core_.status(), "agent 7; 0 servers");
}

// Servers of an earlier agent

// Catches an adoption that tells the database of fewer servers than run (they would be replaced beside the old ones),
// and one whose lease is cut or prolonged before the database has answered.
TEST_F(AgentCoreTest, ServersThatAreFoundAreInTheFirstInventoryAndSteeredOnceTheDatabaseHasAnswered) {
  give(found(one, ServerFound::State::ready));
  give(found(two, ServerFound::State::starting, true));
  pass(500ms);
  EXPECT_TRUE(take<Steer>().empty()) << "the lease that the shim has stays as it is";
  connect();
  const auto beats = take<Heartbeat>();
  ASSERT_EQ(beats.size(), 1u);
  EXPECT_EQ(beats[0].inventory,
            (Json::array({{{"server_id", 3}, {"epoch", one.epoch.value}, {"state", "ready"}, {"pid", 77}},
                          {{"server_id", 4}, {"epoch", two.epoch.value}, {"state", "starting"}, {"pid", 77}}})));
  const auto steers = take<Steer>();
  ASSERT_EQ(steers.size(), 2u) << "at once: its lease may be about to end";
  EXPECT_EQ(steers[0].lease_until, now_ + 15s);
  EXPECT_FALSE(steers[1].lease_until) << "one that holds has none";
  answer(beat(Json::array({start(1, one), stop(2, one)})));
  EXPECT_TRUE(take<Spawn>().empty());
  EXPECT_EQ(reported(), (std::vector<Json>{{{"command_id", 1}, {"ok", true}}})) << "it runs";
  EXPECT_EQ(steered(one)->stop_by, now_ + 5s);
}

// Catches a deadline that the agent's own absence made pass, and one that an adopted server no longer has.
TEST_F(AgentCoreTest, AServerFoundStartingHasItsWholeTimeAgain) {
  give(found(one, ServerFound::State::starting));
  connect();
  answer(beat());
  beating_ = true;
  pass(699ms);
  EXPECT_FALSE(stops(one));
  pass(1ms);
  EXPECT_EQ(steered(one)->stop_by, now_);
}

// Catches a stop that the agent before this one began and this one calls off.
TEST_F(AgentCoreTest, AServerFoundStoppingGoesOnStopping) {
  give(found(one, ServerFound::State::stopping));
  give(found(two, ServerFound::State::stopping, true));
  pass(2s);
  EXPECT_TRUE(take<Steer>().empty());
  connect();
  EXPECT_EQ(take<Heartbeat>()[0].inventory[0]["state"], "stopping");
  for (const Steer& steer : take<Steer>()) EXPECT_EQ(steer.stop_by, now_ + 3s);
}

// Catches the exit status of a server that ended while no agent ran being lost, or told twice.
TEST_F(AgentCoreTest, WhatEndedWhileNoAgentRanIsReported) {
  give(ProcessExited{one, 7, std::nullopt, "exit status 7"});
  give(ProcessExited{one, 7, std::nullopt, "exit status 7"});
  give(ProcessExited{two, std::nullopt, std::nullopt, "the machine was rebooted", true});
  connect();
  const auto told = reported();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0]["exit_code"], 7);
  EXPECT_EQ(told[0]["by_agent"], false);
  EXPECT_EQ(told[1]["by_agent"], true) << "no failure of the server";
  EXPECT_EQ(take<Heartbeat>()[0].inventory.size(), 2u) << "until the database has heard why";
  give(ReportAnswer{Json()});
  answer(beat());
  EXPECT_EQ(take<Forget>().size(), 2u);
}

}  // namespace
}  // namespace orrery::agents
