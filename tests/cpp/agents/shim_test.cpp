// A server and its shim without their agent, with another one, and when the shim itself is hurt.
#include "agents/shim.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "agents/files.h"
#include "agents/log_file.h"
#include "agents/processes.h"
#include "agents/run_dir.h"
#include "agents/shim_disk.h"
#include "toy_server.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;
using Phase = ShimState::Phase;

class ShimTest : public HostTest {
 protected:
  /// Waits, without an agent, until its end is written down and its shim is gone.
  ShimState ends_alone(const Spawn& spawn) {
    EXPECT_TRUE(until([&] { return state(spawn).phase == Phase::exited && *lock_of(run_dir(spawn)) == Lock::free; }));
    return state(spawn);
  }
  int shim_pid(const Spawn& spawn) const { return state(spawn).shim_pid; }
  template <class E>
  static const E* only(const std::vector<Event>& events) {
    EXPECT_EQ(events.size(), 1u);
    return events.size() == 1 ? std::get_if<E>(&events[0]) : nullptr;
  }
  std::uint64_t log_bytes(std::uint64_t id = 1) const {
    std::uint64_t sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/log")) {
      if (entry.path().string().starts_with(log_path(id))) sum += entry.file_size();
    }
    return sum;
  }
};

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
  const Spawn spawn = server("daemons");
  start_ready(spawn);
  ASSERT_TRUE(until([&] { return servers_in(dir_).size() == 2; }));
  agent_goes();
  std::filesystem::remove(run_dir(spawn) + "/plan");
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

// The shim is hurt

TEST_F(ShimTest, AServerDiesWithItsShimAndSoDoesAllThatItStarted) {
  const Spawn spawn = server("daemons");
  const int pid = start_ready(spawn);
  ASSERT_TRUE(until([&] { return servers_in(dir_).size() == 2; }));
  const int bystander = start_ready(server("plain", 2));
  kill(shim_pid(spawn), SIGKILL);
  const ProcessExited exited = exit_once();
  EXPECT_EQ(exited.ref, spawn.ref);
  EXPECT_TRUE(exited.not_its_own);
  EXPECT_EQ(exited.words, "its shim was killed");
  EXPECT_FALSE(is_alive(pid));
  EXPECT_EQ(servers_in(dir_), std::vector<int>{bystander});
}

TEST_F(ShimTest, AShimKilledWithoutAnAgentIsToldToTheNext) {
  const Spawn spawn = server("daemons");
  start_ready(spawn);
  ASSERT_TRUE(until([&] { return servers_in(dir_).size() == 2; }));
  agent_goes();
  kill(shim_pid(spawn), SIGKILL);
  ASSERT_TRUE(until([&] { return *lock_of(run_dir(spawn)) == Lock::free; }));
  const auto events = agent_returns();
  const auto* exited = only<ProcessExited>(events);
  ASSERT_TRUE(exited);
  EXPECT_TRUE(exited->not_its_own);
  EXPECT_TRUE(servers_in(dir_).empty());
}

TEST_F(ShimTest, AShimThatIsStoppedIsKilledWithItsServer) {
  const Spawn spawn = server("daemons");
  const int bystander = start_ready(server("plain", 2));
  start_ready(spawn);
  ASSERT_TRUE(until([&] { return servers_in(dir_).size() == 3; }));
  kill(shim_pid(spawn), SIGSTOP);
  pass(4s);
  EXPECT_TRUE(exited_.empty()) << "a moment's silence is not the end";
  const ProcessExited exited = exit_once();
  EXPECT_EQ(exited.ref, spawn.ref);
  EXPECT_TRUE(exited.not_its_own);
  EXPECT_EQ(exited.words, "its shim was silent and was killed");
  EXPECT_EQ(servers_in(dir_), std::vector<int>{bystander});
}

TEST_F(ShimTest, TheAgentsOwnStopIsNoShimsSilence) {
  start_ready(server("plain"));
  std::this_thread::sleep_for(7s);  // as if it had been stopped
  pass(500ms);
  EXPECT_TRUE(exited_.empty());
}

TEST_F(ShimTest, TerminationOfTheShimStopsItsServer) {
  const Spawn spawn = server("polite");
  start_ready(spawn);
  kill(shim_pid(spawn), SIGTERM);
  EXPECT_EQ(exit_once().exit_code, 0);
}

// Deadlines

