// What the next agent finds of servers and shims, and what it cannot read.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "agents/files.h"
#include "agents/processes.h"
#include "agents/run_dir.h"
#include "shim_lab.h"

namespace orrery::agents {
namespace {

// Adoption

TEST_F(ShimTest, TheNextAgentFindsWhatRunsAndSteersIt) {
  Spawn spawn = server("plain");
  spawn.hold = true;
  const int pid = start_ready(spawn);
  host_->spawn(server("mute", 2));
  ASSERT_TRUE(until([&] { return started_.size() == 2; }));
  const auto events = agent_returns();
  ASSERT_EQ(events.size(), 2u);
  const auto* found = std::get_if<ServerFound>(&events[0]);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->ref, spawn.ref);
  EXPECT_EQ(found->pid, pid);
  EXPECT_EQ(found->state, ServerFound::State::ready);
  EXPECT_EQ(found->cluster + found->kind + found->key, "devtoy../a b");
  EXPECT_EQ(found->ready_limit, 40s);
  EXPECT_EQ(found->grace, 5s);
  EXPECT_TRUE(found->hold);
  EXPECT_EQ(std::get<ServerFound>(events[1]).state, ServerFound::State::starting);
  stop(spawn, 10s);
  EXPECT_EQ(exit_once().signal, SIGTERM);
  EXPECT_EQ(ready_.size(), 1u) << "what was READY before is not told again";
}

TEST_F(ShimTest, AServerSurvivesItsAgentsKillAndIsFound) {
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const Spawn spawn = server("plain");
  agent_goes();
  const pid_t agent = fork();
  if (agent == 0) {
    event_base* base = event_base_new();
    auto own = ProcessHost::make(
        base, config(),
        {[&](const ProcessStarted& started) {
           if (write(told[1], &started.pid, sizeof started.pid) < 0) _exit(1);
         },
         [](const ProcessFailed&) { _exit(1); }, [](const ProcessReady&) {}, [](const ProcessExited&) { _exit(1); }});
    if (!own) _exit(1);
    (*own)->spawn(spawn);
    event_base_dispatch(base);
    _exit(1);
  }
  int pid = 0;
  ASSERT_EQ(read(told[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  std::this_thread::sleep_for(100ms);
  ASSERT_TRUE(is_alive(pid));
  const auto events = agent_returns();
  const auto* found = only<ServerFound>(events);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pid, pid);
  if (found->state == ServerFound::State::starting) {
    EXPECT_TRUE(until([&] { return !ready_.empty(); }));
  }
  stop(spawn, 10s);
  EXPECT_EQ(exit_once().signal, SIGTERM);
}

TEST_F(ShimTest, WhatEndedWithoutAnAgentIsToldToTheNextUntilForgotten) {
  const Spawn spawn = server("exit7");
  host_->spawn(spawn);
  agent_goes();
  ends_alone(spawn);
  for (int agents = 0; agents < 2; ++agents) {
    const auto events = agent_returns();
    const auto* exited = only<ProcessExited>(events);
    ASSERT_TRUE(exited);
    EXPECT_EQ(exited->ref, spawn.ref);
    EXPECT_EQ(exited->exit_code, 7);
    EXPECT_FALSE(exited->not_its_own);
  }
  pass(50ms);
  EXPECT_TRUE(exited_.empty()) << "it was told twice";
  host_->forget(spawn.ref);
  EXPECT_TRUE(agent_returns().empty());
}

TEST_F(ShimTest, AFailedStartIsToldToTheNextAgentToo) {
  Spawn spawn = server("plain");
  spawn.command = "/nonexistent/server";
  host_->spawn(spawn);
  agent_goes();
  ends_alone(spawn);
  const auto events = agent_returns();
  const auto* exited = only<ProcessExited>(events);
  ASSERT_TRUE(exited);
  EXPECT_TRUE(exited->words.starts_with("ENOENT: "));
  EXPECT_FALSE(exited->exit_code);
}

TEST_F(ShimTest, AStateOfBeforeTheMachineWasRebootedIsAnExit) {
  const Spawn spawn = server("plain");
  start_ready(spawn);
  agent_goes();
  std::filesystem::create_directory(dir_ + "/run/9.9");
  const std::string path = dir_ + "/run/9.9/state";
  ShimPlan plan = *plan_of(*read_file(run_dir(spawn) + "/plan"));
  plan.server = ServerId{9};
  plan.epoch = Epoch{(7ull << 32) + 9};
  std::ofstream(dir_ + "/run/9.9/plan") << to_text(plan);
  ShimState state;
  state.shim_pid = state.pid = getpid();  // whoever has the numbers now is not to blame
  state.boot_id = "of-another-day";
  state.phase = Phase::ready;
  state.started = true;
  const Fd fd(open(path.c_str(), O_RDWR | O_CREAT, 0600));
  ASSERT_TRUE(write_state(fd.get(), state));
  const auto events = agent_returns();
  ASSERT_EQ(events.size(), 2u);
  const auto* exited = std::get_if<ProcessExited>(&events[1]);
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->ref, (ServerRef{ServerId{9}, Epoch{(7ull << 32) + 9}}));
  EXPECT_EQ(exited->words, "the machine was rebooted");
  EXPECT_TRUE(exited->not_its_own);
}

TEST_F(ShimTest, AnAgentThatEndedWhileItMadeADirectoryStartedNothing) {
  const Spawn spawn = server("plain");
  start_ready(spawn);
  agent_goes();
  std::filesystem::create_directory(dir_ + "/run/7.7");  // no plan yet
  std::filesystem::create_directory(dir_ + "/run/8.8");  // all written, no shim yet
  ShimPlan plan = *plan_of(*read_file(run_dir(spawn) + "/plan"));
  plan.server = ServerId{8};
  plan.epoch = Epoch{8};
  std::ofstream(dir_ + "/run/8.8/plan") << to_text(plan);
  ShimState unborn;
  unborn.boot_id = state(spawn).boot_id;
  const Fd fd(open((dir_ + "/run/8.8/state").c_str(), O_RDWR | O_CREAT, 0600));
  ASSERT_TRUE(write_state(fd.get(), unborn));
  const auto events = agent_returns();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/run/7.7"));
  const auto* exited = std::get_if<ProcessExited>(&events[1]);
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->ref.server, ServerId{8});
  EXPECT_TRUE(exited->not_its_own);
}

// What cannot be read is not gone

class Unreadable {
 public:
  explicit Unreadable(std::string path) : path_(std::move(path)) {
    std::filesystem::rename(path_, path_ + ".kept");
    std::filesystem::create_symlink(path_, path_);
  }
  ~Unreadable() { std::filesystem::rename(path_ + ".kept", path_); }

