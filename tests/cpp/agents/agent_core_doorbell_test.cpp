// AgentCore and doorbells: those that it hears, those that it passes on, and whether it listens.
#include "agents/agent_core.h"
#include "agents/agent_core_lab.h"

namespace orrery::agents {
namespace {

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

}  // namespace
}  // namespace orrery::agents
