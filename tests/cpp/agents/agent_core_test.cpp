// AgentCore and the database: registration, the pinned database, heartbeats, doorbells, reports, how it ends.
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

// Doorbells

TEST_F(AgentCoreTest, ADoorbellThatNamesItMakesItHeartbeatAtOnce) {
  connect();
  answer(beat());
  done_.clear();
  for (const char* other : {"17", "70,1", "", "77,", "7x", "-7", "99999999999999999999999", ",,"})
    give(Doorbell{other});
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

// Catches a relay that wakes everybody, the one that was not named, or nobody for *; and one that is told to itself.
TEST_F(AgentCoreTest, AListenerPassesDoorbellsOnToTheRelaysThatAreNamed) {
  connect();
  Json json = beat();
  json["relays"] = Json::array({{{"agent_id", 9}, {"host", "10.0.0.9"}, {"port", 7000}},
                                {{"agent_id", 11}, {"host", "fd00::11"}, {"port", 7001}},
                                {{"agent_id", 7}, {"host", "10.0.0.1"}, {"port", 7002}},
                                {{"agent_id", 12}, {"host", "not an address"}, {"port", 7003}},
                                {{"agent_id", 13}, {"host", "10.0.0.13"}, {"port", 0}},
                                Json(3)});
  answer(json);
  give(Doorbell{"9,7"});
  auto sent = take<SendPrivate>();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].to.to_string(), "10.0.0.9:7000");
  EXPECT_EQ(sent[0].bytes, "orrery-bell 9");
  give(Doorbell{"*"});
  sent = take<SendPrivate>();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[1].to.to_string(), "[fd00::11]:7001");
  EXPECT_EQ(sent[1].bytes, "orrery-bell 11");
  give(Doorbell{"8"});
  EXPECT_TRUE(take<SendPrivate>().empty());
  answer(beat());
  give(Doorbell{"*"});
  EXPECT_EQ(take<SendPrivate>().size(), 2u) << "an answer without relays has nothing new of them";
  json["relays"] = Json::array();
  answer(json);
  give(Doorbell{"*"});
  EXPECT_TRUE(take<SendPrivate>().empty()) << "the last answer took them away";
}

// Catches an agent that goes on listening when told not to (every notification wakes every listener), and one that
// listens again but misses what was rung for meanwhile.
TEST_F(AgentCoreTest, ListensOnlyWhileItIsToldTo) {
  connect();
  EXPECT_EQ(take<Listen>().size(), 1u);
  Json json = beat();
  json["listen"] = false;
  answer(json);
  EXPECT_EQ(take<Unlisten>().size(), 1u);
  order(json);
  EXPECT_TRUE(take<Unlisten>().empty()) << "told once";
  json["listen"] = true;
  take<Heartbeat>();
  order(json);
  EXPECT_EQ(take<Listen>().size(), 1u);
  EXPECT_EQ(take<Heartbeat>().size(), 2u) << "once more after the LISTEN";
  answer(beat());
  lose();
  Json quiet = register_answer();
  quiet["listen"] = false;
  connect(quiet);
  EXPECT_EQ(take<Listen>().size(), 1u) << "a new connection listens before it registers";
  EXPECT_EQ(take<Unlisten>().size(), 1u);
}

// Catches a private socket through which anybody makes an agent heartbeat, or too often, and a bell that is lost.
TEST_F(AgentCoreTest, BellsOfOtherAgentsMakeItHeartbeatTenTimesASecondAtMost) {
  give(PrivateDatagram{"orrery-bell 0"});
  connect();
  answer(beat());
  done_.clear();
  for (const std::string& odd :
       {std::string("orrery-bell 8"), std::string("orrery-bell 7 "), std::string("orrery-bell"), std::string(),
        std::string(70000, 'x'), std::string("orrery-bell 7\0", 14)}) {
    give(PrivateDatagram{odd});
  }
  EXPECT_TRUE(take<Heartbeat>().empty());
  EXPECT_TRUE(take<SendPrivate>().empty()) << "nobody is answered";
  int beats = 0;
  const Instant begun = now_;
  while (now_ < begun + 2s) {
    give(PrivateDatagram{"orrery-bell 7"});
    pass(1ms);
    for ([[maybe_unused]] const Heartbeat& beat_sent : take<Heartbeat>()) {
      ++beats;
      answer(beat());
    }
  }
  EXPECT_GE(beats, 19);
  EXPECT_LE(beats, 23) << "the regular ones besides";
  pass(700s);
  EXPECT_TRUE(said("7 stray private datagrams"));
}

// Registration