TEST_F(ShimTest, ALeaseEndsAServerWithoutAnAgent) {
  Spawn spawn = server("stubborn");
  const Instant end = BootClock::now() + 2s;
  spawn.lease_until = end;
  const int pid = start_ready(spawn);
  agent_goes();
  const ShimState last = ends_alone(spawn);
  const Duration late = BootClock::now() - end;
  EXPECT_GE(late, 0ms);
  EXPECT_LT(late, 1s);
  EXPECT_TRUE(last.by_lease);
  EXPECT_FALSE(is_alive(pid));
  const auto events = agent_returns();
  const auto* exited = only<ProcessExited>(events);
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->words, "the lease has run out");
  EXPECT_TRUE(exited->not_its_own);
}

TEST_F(ShimTest, ALeaseIsProlongedAndOneThatHoldsHasNone) {
  Spawn held = server("plain", 2);
  held.hold = true;
  held.lease_until = BootClock::now() + 1s;
  start_ready(held);
  Spawn spawn = server("plain");
  spawn.lease_until = BootClock::now() + 1500ms;
  start_ready(spawn);
  host_->steer({spawn.ref, BootClock::now() + 3500ms, std::nullopt});
  pass(2s);
  EXPECT_TRUE(exited_.empty());
  EXPECT_EQ(exit_once().ref, spawn.ref);
}

// What prolongs it lay in the queue while the shim did not run.
TEST_F(ShimTest, AShimThatWasStoppedReadsItsLeaseBeforeItJudges) {
  Spawn spawn = server("plain");
  spawn.lease_until = BootClock::now() + 1500ms;
  start_ready(spawn);
  kill(shim_pid(spawn), SIGSTOP);
  host_->steer({spawn.ref, BootClock::now() + 60s, std::nullopt});
  pass(2s);
  kill(shim_pid(spawn), SIGCONT);
  pass(300ms);
  EXPECT_TRUE(exited_.empty());
}

TEST_F(ShimTest, AStopIsSeenThroughWithoutAnAgent) {
  const Spawn spawn = server("stubborn");
  start_ready(spawn);
  stop(spawn, 500ms);
  pass(50ms);
  agent_goes();
  const ShimState last = ends_alone(spawn);
  EXPECT_EQ(last.signal, SIGKILL);
  EXPECT_FALSE(last.by_lease);
}

// Catches a deadline that is lost with the agent, and one that the next agent, who has not heard of it, takes back.
TEST_F(ShimTest, AShutdownsDeadlineOutlivesTheAgentThatKnewIt) {
  Spawn spawn = server("plain");
  spawn.hold = true;
  start_ready(spawn);
  Steer wish{spawn.ref, std::nullopt, std::nullopt};
  wish.shutdown_at = BootClock::now() + 2s;
  wish.keep_shutdown = false;
  host_->steer(wish);
  pass(50ms);
  agent_returns();
  host_->steer({spawn.ref, std::nullopt, std::nullopt});
  pass(50ms);
  agent_goes();
  EXPECT_EQ(state(spawn).phase, Phase::ready);
  const ShimState last = ends_alone(spawn);
  EXPECT_GE(BootClock::now() + 1ms, *wish.shutdown_at);
  EXPECT_TRUE(last.by_shutdown);
  const auto events = agent_returns();
  const auto* exited = only<ProcessExited>(events);
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->words, "cluster dev is shut down: killed by signal 15 (Terminated)");
  EXPECT_TRUE(exited->not_its_own);
}

TEST_F(ShimTest, AShutdownThatWasCancelledEndsNothing) {
  const Spawn spawn = server("plain");
  start_ready(spawn);
  Steer wish{spawn.ref, BootClock::now() + 60s, std::nullopt};
  wish.shutdown_at = BootClock::now() + 1s;
  wish.keep_shutdown = false;
  host_->steer(wish);
  pass(50ms);
  wish.shutdown_at.reset();
  host_->steer(wish);
  pass(1500ms);
  EXPECT_TRUE(exited_.empty());
}

