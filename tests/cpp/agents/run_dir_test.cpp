// What a host makes of a run directory that it cannot understand, or whose shim does not end.
#include "agents/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "agent_core_lab.h"
#include "agents/files.h"
#include "agents/machine.h"
#include "agents/unix_datagram.h"
#include "toy_server.h"

namespace orrery::agents {
namespace {

using Phase = ShimState::Phase;

constexpr const char* hanging_shim = "hanging-shim";

// This program, as a shim that says its last word and then hangs.
const bool is_hanging_shim = [] {
  if (std::string(program_invocation_short_name) != hanging_shim) return false;
  const std::string words = *read_file("/proc/self/cmdline");
  const std::string directory = words.substr(words.find('\0') + 1).c_str();
  const auto plan = plan_of(*read_file(directory + "/" + plan_name));
  const Result<Fd> socket = bind_datagram(directory + "/" + shim_socket_name);
  ShimState state;
  state.shim_pid = getpid();
  state.boot_id = read_boot_id();
  state.started = true;
  state.phase = Phase::exited;
  state.signal = SIGSEGV;
  send_datagram(*socket, plan->agent_socket, to_text(ShimNews{plan->server, plan->epoch, state}));
  for (;;) pause();
}();

class RunDirTest : public HostTest {
 protected:
  std::string state_path(const Spawn& spawn) const { return run_dir(spawn) + "/state"; }
  // In place: the lock is the file's.
  void spoil(const Spawn& spawn, const std::string& with) const {
    const Fd fd(open(state_path(spawn).c_str(), O_WRONLY | O_CLOEXEC));
    std::string text = with;
    text.resize(state_bytes, ' ');
    ASSERT_EQ(pwrite(fd.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }
  static bool ends(const Spawn& spawn, const std::string& dir) {
    const auto lock = lock_of(dir + "/run/" + run_name(spawn.ref.server, spawn.ref.epoch));
    return lock && *lock == Lock::free;
  }
};

// Catches an agent that hangs in opening what is no file.
TEST_F(RunDirTest, AFifoIsNotWaitedFor) {
  const std::string directory = dir_ + "/odd";
  std::filesystem::create_directory(directory);
  ASSERT_EQ(mkfifo((directory + "/state").c_str(), 0600), 0);
  (void)lock_of(directory);
  EXPECT_FALSE(read_state_of(directory));
  ASSERT_EQ(mkfifo((directory + "/plan").c_str(), 0600), 0);
  (void)read_file(directory + "/plan");
}

// Catches a healthy server whose shim is heard by nobody, because the file does not say who that is: what the shim
// wrote first failed, or all of it was lost.
TEST_F(RunDirTest, AShimWhoseStateSaysNothingIsBelieved) {
  for (const bool is_garbage : {false, true}) {
    Spawn spawn = server("plain");
    spawn.ref.epoch.value += is_garbage;
    const int pid = start_ready(spawn);
    ASSERT_TRUE(until([&] { return state(spawn).phase == Phase::ready; })) << "the shim writes its state soon";
    const int shim = state(spawn).shim_pid;
    agent_goes();
    ShimState nobody;
    nobody.boot_id = state(spawn).boot_id;
    spoil(spawn, is_garbage ? "{" : to_text(nobody));
    started_.clear();
    ready_.clear();
    exited_.clear();
    const auto events = agent_returns();
    ASSERT_EQ(events.size(), 1u);
    const auto* found = std::get_if<ServerFound>(&events[0]);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->pid, 0);
    EXPECT_EQ(found->state, ServerFound::State::starting);
    ASSERT_TRUE(until([&] { return !ready_.empty(); })) << "its shim is not believed";
    ASSERT_EQ(started_.size(), 1u);
    EXPECT_EQ(started_[0].pid, pid);
    pass(7s);
    EXPECT_TRUE(exited_.empty()) << exited_[0].words;
    kill(shim, SIGSTOP);  // it is watched as any other
    const ProcessExited exited = exit_once();
    EXPECT_EQ(exited.words, "its shim was silent and was killed");
    EXPECT_FALSE(is_alive(pid));
    host_->forget(spawn.ref);
  }
}

TEST_F(RunDirTest, AShimThatIsNeitherReadNorHeardIsKilledAsASilentOne) {
  const Spawn spawn = server("daemons");
  start_ready(spawn);
  ASSERT_TRUE(until([&] { return servers_in(dir_).size() == 2 && state(spawn).phase == Phase::ready; }));
  agent_goes();
  kill(state(spawn).shim_pid, SIGSTOP);
  spoil(spawn, "{");
  ASSERT_EQ(agent_returns().size(), 1u);
  pass(4s);
  EXPECT_TRUE(exited_.empty());
  EXPECT_EQ(exit_once().words, "its shim was silent and was killed");
  EXPECT_TRUE(servers_in(dir_).empty());
}

// Catches a reason that is made up.
TEST_F(RunDirTest, AnEndOfWhichNothingCanBeReadIsSaidToBeThat) {
  const Spawn spawn = server("exit7");
  host_->spawn(spawn);
  agent_goes();
  ASSERT_TRUE(until([&] { return state(spawn).phase == Phase::exited && ends(spawn, dir_); }));
  spoil(spawn, "{");
  for (const bool is_directory : {false, true}) {
    if (is_directory) {  // can be opened, not be read
      std::filesystem::remove(state_path(spawn));
      std::filesystem::create_directory(state_path(spawn));
    }
    const auto events = agent_returns();
    ASSERT_EQ(events.size(), 1u);
    const auto* exited = std::get_if<ProcessExited>(&events[0]);
    ASSERT_TRUE(exited);
    EXPECT_EQ(exited->words, "its state could not be read");
    EXPECT_TRUE(exited->not_its_own);
    const auto last = read_state_of(run_dir(spawn));
    EXPECT_EQ(last ? "" : last.error().code, is_directory ? "EISDIR" : "");
  }
}

// Catches an exit that is told only when the shim ends, which it does not while it hangs in a disk.
TEST_F(RunDirTest, AnExitThatWasHeardIsToldThoughTheShimHangs) {
  std::filesystem::create_symlink(std::filesystem::read_symlink("/proc/self/exe"), dir_ + "/" + hanging_shim);
  ProcessHostConfig hanging = config();
  hanging.shim_path = dir_ + "/" + hanging_shim;
  host_.reset();
  host_ = make_host(hanging);
  const Spawn spawn = server("plain");
  host_->spawn(spawn);
  const ProcessExited exited = exit_once();
  EXPECT_EQ(exited.signal, SIGSEGV);
  EXPECT_FALSE(exited.not_its_own);
  const auto shims = servers_in(dir_);
  ASSERT_EQ(shims.size(), 1u) << "an exit waits for a shim that hangs";
  host_->forget(spawn.ref);
  EXPECT_TRUE(std::filesystem::exists(run_dir(spawn))) << "what the shim still writes to was removed";
  kill(shims[0], SIGKILL);
  EXPECT_TRUE(until([&] { return !std::filesystem::exists(run_dir(spawn)); }));
  pass(1500ms);
  EXPECT_EQ(exited_.size(), 1u) << "it was told twice";
}

// Catches a healthy server that is stopped because its pid was not known for longer than it may take to be READY.
TEST_F(AgentCoreTest, OnlyTheShimJudgesTheReadinessOfAServerThatIsNotKnownToRun) {
  ServerFound unknown = found(one, ServerFound::State::starting);
  unknown.pid = 0;
  give(unknown);
  connect();
  answer(beat());
  beating_ = true;
  pass(5s);
  EXPECT_FALSE(stops(one)) << "it may have been READY for long";
  give(ProcessStarted{one, 77});
  pass(unknown.ready_limit - 1ms);
  EXPECT_FALSE(stops(one));
  pass(1ms);
  EXPECT_TRUE(stops(one));
}

}  // namespace
}  // namespace orrery::agents
