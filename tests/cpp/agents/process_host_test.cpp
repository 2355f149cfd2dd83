#include "agents/process_host.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "agents/durable_file.h"
#include "agents/files.h"
#include "agents/leftovers.h"
#include "agents/machine.h"
#include "agents/processes.h"
#include "toy_server.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

class ProcessHostTest : public HostTest {};

TEST_F(ProcessHostTest, ReadyThenStoppedThenForgotten) {
  const Spawn spawn = server("polite");
  const int pid = start_ready(spawn);
  ASSERT_EQ(started_.size(), 1u);
  EXPECT_EQ(started_[0].ref, spawn.ref);
  EXPECT_TRUE(is_alive(pid));
  stop(spawn, 10s);
  const ProcessExited exited = exit_once();
  EXPECT_EQ(exited.exit_code, 0);
  EXPECT_EQ(exited.words, "exit status 0");
  EXPECT_FALSE(exited.not_its_own);
  EXPECT_FALSE(is_alive(pid));
  EXPECT_TRUE(std::filesystem::exists(run_dir(spawn))) << "the database has not taken note";
  host_->forget(spawn.ref);
  EXPECT_FALSE(std::filesystem::exists(run_dir(spawn)));
  EXPECT_FALSE(std::filesystem::exists(work_path())) << "it ended well";
  EXPECT_TRUE(std::filesystem::exists(log_path()));
}

TEST_F(ProcessHostTest, WhatRunsIsNotForgotten) {
  const Spawn spawn = server("plain");
  const int pid = start_ready(spawn);
  host_->forget(spawn.ref);
  EXPECT_TRUE(std::filesystem::exists(run_dir(spawn)));
  EXPECT_TRUE(is_alive(pid));
}

TEST_F(ProcessHostTest, AWorkingDirectoryIsKeptAfterABadEndAndWhileTheNextStartUsesIt) {
  Spawn spawn = server("exit7");
  host_->spawn(spawn);
  ASSERT_TRUE(exits());
  std::ofstream(work_path() + "/core") << "what went wrong";
  host_->forget(spawn.ref);
  EXPECT_TRUE(std::filesystem::exists(work_path() + "/core"));
  spawn = server("polite");
  spawn.ref.epoch.value += 100;
  start_ready(spawn);
  Spawn next = server("plain");
  next.ref.epoch.value += 200;
  start_ready(next);
  exited_.clear();
  stop(spawn, 10s);
  ASSERT_TRUE(exits());
  host_->forget(spawn.ref);
  EXPECT_TRUE(std::filesystem::exists(work_path())) << "the next start of the server lost its working directory";
}

TEST_F(ProcessHostTest, OneThatNeverSaysReadyIsKilledAtItsDeadline) {
  Spawn spawn = server("mute");
  spawn.ready_limit = 300ms;
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return !started_.empty(); }));
  const Instant end = BootClock::now() + 300ms;  // or a little before
  auto ended = end_of(started_[0].pid);
  const ProcessExited exited = exit_once();
  EXPECT_LT(ended.get() - end, 1s);
  EXPECT_EQ(exited.words, "not READY within 300 ms");
  EXPECT_EQ(exited.signal, SIGKILL);
  EXPECT_FALSE(exited.not_its_own);
  EXPECT_TRUE(ready_.empty());
}

TEST_F(ProcessHostTest, OneThatIgnoresTerminationIsKilledWhenItsGraceEnds) {
  const Spawn spawn = server("stubborn");
  auto ended = end_of(start_ready(spawn));
  const Instant end = BootClock::now() + 400ms;
  stop(spawn, 400ms);
  pass(250ms);
  EXPECT_TRUE(exited_.empty());
  EXPECT_EQ(exit_once().words, "killed by signal 9 (Killed)");
  const Duration late = ended.get() - end;
  EXPECT_GE(late, -1ms);
  EXPECT_LT(late, 1s);
}

TEST_F(ProcessHostTest, AStopThatComesBeforeTheShimListensIsHeard) {
  const Spawn spawn = server("mute");
  host_->spawn(spawn);
  stop(spawn, 10s);
  EXPECT_EQ(exit_once().signal, SIGTERM);
}

