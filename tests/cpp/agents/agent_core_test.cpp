#include "agents/agent_core.h"

#include <gtest/gtest.h>

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

constexpr ServerRef one{ServerId{3}, Epoch{4294967297}};
constexpr ServerRef one_later{ServerId{3}, Epoch{4294967298}};
constexpr ServerRef two{ServerId{4}, Epoch{4294967299}};

// A core on virtual time; what it does is kept until asked for.
class AgentCoreTest : public testing::Test {
 protected:
  AgentCoreTest()
      : core_({"a1", std::string(64, 'a'), Json{{"host", "h"}}, *Address::parse("192.0.2.1", 0),
               *Address::parse("203.0.113.1", 0), *Address::parse("10.0.0.1", 0), *Address::parse("10.0.0.1", 0)}) {}

  void give(const Event& event) {
    for (Action& action : core_.on(event, now_)) done_.push_back(std::move(action));
  }
  // Lets time pass, waking the core only at the deadlines it names.
  void pass(Duration duration) {
    const Instant end = now_ + duration;
    for (int turns = 0; turns < 100'000; ++turns) {
      const auto at = core_.next_deadline();
      if (!at || *at > end) {
        now_ = end;
        return;
      }
      now_ = std::max(now_, *at);
      give(Timer{});
      if (beating_) answer_heartbeats();
    }
    FAIL() << "the core names deadlines that it does not meet";
  }
  // All actions of one type since the last asking.
  template <class T>
  std::vector<T> take() {
    std::vector<T> found;
    std::erase_if(done_, [&found](Action& action) {
      if (!std::holds_alternative<T>(action)) return false;
      found.push_back(std::get<T>(std::move(action)));
      return true;
    });
    return found;
  }
  bool said(const std::string& words) {
    bool found = false;
    for (const Say& say : take<Say>()) found |= say.text.find(words) != std::string::npos;
    return found;
  }
  std::vector<Json> reported() {
    std::vector<Json> all;
    for (const Report& report : take<Report>()) all.insert(all.end(), report.reports.begin(), report.reports.end());
    return all;
  }

  static Json register_answer(int lease_ms = 15000) {
    return {{"agent_id", 7}, {"token", "t0"}, {"heartbeat_ms", 1000}, {"lease_ms", lease_ms}};
  }
  static Json beat(Json commands = Json::array(), Json clusters = Json::array()) {
    return {{"want_inventory", false}, {"commands", commands}, {"unknown", Json::array()}, {"clusters", clusters}};
  }
  static Json cluster(const std::string& state, Json stops_in_ms = nullptr, Json notice = nullptr) {
    return Json::array({{{"name", "dev"}, {"state", state}, {"stops_in_ms", stops_in_ms}, {"notice_id", notice}}});
  }
  static Json start(int id, ServerRef ref, int ready_deadline_ms = 10000) {
    return {{"command_id", id},
            {"verb", "start"},
            {"cluster", "dev"},
            {"server_id", ref.server.value},
            {"epoch", ref.epoch.value},
            {"spec",
             {{"kind", "grid"},
              {"key", "42"},
              {"role", "zone"},
              {"command", "orrery-sessiond"},
              {"args", {"--role", "zone"}},
              {"env", {{"A", "b"}}},
              {"public_port", 20001},
              {"private_port", 20002},
              {"ready_deadline_ms", ready_deadline_ms},
              {"stop_grace_ms", 3000},
              {"token", "secret"}}}};
  }
  static Json stop(int id, ServerRef ref, int grace_ms = 5000) {
    return {{"command_id", id},         {"verb", "stop"},      {"cluster", "dev"}, {"server_id", ref.server.value},
            {"epoch", ref.epoch.value}, {"grace_ms", grace_ms}};
  }

