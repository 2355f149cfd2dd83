#include "agents/process_host.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fstream>
#include <sstream>

#include "agents/machine.h"
#include "pg_fixture.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

// The servers under test are this program itself, told by ORRERY_TEST_SERVER what to be.
void say(const std::string& what) {
  const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, getenv("NOTIFY_SOCKET"), sizeof address.sun_path - 1);
  sendto(fd, what.data(), what.size(), 0, reinterpret_cast<sockaddr*>(&address), sizeof address);
}

[[noreturn]] void be(const std::string& what) {
  if (what == "exit7") _exit(7);
  if (what == "port-taken") {
    say("STATUS=cannot bind 192.0.2.1:7777: Address already in use");
    _exit(1);
  }
  if (what == "binary") {
    say(std::string("STATUS=a\0b\x01\x7f\xff ", 14) + std::string(600, '\xc3') + "\nSTATUS=no\n");
    _exit(1);
  }
  if (what == "stubborn") signal(SIGTERM, SIG_IGN);
  if (what == "parent") {  // leaves a child of its own behind
    if (fork() == 0) pause();
  }
  if (what == "show") {
    std::ostringstream out;
    for (char** word = environ; *word; ++word) out << *word << "\n";
    char secret[4096];
    const ssize_t size = read(atoi(getenv("ORRERY_CREDENTIAL_FD")), secret, sizeof secret);
    out << "secret " << std::string(secret, static_cast<std::size_t>(std::max<ssize_t>(0, size))) << "\n";
    for (int fd = 0; fd < 1024; ++fd) {
      if (fcntl(fd, F_GETFD) >= 0) out << "fd " << fd << "\n";
    }
    out << "leader " << (getsid(0) == getpid()) << "\ncwd " << std::filesystem::current_path().string() << "\n";
    struct sigaction pipe {};
    sigaction(SIGPIPE, nullptr, &pipe);
    out << "sigpipe " << (pipe.sa_handler == SIG_DFL) << "\n";
    const std::string text = out.str();
    if (write(1, text.data(), text.size()) < 0) _exit(1);
  }
  int server = -1;
  if (what == "echo") {
    server = socket(AF_UNIX, SOCK_DGRAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, getenv("ORRERY_SERVER_SOCKET"), sizeof address.sun_path - 1);
    if (bind(server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) _exit(1);
  }
  if (what != "mute") say("READY=1\nSTATUS=well");
  if (what == "echo") {
    char text[256];
    const ssize_t size = recv(server, text, sizeof text, 0);
    _exit(size == 5 && std::string(text, 5) == "hello" ? 42 : 1);
  }
  for (;;) pause();
}

const bool is_server = [] {
  if (const char* what = getenv("ORRERY_TEST_SERVER")) be(what);
  return false;
}();

class ProcessHostTest : public testing::Test {
 protected:
  ProcessHostTest() : base_(event_base_new(), event_base_free) {
    char path[] = "/tmp/orrery-host-XXXXXX";
    dir_ = mkdtemp(path);
    std::ofstream(dir_ + "/dev.cred") << "host=/x user=dev\n";
    chmod((dir_ + "/dev.cred").c_str(), 0600);
    make();
  }
  ~ProcessHostTest() override {
    host_.reset();
    std::filesystem::remove_all(dir_);
  }
  void make() {
    auto made = ProcessHost::make(base_.get(), {dir_, dir_ + "/bin", {{"dev", dir_ + "/dev.cred"}}},
                                  {[this](ServerRef ref) { ready_.push_back(ref); },
                                   [this](const ProcessExited& exited) { exited_.push_back(exited); }});
    ASSERT_TRUE(made) << made.error().message;
    host_ = std::move(*made);
  }
  Spawn server(const std::string& what, std::uint64_t id = 1) const {
    Spawn spawn;
    spawn.ref = {ServerId{id}, Epoch{4294967296 + id}};
    spawn.cluster = "dev";
    spawn.kind = "toy";
    spawn.key = "../a b";
    spawn.token = "feed";
    spawn.command = std::filesystem::read_symlink("/proc/self/exe");
    spawn.env = {{"ORRERY_TEST_SERVER", what}};
    spawn.public_bind = *Address::parse("127.0.0.1", 20001);
    return spawn;
  }
  bool until(const std::function<bool()>& condition) { return test::run_until(base_.get(), condition, 10s); }
  static bool alive(int pid) { return kill(pid, 0) == 0; }

  std::unique_ptr<event_base, void (*)(event_base*)> base_;
  std::string dir_;
  std::vector<ServerRef> ready_;
  std::vector<ProcessExited> exited_;
  std::unique_ptr<ProcessHost> host_;
};

TEST_F(ProcessHostTest, ReadyThenTerminated) {
  const Spawn spawn = server("plain");
  const auto pid = host_->spawn(spawn);
  ASSERT_TRUE(pid) << pid.error().message;
  ASSERT_TRUE(until([&] { return !ready_.empty(); }));
  EXPECT_EQ(ready_[0], spawn.ref);
  host_->signal(spawn.ref, false);
  ASSERT_TRUE(until([&] { return !exited_.empty(); }));
  EXPECT_EQ(exited_[0].signal, SIGTERM);
  EXPECT_EQ(exited_[0].words, "killed by signal 15 (Terminated)");
  EXPECT_FALSE(alive(*pid));
  EXPECT_TRUE(std::filesystem::is_empty(dir_ + "/run") ||
              std::distance(std::filesystem::directory_iterator(dir_ + "/run"), {}) == 1)
      << "only the agent's own socket stays";
}

TEST_F(ProcessHostTest, OneThatNeverSaysReadyIsNotReady) {
  ASSERT_TRUE(host_->spawn(server("mute")));
  EXPECT_FALSE(test::run_until(
      base_.get(), [&] { return !ready_.empty() || !exited_.empty(); }, 300ms));
}

TEST_F(ProcessHostTest, OneThatIgnoresTerminationIsKilled) {
  const Spawn spawn = server("stubborn");
  ASSERT_TRUE(host_->spawn(spawn));
  ASSERT_TRUE(until([&] { return !ready_.empty(); }));
  host_->signal(spawn.ref, false);
  EXPECT_FALSE(test::run_until(
      base_.get(), [&] { return !exited_.empty(); }, 300ms));
  host_->signal(spawn.ref, true);
  ASSERT_TRUE(until([&] { return !exited_.empty(); }));
  EXPECT_EQ(exited_[0].signal, SIGKILL);
}

TEST_F(ProcessHostTest, ExitStatusIsTold) {
  ASSERT_TRUE(host_->spawn(server("exit7")));
  ASSERT_TRUE(until([&] { return !exited_.empty(); }));
  EXPECT_EQ(exited_[0].exit_code, 7);
  EXPECT_EQ(exited_[0].words, "exit status 7");
}

TEST_F(ProcessHostTest, AnExitThatIsNotCleanHasTheServersOwnWords) {
  ASSERT_TRUE(host_->spawn(server("port-taken")));
  ASSERT_TRUE(until([&] { return !exited_.empty(); }));
  EXPECT_EQ(exited_[0].words, "exit status 1: cannot bind 192.0.2.1:7777: Address already in use");
}

TEST_F(ProcessHostTest, TheServersWordsAreMadePrintable) {
  ASSERT_TRUE(host_->spawn(server("binary")));
  ASSERT_TRUE(until([&] { return !exited_.empty(); }));
  EXPECT_EQ(exited_[0].words, "exit status 1: a?b??? " + std::string(293, '?'));
}

TEST_F(ProcessHostTest, WhatIsMissingIsSaidInWords) {
  Spawn spawn = server("plain");
  spawn.command = "/nonexistent/server";
  const auto path = host_->spawn(spawn);
  ASSERT_FALSE(path);
  EXPECT_TRUE(path.error().message.starts_with("ENOENT: ")) << path.error().message;
  spawn.command = "orrery-no-such-program";
  EXPECT_TRUE(host_->spawn(spawn).error().message.starts_with("ENOENT: "));
  spawn.command = dir_ + "/dev.cred";
  EXPECT_TRUE(host_->spawn(spawn).error().message.starts_with("EACCES: "));
  spawn.command = "../bin/sh";
  EXPECT_FALSE(host_->spawn(spawn)) << "a relative path depends on where the agent stands";
}

TEST_F(ProcessHostTest, ANameIsLookedUpInTheBinDirectoryThenInPath) {
  std::filesystem::create_directory(dir_ + "/bin");
  std::filesystem::create_symlink(std::filesystem::read_symlink("/proc/self/exe"), dir_ + "/bin/true");
  Spawn spawn = server("exit7");
  spawn.command = "true";
  ASSERT_TRUE(host_->spawn(spawn));
  ASSERT_TRUE(until([&] { return exited_.size() == 1; }));
  EXPECT_EQ(exited_[0].exit_code, 7) << "the system's true was taken";
  spawn = server("exit7", 2);
  spawn.command = "false";
  ASSERT_TRUE(host_->spawn(spawn));
  ASSERT_TRUE(until([&] { return exited_.size() == 2; }));
  EXPECT_EQ(exited_[1].exit_code, 1);
}

TEST_F(ProcessHostTest, NothingIsInheritedButWhatTheContractNames) {
  setenv("ORRERY_TEST_LEAK", "leak", 1);
  signal(SIGPIPE, SIG_IGN);
  const int leak = open("/dev/null", O_RDONLY);
  ASSERT_GE(fcntl(leak, F_DUPFD, 500), 500);
  ASSERT_TRUE(host_->spawn(server("show")));
  ASSERT_TRUE(until([&] { return !ready_.empty(); }));
  const std::string log_path = dir_ + "/log/dev-toy-.._a_b-1.log";
  std::ifstream log(log_path);
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  const auto has = [&text](const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
  };
  EXPECT_TRUE(has("ORRERY_CLUSTER=dev")) << text;
  EXPECT_TRUE(has("ORRERY_SERVER_ID=1"));
  EXPECT_TRUE(has("ORRERY_EPOCH=4294967297"));
  EXPECT_TRUE(has("ORRERY_PUBLIC_BIND=127.0.0.1:20001"));
  EXPECT_TRUE(has(R"(secret {"conninfo":"host=/x user=dev","token":"feed"})"));
  EXPECT_TRUE(has("fd 3"));
  EXPECT_FALSE(has("fd 5"));
  EXPECT_FALSE(has("fd 500"));
  EXPECT_FALSE(has("ORRERY_TEST_LEAK=leak"));
  EXPECT_TRUE(has("leader 1"));
  EXPECT_TRUE(has("sigpipe 1"));
  EXPECT_TRUE(has("cwd " + dir_ + "/work/dev-toy-.._a_b-1"));
}

TEST_F(ProcessHostTest, AKillReachesTheWholeGroupAndSoDoesAnExit) {
  const Spawn spawn = server("parent");
  const auto pid = host_->spawn(spawn);
  ASSERT_TRUE(pid);
  ASSERT_TRUE(until([&] { return !ready_.empty(); }));
  host_->signal(spawn.ref, false);
  ASSERT_TRUE(until([&] { return !exited_.empty(); }));
  EXPECT_TRUE(until([&] { return kill(-*pid, 0) != 0; })) << "its child outlived it";
}

TEST_F(ProcessHostTest, AServerEndsWithItsAgentHoweverThatEnds) {
  int told[2];
  ASSERT_EQ(pipe(told), 0);
  const pid_t agent = fork();
  if (agent == 0) {
    std::filesystem::create_directory(dir_ + "/other");
    const auto own = ProcessHost::make(event_base_new(), {dir_ + "/other", "", {{"dev", dir_ + "/dev.cred"}}}, {});
    const auto pid = own ? (*own)->spawn(server("stubborn")) : Result<int>(own.error());
    const int number = pid ? *pid : 0;
    if (write(told[1], &number, sizeof number) < 0) _exit(1);
    for (;;) pause();
  }
  int pid = 0;
  ASSERT_EQ(read(told[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ASSERT_GT(pid, 0);
  ASSERT_TRUE(alive(pid));
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  EXPECT_TRUE(until([&] { return !alive(pid); }));
}

TEST_F(ProcessHostTest, DatagramsReachTheServer) {
  const Spawn spawn = server("echo");
  ASSERT_TRUE(host_->spawn(spawn));
  ASSERT_TRUE(until([&] { return !ready_.empty(); }));
  host_->tell(spawn.ref, "hello");
  ASSERT_TRUE(until([&] { return !exited_.empty(); }));
  EXPECT_EQ(exited_[0].exit_code, 42);
}

TEST_F(ProcessHostTest, ReadyOfAStrangerIsNotBelieved) {
  const Spawn spawn = server("mute");
  ASSERT_TRUE(host_->spawn(spawn));
  const std::string path = dir_ + "/run/n1.1";
  ASSERT_TRUE(std::filesystem::exists(path));
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  say("READY=1");  // as the test program, not the server
  unsetenv("NOTIFY_SOCKET");
  EXPECT_FALSE(test::run_until(
      base_.get(), [&] { return !ready_.empty(); }, 300ms));
}

TEST_F(ProcessHostTest, ACredentialOpenToOthersOrMissingIsRefused) {
  chmod((dir_ + "/dev.cred").c_str(), 0644);
  EXPECT_FALSE(host_->spawn(server("plain")));
  Spawn spawn = server("plain");
  spawn.cluster = "staging";
  EXPECT_NE(host_->spawn(spawn).error().message.find("no credential of cluster staging"), std::string::npos);
}

TEST_F(ProcessHostTest, APathTooLongForSocketsIsRefusedClearly) {
  const auto made = ProcessHost::make(base_.get(), {dir_ + "/" + std::string(80, 'x'), "", {}}, {});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("107"), std::string::npos) << made.error().message;
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