TEST_F(ProcessHostTest, ExitsAreToldInWords) {
  const std::vector<std::tuple<std::string, int, std::string>> cases{
      {"exit0", 0, "exit status 0"},
      {"exit7", 7, "exit status 7"},
      {"last-words", 1, "exit status 1: no room for ?? here"},
      {"port-taken", 1, "exit status 1: cannot bind 192.0.2.1:7777: Address already in use"},
      {"binary", 1, "exit status 1: a?b??? " + std::string(293, '?')}};
  std::uint64_t id = 0;
  for (const auto& [what, code, words] : cases) {
    exited_.clear();
    host_->spawn(server(what, ++id));
    ASSERT_TRUE(exits()) << what;
    EXPECT_EQ(exited_[0].exit_code, code);
    EXPECT_EQ(exited_[0].words, words);
    EXPECT_EQ(started_.size(), id) << "an exit is of something that was started";
  }
}

TEST_F(ProcessHostTest, WhatIsMissingIsSaidInWords) {
  Spawn spawn = server("plain");
  const auto refused = [&](const std::string& command) {
    failed_.clear();
    spawn.command = command;
    spawn.ref.epoch.value += 1;
    host_->spawn(spawn);
    EXPECT_TRUE(failed_.empty()) << "handlers run from the loop only";
    EXPECT_TRUE(until([&] { return !failed_.empty(); }));
    return failed_.empty() ? "" : failed_[0].error;
  };
  EXPECT_EQ(refused("/nonexistent/server"), "ENOENT: /nonexistent/server: No such file or directory");
  const Spawn missing = spawn;
  EXPECT_TRUE(refused("orrery-no-such-program").starts_with("ENOENT: no executable 'orrery-no-such-program'"));
  EXPECT_EQ(refused(dir_ + "/dev.cred"), "EACCES: " + dir_ + "/dev.cred: Permission denied");
  EXPECT_TRUE(refused("../bin/sh").starts_with("ENOENT: ")) << "it would depend on where the agent stands";
  EXPECT_TRUE(refused("").starts_with("ENOENT: "));
  host_->forget(missing.ref);
  EXPECT_FALSE(std::filesystem::exists(run_dir(missing)));
  EXPECT_TRUE(started_.empty());
  EXPECT_TRUE(exited_.empty());
}

TEST_F(ProcessHostTest, ANameIsLookedUpInTheBinDirectoryThenInPath) {
  std::filesystem::create_directory(dir_ + "/bin");
  std::filesystem::create_symlink(std::filesystem::read_symlink("/proc/self/exe"), dir_ + "/bin/true");
  Spawn spawn = server("exit7");
  spawn.command = "true";
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return exited_.size() == 1; }));
  EXPECT_EQ(exited_[0].exit_code, 7) << "the system's true was taken";
  spawn = server("exit7", 2);
  spawn.command = "false";
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return exited_.size() == 2; }));
  EXPECT_EQ(exited_[1].exit_code, 1);
}

TEST_F(ProcessHostTest, NothingIsInheritedButWhatTheContractNames) {
  setenv("ORRERY_TEST_LEAK", "leak", 1);
  signal(SIGPIPE, SIG_IGN);
  const int leak = open("/dev/null", O_RDONLY);
  ASSERT_GE(fcntl(leak, F_DUPFD, 500), 500);
  Spawn spawn = server("show");
  spawn.limits = {{"nofile", 64}};
  start_ready(spawn);
  ASSERT_TRUE(until([&] { return log().find("\numask") != std::string::npos; }));
  const std::string text = log();
  const auto has = [&text](const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
  };
  EXPECT_TRUE(has("ORRERY_CLUSTER=dev")) << text;
  EXPECT_TRUE(has("ORRERY_SERVER_ID=1"));
  EXPECT_TRUE(has("ORRERY_EPOCH=4294967297"));
  EXPECT_TRUE(has("ORRERY_PUBLIC_BIND=127.0.0.1:20001"));
  EXPECT_TRUE(has(R"(secret {"conninfo":"host=/x user=dev","token":"feed"})"));
  for (int fd = 0; fd < 64; ++fd) EXPECT_EQ(has("fd " + std::to_string(fd)), fd <= 3) << fd << "\n" << text;
  EXPECT_FALSE(has("fd 500"));
  EXPECT_FALSE(has("ORRERY_TEST_LEAK=leak"));
  for (const char* line : {"leader 1", "sigpipe 1", "blocked 0", "deathsig 9", "umask 27", "core 0", "nofile 64"}) {
    EXPECT_TRUE(has(line)) << line << "\n" << text;
  }
  EXPECT_TRUE(has("cwd " + work_path()));
  std::ifstream plan(run_dir(spawn) + "/plan");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(plan), {}).find("feed"), std::string::npos)
      << "a secret on disk";
  struct stat info {};
  stat(run_dir(spawn).c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

// Catches a game server that is none of ours with the cluster's login in its hands.
TEST_F(ProcessHostTest, WhoHasNoBusinessInTheDatabaseIsGivenNoWayIn) {
  Spawn spawn = server("show");
  spawn.database = false;
  start_ready(spawn);
  ASSERT_TRUE(until([&] { return log().find("\numask") != std::string::npos; }));
  const std::string text = log();
  for (const char* word : {"ORRERY_CREDENTIAL_FD", "feed", "user=dev", "fd 3\n"}) {
    EXPECT_EQ(text.find(word), std::string::npos) << word << "\n" << text;
  }
  EXPECT_NE(text.find("HOME=" + work_path() + "\n"), std::string::npos) << text;
}

TEST_F(ProcessHostTest, ALimitThatIsNoneIsRefused) {
  Spawn spawn = server("plain");
  spawn.limits = {{"nofiles", 64}};
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return !failed_.empty(); }));
  EXPECT_EQ(failed_[0].error, "EINVAL: no such limit: nofiles");
}