TEST_F(AgentCoreTest, ANameHeldByAnotherEndsAnAgentThatRunsNothing) {
  give(DatabaseConnected{});
  give(RegisterAnswer{Error{"it is", "OR004"}});
  EXPECT_TRUE(said("name 'a1' is held by another agent"));
  const auto quits = take<Quit>();
  ASSERT_EQ(quits.size(), 1u);
  EXPECT_EQ(quits[0].status, status_refused);
}

// Catches an agent that, refused while its servers run, abandons them, steers their leases on, or asks without pause.
TEST_F(AgentCoreTest, ANameHeldByAnotherEndsAnAgentOnceItsServersHaveEnded) {
  connect_and_run(one);
  const auto lease = now_ + 15s;
  lose();
  pass(1s);
  give(DatabaseConnected{});
  take<Register>();
  give(RegisterAnswer{Error{"up elsewhere", "OR004"}});
  int registrations = 0, lines = 0;
  for (int i = 0; i < 10; ++i) {
    pass(1s);
    for ([[maybe_unused]] const Register& again : take<Register>()) {
      ++registrations;
      give(RegisterAnswer{Error{"up elsewhere", "OR004"}});
    }
    lines += said("held by another");
    for (const Steer& steer : take<Steer>()) EXPECT_EQ(steer.lease_until, lease);
  }
  EXPECT_EQ(registrations, 5);
  EXPECT_LE(lines, 1) << "said once a minute";
  EXPECT_TRUE(take<Quit>().empty());
  give(ProcessExited{one, std::nullopt, 9, "the lease ran out", true});
  ASSERT_EQ(take<Quit>().size(), 1u);
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

// Catches an agent that asks as fast as it is refused, or writes a line each time.
TEST_F(AgentCoreTest, NoRefusalLoopsHotNorFillsTheLog) {
  for (const char* code : {"22P02", "23505", "OR003", "42883", "XX000", "json"}) {
    const Error error{"no", code};
    core_ = AgentCore(self(nullptr));
    give(DatabaseConnected{});
    done_.clear();
    int calls = 0, lines = 0;
    for (int i = 0; i < 600; ++i) {
      give(RegisterAnswer{error});
      give(Doorbell{"*"});
      pass(100ms);
      calls += static_cast<int>(take<Register>().size());
      for (const Say& say : take<Say>()) lines += say.level == Level::error;
    }
    EXPECT_LE(calls, 31) << code;
    EXPECT_LE(lines, 2) << code;

    give(RegisterAnswer{register_answer()});
    done_.clear();
    calls = lines = 0;
    for (int i = 0; i < 600; ++i) {
      give(HeartbeatAnswer{error});
      give(Doorbell{"7"});
      give(PrivateDatagram{"orrery-bell 7"});
      pass(100ms);
      calls += static_cast<int>(take<Heartbeat>().size());
      for (const Say& say : take<Say>()) lines += say.level == Level::error;
    }
    EXPECT_GE(calls, 55) << code << ": it goes on asking";
    EXPECT_LE(calls, 61) << code;
    EXPECT_LE(lines, 2) << code;
    EXPECT_TRUE(take<Quit>().empty());
  }
}

// Catches the agent of a clone that acts on, or that takes the name back and forth; and servers that the other's
// inventory has given away already going on here.
TEST_F(AgentCoreTest, AnAgentWhoseNameWasTakenOverObeysNothingStopsItsServersAndEndsWithStatus4) {
  connect_and_run(one);
  beating_ = true;
  pass(31s);
  done_.clear();
  beating_ = false;
  pass(1s);
  ASSERT_EQ(take<Heartbeat>().size(), 1u);
  give(HeartbeatAnswer{Error{"wrong token", "OR004", "one agent a name"}});
  EXPECT_TRUE(said("another process runs as agent 'a1': wrong token [OR004] Hint: one agent a name"));
  const auto last = steered(one);
  ASSERT_TRUE(last && last->stop_by);
  EXPECT_EQ(*last->stop_by, now_ + 3s);
  pass(2s);
  for (const Steer& steer : take<Steer>()) EXPECT_EQ(steer.lease_until, last->lease_until) << "not steered on";
  lose();
  give(DatabaseConnected{});
  give(Doorbell{"*"});
  pass(60s);
  EXPECT_TRUE(take<Register>().empty());
  EXPECT_TRUE(take<Heartbeat>().empty());
  EXPECT_TRUE(take<Report>().empty());
  EXPECT_TRUE(take<Quit>().empty());
  give(ProcessExited{one, 0, std::nullopt, "exit status 0"});
  const auto quits = take<Quit>();
  ASSERT_EQ(quits.size(), 1u);
  EXPECT_EQ(quits[0].status, status_superseded) << "a service manager would start it again, and so for ever";
}

// Catches an agent that ends itself because a registration of its own (or of the process before it), over a connection
// that is gone, was carried out after the present one.
TEST_F(AgentCoreTest, ATokenLostSoonAfterRegisteringIsAskedForOnceMore) {
  connect_and_run(one);
  pass(1s);
  done_.clear();
  give(HeartbeatAnswer{Error{"wrong token", "OR004"}});
  EXPECT_TRUE(take<Register>().empty()) << "not without pause";
  EXPECT_FALSE(stops(one));
  pass(1s);
  EXPECT_EQ(take<Register>().size(), 1u);
  give(RegisterAnswer{register_answer()});
  EXPECT_EQ(take<Heartbeat>().back().inventory.size(), 1u);
  give(HeartbeatAnswer{Error{"wrong token", "OR004"}});
  EXPECT_TRUE(stops(one)) << "twice is another process";
}

// The pinned database

// Catches an agent that says nothing of what it obeyed (the database cannot refuse itself), or pins too late.
TEST_F(AgentCoreTest, ItPinsTheDatabaseBeforeItObeysIt) {
  give(DatabaseConnected{});
  EXPECT_EQ(take<Register>()[0].machine, (Json{{"host", "h"}, {"incarnation", nullptr}, {"lineage", nullptr}}));
  done_.clear();
  give(RegisterAnswer{register_answer()});
  ASSERT_FALSE(done_.empty());
  ASSERT_TRUE(std::holds_alternative<Pin>(done_[0])) << "before all else";
  EXPECT_EQ(std::get<Pin>(done_[0]).database, database());
  answer(beat());
  lose();
  done_.clear();
  give(DatabaseConnected{});
  EXPECT_EQ(take<Register>()[0].machine, (Json{{"host", "h"}, {"incarnation", 5}, {"lineage", std::string(32, 'a')}}));
  give(RegisterAnswer{register_answer()});
  EXPECT_TRUE(take<Pin>().empty()) << "the same needs no writing";
  lose();
  Json promoted = register_answer();
  promoted["database"] = database(6, 'b');
  connect(promoted);
  ASSERT_EQ(take<Pin>().size(), 1u);
  EXPECT_TRUE(said("incarnation 6")) << "a failover is followed, and said";
}

// Catches an agent that believes the database's word: a blank one or an old backup does not refuse by itself.
TEST_F(AgentCoreTest, ADatabaseThatIsBehindOrOfAnotherLineageIsNotObeyedWhateverItSays) {
  for (const Json& behind : {database(4), database(5, 'b'), database(1), Json(), Json{{"incarnation", 9}},
                             Json{{"incarnation", "9"}, {"lineage", std::string(32, 'a')}}}) {
    core_ = AgentCore(self(database(5)));
    give(found(one, ServerFound::State::ready));
    give(DatabaseConnected{});
    done_.clear();
    Json json = register_answer();
    json["database"] = behind;
    give(RegisterAnswer{json});
    EXPECT_TRUE(take<Pin>().empty());
    EXPECT_TRUE(take<Heartbeat>().empty()) << "nothing is asked of it but this";
    EXPECT_TRUE(take<Steer>().empty()) << "no lease is given in its name";
    EXPECT_TRUE(take<Quit>().empty());
    bool told = false;
    for (const Say& say : take<Say>()) told |= say.level == Level::error;
    EXPECT_TRUE(told);
    pass(2s);
    EXPECT_EQ(take<Register>().size(), 1u) << "it goes on asking";
    give(RegisterAnswer{register_answer()});
    EXPECT_EQ(take<Heartbeat>().size(), 1u) << "the right one is obeyed";
  }
}

TEST_F(AgentCoreTest, ADatabaseThatRefusesItselfIsNotObeyed) {
  pinned(database(5));
  give(DatabaseConnected{});
  done_.clear();
  give(RegisterAnswer{
      Json{{"refused", {{"code", "OR011"}, {"message", "I am behind"}, {"hint", "SELECT incarnation_raise(5)"}}}}});
  EXPECT_TRUE(said("this database is not obeyed: I am behind [OR011] Hint: SELECT incarnation_raise(5)"));
  EXPECT_TRUE(take<Heartbeat>().empty());
  EXPECT_TRUE(take<Quit>().empty());
  pass(2s);
  EXPECT_EQ(take<Register>().size(), 1u);
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

// How it ends

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

}  // namespace
}  // namespace orrery::agents