// Catches a lease that an agent who does not know it replaces by the stop's end, and an end that is blamed on it.
TEST_F(ShimTest, AStopByAnAgentThatKnowsNoLeaseNeitherProlongsNorEndsIt) {
  Spawn spawn = server("stubborn");
  spawn.lease_until = BootClock::now() + 2s;
  start_ready(spawn);
  const Instant stop_by = BootClock::now() + 4s;
  Steer wish{spawn.ref, stop_by, stop_by};
  wish.keep_lease = true;
  host_->steer(wish);
  ASSERT_TRUE(exits());
  EXPECT_LT(BootClock::now(), stop_by);
  EXPECT_EQ(exited_[0].words, "the lease has run out");
  exited_.clear();
  spawn = server("stubborn", 2);
  spawn.lease_until = BootClock::now() + 60s;
  start_ready(spawn);
  wish = {spawn.ref, BootClock::now() + 500ms, BootClock::now() + 500ms, true};
  host_->steer(wish);
  EXPECT_EQ(exit_once().words, "killed by signal 9 (Killed)");
  EXPECT_FALSE(exited_[0].not_its_own);
}

TEST_F(ShimTest, OnlyWholeWishesOfTheAgentCount) {
  EXPECT_FALSE(wish_of("{}"));
  EXPECT_FALSE(wish_of(R"({"stop_by_ms":null})")) << "a lease that is not named would end";
  EXPECT_FALSE(wish_of(R"({"lease_until_ms":"1","stop_by_ms":null})"));
  EXPECT_FALSE(wish_of("nonsense"));
  EXPECT_TRUE(wish_of(R"({"lease_until_ms":null,"stop_by_ms":null,"more":1})"));
}

TEST_F(ShimTest, ASilentServerIsAborted) {
  Spawn spawn = server("dog");
  spawn.env["ORRERY_TEST_COUNT"] = "12";
  spawn.watchdog = 300ms;
  start_ready(spawn);
  pass(550ms);
  EXPECT_TRUE(exited_.empty()) << "it gave signs of life";
  const ProcessExited exited = exit_once();
  EXPECT_EQ(exited.signal, SIGABRT);
  EXPECT_EQ(exited.words, "no WATCHDOG=1 within 300 ms: killed by signal 6 (Aborted)");
  EXPECT_FALSE(exited.not_its_own);
}

// Catches a state that is cut in the middle of its JSON, and an exit lost by it.
TEST_F(ShimTest, AStateIsCutSoThatItFits) {
  const Fd fd(open((dir_ + "/state").c_str(), O_RDWR | O_CREAT, 0600));
  for (const char* letter : {"\xc3\xa9", "\xe2\x82\xac", "\xff", "\x80", "\"", "\n"}) {
    ShimState last;
    last.shim_pid = last.pid = 4194304;
    last.boot_id = std::string(36, 'b');
    last.phase = Phase::exited;
    last.exit_code = last.signal = -2147483647;
    last.status = std::string(300, '"');
    for (int i = 0; i < 5000; ++i) last.words += letter;
    ASSERT_TRUE(write_state(fd.get(), last));
    const auto read = read_state(fd.get());
    ASSERT_TRUE(read) << letter;
    EXPECT_EQ(read->exit_code, last.exit_code);
    EXPECT_GE(read->words.size(), 800u);
    const bool invalid = letter == std::string("\xff") || letter == std::string("\x80");
    EXPECT_EQ(read->words.find("\xef\xbf\xbd") != std::string::npos, invalid) << letter << " was cut in two";
  }
}

TEST_F(ShimTest, ACommandWithALongNameIsSaidToBeMissing) {
  Spawn spawn = server("plain");
  spawn.command.clear();
  for (int i = 0; i < 1010; ++i) spawn.command += "/\xc3\xa9x";
  host_->spawn(spawn);
  agent_goes();
  EXPECT_TRUE(ends_alone(spawn).words.starts_with("ENOENT: /\xc3\xa9x"));
}

// Logs

// A pipe that nobody reads is a disk that hangs. Catches a loop that waits for it: the server would stand still, its
// lease would not end it, and its shim would be killed for its silence.
TEST_F(ShimTest, ADiskThatHangsHoldsUpNeitherServerNorLease) {
  ASSERT_EQ(mkfifo(log_path().c_str(), 0600), 0);
  const Fd held(open(log_path().c_str(), O_RDWR | O_CLOEXEC));
  Spawn spawn = server("chatty");
  spawn.lease_until = BootClock::now() + 60s;
  start_ready(spawn);
  pass(8s);
  ASSERT_TRUE(exited_.empty()) << exited_[0].words;
  host_->steer({spawn.ref, BootClock::now() + 300ms, std::nullopt});
  const ProcessExited exited = exit_once();
  EXPECT_EQ(exited.words, "the lease has run out");
  EXPECT_EQ(exited.signal, SIGKILL);
}