TEST_F(ProcessHostTest, WhatAServerLeavesBehindIsKilled) {
  for (const char* what : {"parent", "daemons"}) {
    Spawn spawn = server(what);
    spawn.ref.epoch.value += strlen(what);
    exited_.clear();
    start_ready(spawn);
    ASSERT_TRUE(until([&] { return servers_in(dir_).size() == 2; })) << what;
    stop(spawn, 10s);
    ASSERT_TRUE(exits());
    EXPECT_TRUE(servers_in(dir_).empty()) << what;
    EXPECT_EQ(exited_[0].signal, SIGTERM);
  }
}

TEST_F(ProcessHostTest, OneThatGoesIntoTheBackgroundIsToldToStay) {
  host_->spawn(server("background"));
  const ProcessExited exited = exit_once();
  EXPECT_EQ(exited.exit_code, 0);
  EXPECT_NE(exited.words.find("gone into the background"), std::string::npos) << exited.words;
  EXPECT_NE(exited.words.find("must stay in the foreground"), std::string::npos);
  EXPECT_TRUE(servers_in(dir_).empty());
}

TEST_F(ProcessHostTest, DatagramsReachTheServer) {
  const Spawn spawn = server("echo");
  start_ready(spawn);
  host_->tell(spawn.ref, "hello");
  EXPECT_EQ(exit_once().exit_code, 42);
}

TEST_F(ProcessHostTest, ReadyOfAStrangerIsNotBelievedAndOfADescendantIs) {
  const Spawn spawn = server("mute");
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return !started_.empty(); }));
  const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (run_dir(spawn) + "/notify").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(sendto(fd, "READY=1", 7, 0, reinterpret_cast<sockaddr*>(&address), sizeof address), 7);
  close(fd);
  pass(300ms);
  EXPECT_TRUE(ready_.empty());
  start_ready(server("child-ready", 2));
  EXPECT_TRUE(until([&] {
    std::ifstream file(work_path(2) + "/barrier");
    return std::string(std::istreambuf_iterator<char>(file), {}) == "closed";
  })) << "systemd-notify would wait for ever";
}

TEST_F(ProcessHostTest, ACredentialOpenToOthersOrMissingIsRefused) {
  chmod((dir_ + "/dev.cred").c_str(), 0644);
  host_->spawn(server("plain"));
  Spawn spawn = server("plain", 2);
  spawn.cluster = "staging";
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return failed_.size() == 2; }));
  EXPECT_NE(failed_[0].error.find("is open to others"), std::string::npos);
  EXPECT_NE(failed_[1].error.find("no credential of cluster staging"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(run_dir(spawn)));
}

TEST_F(ProcessHostTest, RootStartsNoServerAsRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ProcessHostConfig strict = config();
  strict.allow_root = false;
  host_ = make_host(strict);
  host_->spawn(server("plain"));
  ASSERT_TRUE(until([&] { return !failed_.empty(); }));
  EXPECT_TRUE(failed_[0].error.starts_with("EPERM: ")) << failed_[0].error;
  strict.users = {{"dev", "root"}};
  EXPECT_FALSE(ProcessHost::make(base_.get(), strict, {}));
  strict.users = {{"dev", "no-such-user"}};
  EXPECT_FALSE(ProcessHost::make(base_.get(), strict, {}));
}