  void connect(Json answer = register_answer()) {
    give(DatabaseConnected{});
    give(RegisterAnswer{std::move(answer)});
  }
  void lose() { give(DatabaseLost{{"gone", "connection"}}); }
  // A heartbeat is under way: this is its answer.
  void answer(Json json) { give(HeartbeatAnswer{std::move(json)}); }
  void answer_heartbeats() {
    if (!take<Heartbeat>().empty()) answer(beat());
    if (!take<Report>().empty()) give(ReportAnswer{Json()});
  }
  // Rings, so that a heartbeat is under way, and answers it.
  void order(const Json& json) {
    give(Doorbell{"7"});
    answer(json);
  }
  void run_ready(ServerRef ref, int command = 1) {
    order(beat(Json::array({start(command, ref)})));
    give(ProcessStarted{ref, 100});
    give(ProcessReady{ref});
    give(ReportAnswer{Json()});
    while (!take<Report>().empty()) give(ReportAnswer{Json()});
    done_.clear();
  }
  void connect_and_run(ServerRef ref) {
    connect();
    answer(beat());
    run_ready(ref);
  }

  Instant now_{1000s};
  AgentCore core_;
  Actions done_;
  bool beating_ = false;
};

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
  beating_ = true;
  const Instant begun = now_;
  int beats = 0;
  for (; now_ < begun + 10s; ++beats) {
    beating_ = false;
    pass(1s);
    const auto sent = take<Heartbeat>();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_TRUE(sent[0].inventory.is_null()) << "sent once only";
    answer(beat());
  }
  EXPECT_EQ(beats, 10);
}

TEST_F(AgentCoreTest, ADoorbellThatNamesItMakesItHeartbeatAtOnce) {
  connect();
  answer(beat());
  done_.clear();
  for (const char* other : {"17", "70,1", "", "77,"}) give(Doorbell{other});
  EXPECT_TRUE(take<Heartbeat>().empty());
  for (const char* me : {"7", "1,7,9", "*"}) {
    give(Doorbell{me});
    EXPECT_EQ(take<Heartbeat>().size(), 1u) << me;
    answer(beat());
  }
  give(Doorbell{"7"});
  take<Heartbeat>();
  give(Doorbell{"7"});
  EXPECT_TRUE(take<Heartbeat>().empty());
  answer(beat());
  EXPECT_EQ(take<Heartbeat>().size(), 1u) << "a bell during a heartbeat is not forgotten";
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
  EXPECT_EQ(full[0].inventory, (Json::array({{{"server_id", 3}, {"epoch", one.epoch.value}, {"state", "ready"}}})));
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

TEST_F(AgentCoreTest, AStartSpawnsAndIsReportedWhenTheProcessRuns) {
  connect();
  answer(beat(Json::array({start(1, one)})));
  const auto spawns = take<Spawn>();
  ASSERT_EQ(spawns.size(), 1u);
  EXPECT_EQ(spawns[0].ref, one);
  EXPECT_EQ(spawns[0].cluster + spawns[0].kind + spawns[0].key + spawns[0].token, "devgrid42secret");
  EXPECT_EQ(spawns[0].args, (std::vector<std::string>{"--role", "zone"}));
  EXPECT_EQ(spawns[0].env.at("A"), "b");
  EXPECT_EQ(spawns[0].public_bind.to_string(), "192.0.2.1:20001");
  EXPECT_EQ(spawns[0].public_advertise.to_string(), "203.0.113.1:20001");
  EXPECT_EQ(spawns[0].private_advertise.to_string(), "10.0.0.1:20002");
  EXPECT_TRUE(reported().empty());
  give(ProcessStarted{one, 123});
  EXPECT_EQ(reported(), (std::vector<Json>{{{"command_id", 1}, {"ok", true}}}));
  give(ProcessReady{one});
  give(ReportAnswer{Json()});
  EXPECT_EQ(reported(),
            (std::vector<Json>{{{"server_id", 3}, {"epoch", one.epoch.value}, {"state", "ready"}, {"pid", 123}}}));
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
  EXPECT_TRUE(take<Spawn>().empty()) << "one process per (server, epoch), for ever";
  order(beat(Json::array({start(2, one_later)})));
  EXPECT_EQ(take<Spawn>().size(), 1u) << "a later epoch is another matter";
  order(beat(Json::array({start(3, one)})));
  EXPECT_TRUE(take<Spawn>().empty()) << "an earlier one never comes back";
}

TEST_F(AgentCoreTest, AStartOfALaterEpochKillsWhatStillRunsOfTheEarlier) {
  connect_and_run(one);
  order(beat(Json::array({start(2, one_later)})));
  const auto signals = take<Signal>();
  ASSERT_EQ(signals.size(), 1u);
  EXPECT_EQ(signals[0].ref, one);
  EXPECT_TRUE(signals[0].kill);
  EXPECT_EQ(take<Spawn>().size(), 1u);
}

TEST_F(AgentCoreTest, AStartThatFailsIsReportedFailedAndExited) {
  connect();
  answer(beat(Json::array({start(1, one)})));
  give(ProcessFailed{one, "ENOENT: no such executable"});
  give(ReportAnswer{Json()});
  const auto reports = reported();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0], (Json{{"command_id", 1}, {"ok", false}, {"error", "ENOENT: no such executable"}}));
  EXPECT_EQ(reports[1]["state"], "exited");
  EXPECT_EQ(reports[1]["reason"], "ENOENT: no such executable");
}