TEST_F(ShimTest, WhatASlowDiskHasNoTimeForIsCountedAndSaid) {
  const std::string path = dir_ + "/log/slow";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  ShimDisk disk(path, std::uint64_t{1} << 30, 2, -1);
  ASSERT_TRUE(disk.start());
  const std::string block(1 << 20, 'x');
  for (int i = 0; i < 6; ++i) disk.log(block);
  std::string text;
  std::thread reader([&] {
    std::ifstream file(path);
    text = {std::istreambuf_iterator<char>(file), {}};
  });
  disk.finish(20s);
  reader.join();
  const std::string last = "\n[orrery-shim: 2097152 bytes were dropped here: the disk is too slow]\n";
  EXPECT_EQ(text.size(), log_queue_bytes_max + last.size());
  EXPECT_TRUE(text.ends_with(last)) << text.substr(text.size() - std::min<std::size_t>(text.size(), 200));
}

TEST_F(ShimTest, NoOldStateIsWrittenAfterTheLast) {
  const Fd fd(open((dir_ + "/state").c_str(), O_RDWR | O_CREAT, 0600));
  for (int i = 0; i < 200; ++i) {
    ShimDisk disk(dir_ + "/log/x", 1 << 20, 2, fd.get());
    ASSERT_TRUE(disk.start());
    ShimState state;
    disk.keep(state);
    state.phase = Phase::exited;
    EXPECT_TRUE(disk.keep_last(state));
    disk.finish(10s);
    ASSERT_EQ(read_state(fd.get())->phase, Phase::exited);
  }
}

TEST_F(ShimTest, ALogStaysWithinItsFiles) {
  Spawn spawn = server("printer");
  spawn.env["ORRERY_TEST_COUNT"] = "1000";
  spawn.log_bytes_max = 20050;
  spawn.log_files = 3;
  host_->spawn(spawn);
  EXPECT_EQ(exit_once().exit_code, 7);
  const auto size = [this](const std::string& end) { return std::filesystem::file_size(log_path() + end); };
  EXPECT_EQ(size(""), 20000u) << "files are cut at line ends";
  EXPECT_EQ(size(".1"), 20000u);
  EXPECT_EQ(size(".2"), 20000u);
  EXPECT_FALSE(std::filesystem::exists(log_path() + ".3"));
  EXPECT_TRUE(log().ends_with("999" + std::string(95, ' ') + "|\n"));
}

TEST_F(ShimTest, AServerThatPrintsWithoutEndIsNeitherBlockedNorKept) {
  Spawn spawn = server("flood");
  spawn.env["ORRERY_TEST_COUNT"] = "200";
  spawn.ready_limit = {};
  spawn.log_bytes_max = 1 << 20;
  spawn.log_files = 2;
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return !started_.empty(); }));
  while (exited_.empty()) {
    ASSERT_LE(log_bytes(), std::uint64_t{2} << 20);
    pass(20ms);
  }
  const ProcessExited exited = exit_once();
  EXPECT_EQ(exited.words, "exit status 7: the end");
}

