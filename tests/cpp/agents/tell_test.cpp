// A message is acknowledged when it was sent, and not before.
#include <signal.h>

#include "agent_core_lab.h"
#include "toy_server.h"

namespace orrery::agents {
namespace {

// Catches a message that is lost though the database was told that it was sent.
TEST_F(AgentCoreTest, ATellIsReportedWhenItsDatagramWasSentAndNotBefore) {
  connect_and_run(one);
  order(beat(Json::array({tell(8, one)})));
  auto tells = take<Tell>();
  ASSERT_EQ(tells.size(), 1u);
  EXPECT_EQ(tells[0].command, CommandId{8});
  EXPECT_TRUE(reported().empty()) << "it was not sent yet";
  order(beat(Json::array({tell(8, one)})));  // it could not be sent: the database gives it again
  tells = take<Tell>();
  ASSERT_EQ(tells.size(), 1u);
  give(TellSent{CommandId{8}});
  EXPECT_EQ(reported(), (std::vector<Json>{{{"command_id", 8}, {"ok", true}}}));
  order(beat(Json::array({tell(8, one)})));
  EXPECT_TRUE(take<Tell>().empty()) << "sent again though its report is under way";
  give(TellSent{CommandId{8}});
  give(ReportAnswer{Json()});
  EXPECT_TRUE(reported().empty()) << "reported twice";
}

class TellTest : public HostTest {
 protected:
  TellTest() {
    auto made = ProcessHost::make(base_.get(), config(),
                                  {[this](const ProcessStarted& started) { started_.push_back(started); },
                                   [this](const ProcessFailed& failure) { failed_.push_back(failure); },
                                   [this](const ProcessReady& ready) { ready_.push_back(ready); },
                                   [this](const ProcessExited& exited) { exited_.push_back(exited); },
                                   [this](const TellSent& sent) { sent_.push_back(sent.command.value); }});
    host_.reset();
    host_ = std::move(*made);
  }
  std::vector<std::uint64_t> sent_;
};

TEST_F(TellTest, WhatAServerDoesNotTakeIsNotSaidToBeSent) {
  const Spawn deaf = server("plain", 2);
  start_ready(deaf);
  host_->tell(deaf.ref, "it never listens", CommandId{1});
  host_->tell({ServerId{9}, Epoch{9}}, "it does not run", CommandId{2});
  const Spawn spawn = server("echo");
  const int pid = start_ready(spawn);
  kill(pid, SIGSTOP);
  int taken = 0;
  for (; taken < 100'000; ++taken) {
    const auto before = sent_.size();
    host_->tell(spawn.ref, "hello", CommandId{100});
    if (!until([&] { return sent_.size() > before; }, 500ms)) break;
  }
  EXPECT_GT(taken, 0);
  ASSERT_LT(taken, 100'000) << "its queue has no end";
  EXPECT_EQ(sent_, std::vector<std::uint64_t>(static_cast<std::size_t>(taken), 100));
  kill(pid, SIGCONT);
  EXPECT_EQ(exit_once().exit_code, 42);
}

}  // namespace
}  // namespace orrery::agents