TEST_F(AgentCoreTest, AStopTerminatesThenKillsAfterTheGrace) {
  connect_and_run(one);
  beating_ = true;
  order(beat(Json::array({stop(2, one, 5000)})));
  ASSERT_EQ(take<Signal>().size(), 1u);
  pass(4999ms);
  EXPECT_TRUE(take<Signal>().empty());
  pass(1ms);
  const auto signals = take<Signal>();
  ASSERT_EQ(signals.size(), 1u);
  EXPECT_TRUE(signals[0].kill);
  pass(10s);
  EXPECT_TRUE(take<Signal>().empty()) << "once is enough";
}

TEST_F(AgentCoreTest, AStopOfWhatDoesNotRunIsReportedExitedToo) {
  connect();
  answer(beat(Json::array({stop(5, two)})));
  give(ReportAnswer{Json()});
  const auto reports = reported();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0], (Json{{"command_id", 5}, {"ok", true}}));
  EXPECT_EQ(reports[1]["state"], "exited");
}

TEST_F(AgentCoreTest, AServerThatIsNotReadyInTimeIsKilledAndTheReasonSaysSo) {
  connect();
  answer(beat(Json::array({start(1, one, 700)})));
  give(ProcessStarted{one, 9});
  beating_ = true;
  pass(699ms);
  EXPECT_TRUE(take<Signal>().empty());
  pass(1ms);
  const auto signals = take<Signal>();
  ASSERT_EQ(signals.size(), 1u);
  EXPECT_TRUE(signals[0].kill);
  give(ProcessReady{one});
  take<Report>();
  give(ReportAnswer{Json()});
  give(ProcessExited{one, std::nullopt, 9, "killed by signal 9 (Killed)"});
  const auto reports = reported();
  ASSERT_FALSE(reports.empty());
  EXPECT_EQ(reports.back()["reason"], "not READY within 700 ms");
  for (const Json& report : reports) EXPECT_NE(report.value("state", ""), "ready") << "too late is too late";
}

TEST_F(AgentCoreTest, TellsGoToTheirServer) {
  connect_and_run(one);
  const auto tell = [](int id, ServerRef ref) {
    return Json{{"command_id", id},         {"verb", "tell"},
                {"cluster", "dev"},         {"server_id", ref.server.value},
                {"epoch", ref.epoch.value}, {"message", {{"tell", "sync"}}}};
  };
  order(beat(Json::array({tell(8, one), tell(9, two)})));
  const auto tells = take<Tell>();
  ASSERT_EQ(tells.size(), 1u);
  EXPECT_EQ(tells[0].ref, one);
  EXPECT_EQ(tells[0].message, (Json{{"message", {{"tell", "sync"}}}}));
  const auto reports = reported();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_TRUE(reports[0]["ok"]);
  EXPECT_FALSE(reports[1]["ok"]);
}