// As the shim does it, but with a file size limit for a full disk.
TEST_F(ShimTest, WhatTheDiskDoesNotTakeIsCountedAndSaid) {
  const std::string path = dir_ + "/log/full.log";
  const auto content = [&path] {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  const auto full = [&](rlim_t bytes) {
    const rlimit now{bytes, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  };
  LogFile log(path, 1 << 20, 2);
  const Instant start = BootClock::now();
  full(10);
  log.write("12345\n7890abc\n", start);
  EXPECT_EQ(log.dropped_bytes(), 4u);
  log.write("dropped\n", start + 10ms);
  EXPECT_EQ(log.dropped_bytes(), 12u);
  log.write("too\n", start + 1100ms);
  EXPECT_EQ(log.dropped_bytes(), 16u) << "there is no room yet";
  full(before.rlim_cur);
  log.write("more\n", start + 1200ms);
  EXPECT_EQ(log.dropped_bytes(), 21u) << "not yet asked again";
  log.write("again\n", start + 2200ms);
  EXPECT_EQ(log.dropped_bytes(), 0u);
  EXPECT_EQ(content(), "12345\n7890\n[orrery-shim: 21 bytes were dropped here: File too large]\nagain\n");
  full(10);
  log.write("lost\n", start + 3s);
  full(before.rlim_cur);
  log.finish();
  EXPECT_TRUE(content().ends_with("[orrery-shim: 5 bytes were dropped here: File too large]\n"));
}

TEST_F(ShimTest, ALogThatWasRemovedIsMadeAnew) {
  LogFile log(dir_ + "/log/gone.log", 1 << 20, 2);
  log.write("one\n", BootClock::now());
  std::filesystem::remove(dir_ + "/log/gone.log");
  log.write("two\n", BootClock::now());
  EXPECT_EQ(std::filesystem::file_size(dir_ + "/log/gone.log"), 4u);
}

// A tiny file system of its own holds all of the agent's data.
TEST_F(ShimTest, AFullDiskLosesNoExitStatusAndBlocksNoServer) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to mount a file system";
  Spawn spawn = server("flood");
  spawn.env["ORRERY_TEST_COUNT"] = "20";
  spawn.log_bytes_max = 64 << 20;
  const Spawn second = server("plain", 2);
  agent_goes();
  // Another process, so that the mount is nobody else's.
  const pid_t agent = fork();
  if (agent == 0) {
    const bool mounted = unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         mount("orrery", dir_.c_str(), "tmpfs", 0, "size=2m,mode=0700") == 0;
    if (!mounted) _exit(77);
    std::ofstream(dir_ + "/dev.cred") << "host=/x user=dev\n";
    chmod((dir_ + "/dev.cred").c_str(), 0600);
    host_ = make_host(config());
    host_->spawn(spawn);
    if (!exits()) _exit(1);
    if (exited_[0].words != "exit status 7: the end" || exited_[0].exit_code != 7) _exit(2);
    if (log_bytes() > 2 << 20) _exit(3);
    if (state(spawn).phase != Phase::exited) _exit(4);
    host_->spawn(second);
    if (!until([this] { return !failed_.empty(); })) _exit(5);
    if (!failed_[0].error.starts_with("ENOSPC")) _exit(6);
    if (std::filesystem::exists(run_dir(second))) _exit(7);
    std::filesystem::remove(log_path());
    host_->spawn(second);  // the same start, once there is room
    if (!until([this] { return !ready_.empty(); })) _exit(8);
    stop(second, 10s);
    if (!until([this] { return exited_.size() == 2; })) _exit(9);
    _exit(0);
  }
  int status = 0;
  waitpid(agent, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "cannot mount here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Users

TEST_F(ShimTest, AClusterHasItsOwnUser) {
  const passwd* nobody = getpwnam("nobody");
  if (geteuid() != 0 || !nobody) GTEST_SKIP() << "needs root";
  const uid_t uid = nobody->pw_uid;
  ProcessHostConfig own = config();
  own.allow_root = false;
  own.users = {{"dev", "nobody"}};
  const auto closed = ProcessHost::make(base_.get(), own, {});
  ASSERT_FALSE(closed) << "nobody could not enter " << dir_;
  EXPECT_EQ(closed.error().hint, "chmod o+x " + dir_);
  chmod(dir_.c_str(), 0711);
  // Where the user can read it.
  std::filesystem::copy_file("/proc/self/exe", dir_ + "/toy");
  chmod((dir_ + "/toy").c_str(), 0755);
  host_.reset();
  host_ = make_host(own);
  Spawn shown = server("show");
  shown.command = dir_ + "/toy";
  const int pid = start_ready(shown);
  ASSERT_TRUE(until([&] { return log().find("\nuid") != std::string::npos; }));
  const std::string ids = std::to_string(uid) + " " + std::to_string(uid) + " gid " + std::to_string(nobody->pw_gid);
  EXPECT_NE(log().find("\nuid " + ids), std::string::npos) << log();
  EXPECT_NE(log().find("\ndeathsig 9"), std::string::npos) << "the change of user took it";
  EXPECT_TRUE(std::filesystem::exists(work_path() + "/made"));
  struct stat info {};
  stat((run_dir(shown) + "/plan").c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  kill(shim_pid(shown), SIGKILL);
  EXPECT_TRUE(exit_once().not_its_own);
  EXPECT_FALSE(is_alive(pid));
  Spawn heard = server("echo", 2);
  heard.command = dir_ + "/toy";
  start_ready(heard);
  host_->tell(heard.ref, "hello");
  ASSERT_TRUE(until([&] { return exited_.size() == 2; }));
  EXPECT_EQ(exited_[1].exit_code, 42) << "its socket is out of reach";
}

}  // namespace
}  // namespace orrery::agents
