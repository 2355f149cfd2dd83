// What a shim writes, its log and its state, on disks that are slow, full or hang.
#include "agents/shim_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "agents/log_file.h"
#include "shim_lab.h"

namespace orrery::agents {
namespace {

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

// Logs

// A pipe that nobody reads is a disk that hangs. Catches a loop that waits for it: the server would stand still, its
// lease would not end it, and its shim would be killed for its silence.
TEST_F(ShimTest, ADiskThatHangsHoldsUpNeitherServerNorLease) {
  ASSERT_EQ(mkfifo(log_path().c_str(), 0600), 0);
  const Fd held(open(log_path().c_str(), O_RDWR | O_CLOEXEC));
  Spawn spawn = server("chatty");
  spawn.lease_until = BootClock::now() + 60s;
  auto ended = end_of(start_ready(spawn));
  pass(8s);
  ASSERT_TRUE(exited_.empty()) << exited_[0].words;
  const Instant end = BootClock::now() + 300ms;
  host_->steer({spawn.ref, end, std::nullopt});
  const ProcessExited exited = exit_once();
  const Duration late = ended.get() - end;
  EXPECT_GE(late, -1ms);
  EXPECT_LT(late, 1s);
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
  spawn.env["ORRERY_TEST_COUNT"] = "500";
  spawn.log_bytes_max = 1 << 20;
  spawn.log_files = 2;
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return !started_.empty(); }));
  const Instant end = BootClock::now() + 60s;
  while (exited_.empty()) {
    ASSERT_LT(BootClock::now(), end);
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

}  // namespace
}  // namespace orrery::agents