TEST_F(AgentCoreTest, ServersTheDatabaseDoesNotKnowAreStopped) {
  connect_and_run(one);
  Json json = beat();
  json["unknown"] = Json::array({{{"server_id", 3}, {"epoch", one.epoch.value}}, {{"server_id", 99}, {"epoch", 1}}});
  order(json);
  const auto signals = take<Signal>();
  ASSERT_EQ(signals.size(), 1u);
  EXPECT_EQ(signals[0].ref, one);
}

TEST_F(AgentCoreTest, ReportsAreKeptUntilAcknowledged) {
  connect_and_run(one);
  give(ProcessExited{one, 1, std::nullopt, "exit status 1"});
  EXPECT_EQ(reported().size(), 1u);
  lose();
  give(ReportAnswer{Error{"gone", "connection"}});
  pass(3s);
  connect();
  const auto again = reported();
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0]["reason"], "exit status 1");
  EXPECT_EQ(again[0]["exit_code"], 1);
  // Until then the inventory shows it as stopping: the database must hear the reason, not find it missing.
  EXPECT_EQ(take<Heartbeat>().back().inventory[0]["state"], "stopping");
  give(ReportAnswer{Json()});
  answer(beat());
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
      give(ReportAnswer{Error{"malformed", "OR003"}});
    } else {
      accepted.insert(accepted.end(), batch.begin(), batch.end());
      give(ReportAnswer{Json()});
    }
  }
  EXPECT_EQ(accepted.size(), 2u);
  EXPECT_TRUE(said("dropped report"));
}

TEST_F(AgentCoreTest, AnUnknownTokenMakesItRegisterAnewButNotWithoutPause) {
  connect();
  answer(beat());
  pass(1s);
  done_.clear();
  give(HeartbeatAnswer{Error{"wrong token", "OR004"}});
  EXPECT_TRUE(take<Register>().empty());
  pass(1s);
  EXPECT_EQ(take<Register>().size(), 1u);
  EXPECT_TRUE(take<Quit>().empty());
}

TEST_F(AgentCoreTest, ANameHeldByAnotherEndsAnAgentThatNeverHadIt) {
  give(DatabaseConnected{});
  give(RegisterAnswer{Error{"it is", "OR004"}});
  EXPECT_TRUE(said("name 'a1' is held by another agent"));
  const auto quits = take<Quit>();
  ASSERT_EQ(quits.size(), 1u);
  EXPECT_EQ(quits[0].status, 3);
}

TEST_F(AgentCoreTest, OtherRefusalsAreTriedAgain) {
  give(DatabaseConnected{});
  done_.clear();
  give(RegisterAnswer{Error{"not granted", "OR010"}});
  EXPECT_TRUE(said("not granted"));
  EXPECT_TRUE(take<Quit>().empty());
  pass(2s);
  EXPECT_EQ(take<Register>().size(), 1u);
}

TEST_F(AgentCoreTest, AnAbsentDatabaseIsSaidOnceAndThenEveryTenSeconds) {
  int times = 0;
  for (int i = 0; i < 25; ++i) {
    lose();
    times += said("waiting for the database: gone");
    pass(1s);
    times += said("waiting for the database: gone");
  }
  EXPECT_EQ(times, 3);
  connect();
  EXPECT_TRUE(said("the database is back after 25 s"));
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
  give(ProcessFailed{one, "bad \xff"});
  for (const Say& line : take<Say>()) {
    EXPECT_EQ(line.text.find_first_of("\n\x7f"), std::string::npos) << line.text;
    EXPECT_TRUE(line.text.find("cannot start") == std::string::npos || line.text.find("4?2? é") != std::string::npos);
  }
  for (int i = 0; i < 4; ++i) give(ReportAnswer{Error{"invalid input", "22P02"}});
  EXPECT_TRUE(said("dropped report"));
}