TEST_F(ProcessHostTest, APathTooLongForSocketsIsRefusedClearly) {
  ProcessHostConfig long_one = config();
  long_one.data_dir = dir_ + "/" + std::string(80, 'x');
  const auto made = ProcessHost::make(base_.get(), long_one, {});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("107"), std::string::npos) << made.error().message;
}

TEST_F(ProcessHostTest, TheSameStartTwiceIsOneProcess) {
  const Spawn spawn = server("plain");
  const int pid = start_ready(spawn);
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return started_.size() == 2; }));
  EXPECT_EQ(started_[1].pid, pid);
  agent_goes();
  host_ = make_host(config());  // one that adopts nothing before it is told to start
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return started_.size() == 3; }));
  EXPECT_EQ(started_[2].pid, pid);
  EXPECT_EQ(servers_in(dir_).size(), 1u);
  stop(spawn, 10s);
  ASSERT_TRUE(exits());
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return exited_.size() == 2; }));
  EXPECT_EQ(exited_[1].signal, SIGTERM);
  agent_goes();
  host_ = make_host(config());
  host_->spawn(spawn);
  ASSERT_TRUE(until([&] { return exited_.size() == 3; }));
  EXPECT_EQ(exited_[2].signal, SIGTERM);
  EXPECT_TRUE(servers_in(dir_).empty());
}

TEST_F(ProcessHostTest, OldLogsAndWorkingDirectoriesAreRemovedUnlessTheirServerLives) {
  const Spawn spawn = server("plain");
  start_ready(spawn);
  const auto ago = [](int days) {
    return std::filesystem::file_time_type::clock::now() - std::chrono::hours{24 * days};
  };
  for (const char* name : {"/log/old.log", "/log/old.log.1", "/log/young.log"}) std::ofstream(dir_ + name) << "x";
  for (const char* name : {"/work/old", "/work/touched"}) {
    std::filesystem::create_directory(dir_ + name);
    std::ofstream(dir_ + name + "/file") << "x";
    std::filesystem::last_write_time(dir_ + name + "/file", ago(8));
  }
  std::filesystem::last_write_time(dir_ + "/work/touched/file", ago(6));
  for (const char* name : {"/log/old.log", "/log/old.log.1", "/work/old", "/work/touched"}) {
    std::filesystem::last_write_time(dir_ + name, ago(8));
  }
  std::filesystem::last_write_time(work_path(), ago(8));
  std::filesystem::last_write_time(log_path(), ago(8));
  const auto there = [this](const char* name) { return std::filesystem::exists(dir_ + name); };
  agent_returns();
  pass(2500ms);
  EXPECT_TRUE(there("/log/old.log") && there("/work/old")) << "perhaps it is the clock that was changed";
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::ofstream(dir_ + "/tidied") << Json{{"since_s", now - 8 * 86400}, {"last_s", now - 3600}};
  agent_returns();
  EXPECT_TRUE(until([&] { return !there("/log/old.log") && !there("/log/old.log.1") && !there("/work/old"); }));
  EXPECT_TRUE(there("/log/young.log"));
  EXPECT_TRUE(there("/work/touched"));
  EXPECT_TRUE(std::filesystem::exists(work_path()));
  EXPECT_TRUE(std::filesystem::exists(log_path()));
}

// Catches files that are taken for old because the clock was set forward.
TEST_F(ProcessHostTest, AClockIsKnownOnceItWentOnForLongEnough) {
  const std::string path = dir_ + "/tidied";
  const std::int64_t hour = 3600, day = 24 * hour, week = 7 * day;
  std::int64_t now = 1'800'000'000;
  const auto known = [&](std::int64_t seconds) { return *is_clock_known(path, now += seconds, week); };
  const auto known_after_a_week = [&] {
    for (int i = 0; i < 7 * 24 - 1; ++i) EXPECT_FALSE(known(hour)) << i;
    return known(hour);
  };
  EXPECT_FALSE(known(0));
  EXPECT_TRUE(known_after_a_week());
  EXPECT_TRUE(known(day));
  EXPECT_FALSE(known(30 * day));
  EXPECT_TRUE(known_after_a_week());
  EXPECT_FALSE(known(-hour));
  EXPECT_TRUE(known_after_a_week());
  std::ofstream(path) << "nonsense";
  EXPECT_FALSE(known(hour));
  EXPECT_TRUE(known_after_a_week());
}