 private:
  std::string path_;
};

// Catches a server that is started a second time because its first start could not be looked at.
TEST_F(ShimTest, AStartThatCannotBeReadIsNeitherForgottenNorMadeAgain) {
  const Spawn spawn = server("plain");
  const int pid = start_ready(spawn);
  for (const char* name : {"/state", "/plan"}) {
    started_.clear();
    {
      const Unreadable file(run_dir(spawn) + name);
      host_.reset();
      host_ = make_host(config());
      const auto events = host_->adopt();
      ASSERT_FALSE(events) << name;
      EXPECT_NE(events.error().message.find("Too many levels of symbolic links"), std::string::npos)
          << events.error().message;
      host_->spawn(spawn);
      pass(1500ms);
      EXPECT_TRUE(started_.empty() && failed_.empty() && exited_.empty()) << name;
      EXPECT_EQ(servers_in(dir_), std::vector<int>{pid}) << name;
    }
    ASSERT_TRUE(until([&] { return !started_.empty(); })) << name;
    EXPECT_EQ(started_[0].pid, pid);
  }
  EXPECT_EQ(servers_in(dir_), std::vector<int>{pid});
}

// Catches a server that nobody can steer and nobody knows of.
TEST_F(ShimTest, AShimWhosePlanIsLostIsKilledWithItsServer) {
  for (const bool is_directory : {false, true}) {
    const Spawn spawn = server("daemons", is_directory ? 2 : 1);
    start_ready(spawn);
    ASSERT_TRUE(until([&] { return servers_in(dir_).size() == 2; }));
    agent_goes();
    std::filesystem::remove(run_dir(spawn) + "/plan");
    if (is_directory) std::filesystem::create_directory(run_dir(spawn) + "/plan");
    const auto events = agent_returns();
    const auto* exited = only<ProcessExited>(events);
    ASSERT_TRUE(exited);
    EXPECT_EQ(exited->ref, spawn.ref);
    EXPECT_EQ(exited->words, "its plan was lost, so its shim was killed");
    EXPECT_TRUE(exited->not_its_own);
    EXPECT_TRUE(servers_in(dir_).empty());
    host_->forget(spawn.ref);
    EXPECT_FALSE(std::filesystem::exists(run_dir(spawn)));
  }
}

// Catches processes that are forgotten because the shim, whose lock they do not hold, was killed.
TEST_F(ShimTest, WhatAKilledShimLeftIsEndedThoughThePlanCannotBeRead) {
  const Spawn spawn = server("daemons");
  start_ready(spawn);
  ASSERT_TRUE(until([&] { return servers_in(dir_).size() == 2; }));
  agent_goes();
  kill(shim_pid(spawn), SIGKILL);
  ASSERT_TRUE(until([&] { return *lock_of(run_dir(spawn)) == Lock::free && servers_in(dir_).size() == 1; }));
  std::filesystem::remove(run_dir(spawn) + "/plan");
  std::filesystem::create_directory(run_dir(spawn) + "/plan");
  const auto events = agent_returns();
  const auto* exited = only<ProcessExited>(events);
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->ref, spawn.ref);
  EXPECT_TRUE(exited->not_its_own);
  EXPECT_TRUE(servers_in(dir_).empty());
}

