// AgentCore and registration: who is refused, and which database is obeyed.
#include "agents/agent_core.h"
#include "agents/agent_core_lab.h"

namespace orrery::agents {
namespace {

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

}  // namespace
}  // namespace orrery::agents