// Catches a server's many files that hold up the agent, and what stays of them for ever when it ends meanwhile.
TEST_F(ProcessHostTest, ManyFilesAreRemovedByTheWay) {
  const Spawn spawn = server("polite");
  start_ready(spawn);
  stop(spawn, 10s);
  exit_once();
  for (int i = 0; i < 20000; ++i) {
    close(open((work_path() + "/" + std::to_string(i)).c_str(), O_CREAT | O_WRONLY, 0600));
  }
  std::filesystem::create_directories(dir_ + "/work/.removed-before/it/ended");
  const auto used = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
  };
  const auto before = used();
  host_->forget(spawn.ref);
  EXPECT_LT(used() - before, 10ms) << "it walked the tree itself";
  EXPECT_FALSE(std::filesystem::exists(work_path()));
  EXPECT_TRUE(until([&] { return std::filesystem::is_empty(dir_ + "/work"); }));
}

// The names of limits stand in three places.
TEST_F(ProcessHostTest, LimitsAreTheSameInTheContractInSqlAndHere) {
  const std::string root = ORRERY_SOURCE_DIR;
  const auto names_in = [&](const std::string& file, const std::string& from, const std::string& to, char quote) {
    const std::string text = *read_file(root + file);
    const auto begin = text.find(from);
    EXPECT_NE(begin, std::string::npos) << file;
    const std::string part = text.substr(begin + from.size(), text.find(to, begin) - begin - from.size());
    std::set<std::string> names;
    const std::regex quoted(std::string(1, quote) + "([a-z_]+)" + quote);
    for (std::sregex_iterator it(part.begin(), part.end(), quoted), end; it != end; ++it) names.insert((*it)[1]);
    return names;
  };
  std::set<std::string> ours;
  for (const auto& [name, resource] : limits()) ours.insert(name);
  EXPECT_EQ(names_in("/docs/control.md", "`limits` are rlimits by name:", ". A command", '`'), ours);
  EXPECT_EQ(names_in("/sql/functions/server_kind_with.sql", "c_limits constant text[] := array[", "];", '\''), ours);
}

// Catches "Success" as the reason when the system took a part only.
TEST_F(ProcessHostTest, WhatIsNotWrittenWholeIsAnErrorThatSaysWhy) {
  const std::string path = dir_ + "/kept";
  ASSERT_TRUE(write_durably(path, "before"));
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit small{10, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const Status written = write_durably(path, std::string(20, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, "EFBIG");
  EXPECT_EQ(*read_file(path), "before");
}

TEST_F(ProcessHostTest, TheIdentityIsMadeOnceAndTheLockIsHeldByOne) {
  const auto first = load_identity(dir_ + "/identity");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->size(), 64u);
  EXPECT_EQ(*load_identity(dir_ + "/identity"), *first);
  struct stat info {};
  stat((dir_ + "/identity").c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_TRUE(hold_lock(dir_ + "/lock"));
  EXPECT_FALSE(hold_lock(dir_ + "/lock"));
}

TEST_F(ProcessHostTest, AnIdentityThatCannotBeReadIsNotReplaced) {
  const std::string path = dir_ + "/identity";
  const auto refused = [&path] {
    const auto identity = load_identity(path);
    ASSERT_FALSE(identity);
    EXPECT_NE(identity.error().hint.find("restore the file from a backup"), std::string::npos);
  };
  for (const std::string& text : {std::string(), std::string("\n"), std::string(63, 'a'), std::string(65, 'a'),
                                  std::string(64, 'x'), std::string(64, 'a') + " b"}) {
    std::ofstream(path) << text;
    refused();
    std::ifstream kept(path);
    EXPECT_EQ((std::string{std::istreambuf_iterator<char>(kept), {}}), text);
  }
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  refused();
  std::filesystem::remove(path);
  std::filesystem::create_symlink(path, path);
  refused();
  EXPECT_TRUE(std::filesystem::is_symlink(path));
}

}  // namespace
}  // namespace orrery::agents