TEST_F(AgentCoreTest, ServersGoOnWithoutTheDatabaseUntilTheLeaseEnds) {
  connect_and_run(one);
  now_ += 300ms;
  give(Doorbell{"7"});  // sent now …
  const Instant sent = now_;
  now_ += 500ms;
  answer(beat());  // … answered later: the lease counts from the sending
  now_ += 200ms;
  lose();
  pass(sent + 15s - 1ms - now_);
  EXPECT_TRUE(take<Signal>().empty());
  const auto tells = take<Tell>();
  ASSERT_GE(tells.size(), 13u) << "the lease's end is passed on each second";
  const auto until = std::chrono::duration_cast<std::chrono::milliseconds>((sent + 15s).time_since_epoch()).count();
  for (const Tell& tell : tells) EXPECT_EQ(tell.message["lease_until_ms"], until) << "however late it is said";
  pass(1ms);
  auto signals = take<Signal>();
  ASSERT_EQ(signals.size(), 1u);
  EXPECT_FALSE(signals[0].kill);
  EXPECT_TRUE(said("lease has run out"));
  pass(1s);
  signals = take<Signal>();
  ASSERT_EQ(signals.size(), 1u);
  EXPECT_TRUE(signals[0].kill);
}

TEST_F(AgentCoreTest, AnswersKeepTheLeaseAlive) {
  connect_and_run(one);
  give(Doorbell{"7"});
  answer(beat());
  done_.clear();
  beating_ = true;
  pass(60s);
  EXPECT_TRUE(take<Signal>().empty());
}

TEST_F(AgentCoreTest, AClusterEndsAtItsDeadlineThoughTheDatabaseIsAway) {
  connect_and_run(one);
  order(beat(Json::array(), cluster("shutting_down", 4000, 17)));
  const auto first = take<Tell>();
  ASSERT_EQ(first.size(), 1u) << "told at once";
  EXPECT_EQ(first[0].message["cluster"],
            (Json{{"name", "dev"}, {"state", "shutting_down"}, {"stops_in_ms", 4000}, {"notice_id", 17}}));
  lose();
  pass(3999ms);
  EXPECT_TRUE(take<Signal>().empty());
  const auto tells = take<Tell>();
  ASSERT_EQ(tells.size(), 3u);
  EXPECT_EQ(tells.back().message["cluster"]["stops_in_ms"], 1000);
  pass(1ms);
  EXPECT_EQ(take<Signal>().size(), 1u);
}

TEST_F(AgentCoreTest, ACancelledShutdownEndsNothing) {
  connect_and_run(one);
  order(beat(Json::array(), cluster("shutting_down", 4000, 17)));
  order(beat(Json::array(), cluster("running")));
  beating_ = true;
  pass(10s);
  EXPECT_TRUE(take<Signal>().empty());
  EXPECT_EQ(take<Tell>().back().message["cluster"]["stops_in_ms"], nullptr);
}

TEST_F(AgentCoreTest, TheAgentStopsItsServersReportsThemAndGoes) {
  connect_and_run(one);
  give(StopAsked{});
  ASSERT_EQ(take<Signal>().size(), 1u);
  EXPECT_TRUE(take<Quit>().empty());
  const auto first = reported();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0]["state"], "stopping") << "so that nothing more is placed here";
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

TEST_F(AgentCoreTest, AStoppingAgentKillsAfterTheGraceAndWaitsTwoSecondsForTheDatabase) {
  connect_and_run(one);
  lose();
  give(StopAsked{});
  take<Signal>();
  pass(3s);
  const auto signals = take<Signal>();
  ASSERT_EQ(signals.size(), 1u);
  EXPECT_TRUE(signals[0].kill);
  give(ProcessExited{one, std::nullopt, 9, "killed by signal 9 (Killed)"});
  pass(1999ms);
  EXPECT_TRUE(take<Quit>().empty());
  pass(1ms);
  EXPECT_EQ(take<Quit>().size(), 1u);
}

TEST_F(AgentCoreTest, AnswersOfNonsenseAreSurvived) {
  connect();
  for (const Json& odd :
       {Json(), Json(3), Json::array({1}),
        Json{{"commands", 5}, {"clusters", Json::array({nullptr, 1})}, {"unknown", Json::array({"x"})}},
        beat(Json::array({Json(), Json{{"verb", 1}}, Json{{"verb", "dance"}, {"command_id", 3}}}))}) {
    order(odd);
  }
  EXPECT_TRUE(take<Spawn>().empty());
  EXPECT_TRUE(take<Signal>().empty());
}

}  // namespace
}  // namespace orrery::agents