// Catches an agent that does not begin for a start of which nothing runs any more, and one that makes that start again.
TEST_F(ShimTest, AnEndedStartWhosePlanCannotBeReadIsLeft) {
  const Spawn ended = server("exit7"), lives = server("plain", 2);
  const int pid = start_ready(lives);
  host_->spawn(ended);
  ASSERT_TRUE(until([&] { return !exited_.empty(); }));
  agent_goes();
  ends_alone(ended);
  const std::string plan = run_dir(ended) + "/plan";
  for (const bool is_directory : {true, false}) {
    std::filesystem::rename(plan, plan + ".kept");
    if (is_directory) std::filesystem::create_directory(plan);
    if (!is_directory) std::filesystem::create_symlink(plan, plan);
    exited_.clear();
    const auto events = agent_returns();
    const auto* found = only<ServerFound>(events);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->pid, pid);
    host_->spawn(ended);
    pass(1500ms);
    EXPECT_TRUE(failed_.empty() && exited_.empty());
    EXPECT_EQ(servers_in(dir_), std::vector<int>{pid}) << "it was started a second time";
    std::filesystem::remove(plan);
    std::filesystem::rename(plan + ".kept", plan);
    EXPECT_EQ(exit_once().exit_code, 7) << "once it can be read it is told";
  }
}

// Catches "nothing runs" said for want of descriptors.
TEST_F(ShimTest, WithoutDescriptorsNothingIsKnown) {
  const Spawn spawn = server("plain");
  start_ready(spawn);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  const auto marked = marked_processes(dir_ + "/run/agent");
  const auto lock = lock_of(run_dir(spawn));
  const auto last = read_state_of(run_dir(spawn));
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(marked ? "" : marked.error().code, "EMFILE");
  EXPECT_EQ(lock ? "" : lock.error().code, "EMFILE");
  EXPECT_EQ(last ? "" : last.error().code, "EMFILE");
  EXPECT_EQ(*lock_of(run_dir(spawn)), Lock::held);
  EXPECT_EQ(*lock_of(run_dir(spawn) + "0"), Lock::free);
}

}  // namespace
}  // namespace orrery::agents
