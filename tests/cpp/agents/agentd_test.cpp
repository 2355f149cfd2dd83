// The real orrery-agentd, without a database: options, its files, systemd, signals.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "agents/fd.h"
#include "pg_fixture.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

class AgentdTest : public testing::Test {
 protected:
  AgentdTest() {
    char path[] = "/tmp/orrery-ad-XXXXXX";
    dir_ = mkdtemp(path);
    data_ = dir_ + "/a";
  }
  ~AgentdTest() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC"}) unsetenv(name);
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove_all(dir_);
  }

  std::vector<std::string> command(const std::vector<std::string>& more) const {
    std::vector<std::string> words{std::filesystem::read_symlink("/proc/self/exe").parent_path() / "orrery-agentd",
                                   "--name",
                                   "a1",
                                   "--data-dir",
                                   data_,
                                   "--public-bind",
                                   "127.0.0.1",
                                   "--private-bind",
                                   "127.0.0.2",
                                   "--db",
                                   "host=/nonexistent dbname=none"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void start(const std::vector<std::string>& more = {}) { pid_ = test::spawn(command(more), dir_ + "/log"); }
  int run(const std::vector<std::string>& more = {}) { return test::run(command(more), dir_ + "/log"); }
  std::string log() const {
    std::ostringstream text;
    text << std::ifstream(dir_ + "/log").rdbuf();
    return text.str();
  }
  bool says(const std::string& words) {
    return until([&] { return log().find(words) != std::string::npos; });
  }
  static bool until(const std::function<bool()>& condition) {
    for (int tries = 0; tries < 1500; ++tries) {
      if (condition()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  // Its exit status; -1 when it does not end.
  int status() {
    int status = 0;
    if (!until([&] { return waitpid(pid_, &status, WNOHANG) == pid_; })) return -1;
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string dir_, data_;
  pid_t pid_ = 0;
};

// Catches a pin that is quietly dropped: the agent would obey whatever database comes first.
TEST_F(AgentdTest, AMalformedPinIsAnErrorWithAHintAndStaysAsItIs) {
  std::filesystem::create_directory(data_);
  std::ofstream(data_ + "/database") << "{\"incarnation\":";
  EXPECT_EQ(run(), 1);
  EXPECT_NE(log().find(data_ + "/database"), std::string::npos) << log();
  EXPECT_NE(log().find("restore the file"), std::string::npos) << log();
  std::string kept;
  std::getline(std::ifstream(data_ + "/database"), kept);
  EXPECT_EQ(kept, "{\"incarnation\":");
}

// Catches an agent that is root and would start servers as root.
TEST_F(AgentdTest, ServersAreNeverRoot) {
  std::ofstream(dir_ + "/cred") << "host=/x\n";
  std::filesystem::permissions(dir_ + "/cred", std::filesystem::perms::owner_read);
  const std::vector<std::string> cluster{"--cluster", "dev=" + dir_ + "/cred"};
  if (geteuid() == 0) {
    EXPECT_EQ(run(cluster), 2);
    EXPECT_NE(log().find("--cluster-user dev=USER"), std::string::npos) << log();
    EXPECT_NE(run({cluster[0], cluster[1], "--cluster-user", "dev=root"}), 0);
    EXPECT_NE(run({cluster[0], cluster[1], "--cluster-user", "dev=no-such-user"}), 0);
  } else {
    EXPECT_EQ(run({cluster[0], cluster[1], "--cluster-user", "dev=nobody"}), 2);
    EXPECT_NE(log().find("only root"), std::string::npos) << log();
  }
  EXPECT_EQ(run({"--cluster-user", "dev=nobody"}), 2) << "of a cluster that it does not have";
  EXPECT_EQ(run({"--cluster-user", "dev"}), 2);
  EXPECT_EQ(run({"--on-stop", "explode"}), 2);
}

TEST_F(AgentdTest, OneAgentADataDirectory) {
  start();
  ASSERT_TRUE(says("waiting for the database")) << log();
  const int second = test::run(command({}), dir_ + "/second");
  EXPECT_EQ(second, 1);
  EXPECT_TRUE(waitpid(pid_, nullptr, WNOHANG) == 0) << "the first goes on";
}

TEST_F(AgentdTest, SignalsHandOverOrDrain) {
  start();
  ASSERT_TRUE(says("waiting for the database")) << log();
  kill(pid_, SIGTERM);
  EXPECT_EQ(status(), 0);
  EXPECT_TRUE(says("hands over: 0 servers")) << log();
  start({"--on-stop", "drain"});
  ASSERT_TRUE(until([&] {
    const std::string text = log();
    return text.find("waiting for the database", text.find("hands over: 0")) != std::string::npos;
  })) << log();
  kill(pid_, SIGTERM);
  ASSERT_TRUE(says("draining: 0 servers"));
  kill(pid_, SIGINT);
  EXPECT_EQ(status(), 0);
  EXPECT_TRUE(says("told to stop again")) << log();
}

// Catches a unit that systemd kills as not started or hung, and a status that says nothing.
TEST_F(AgentdTest, SystemdIsTold) {
  const std::string path = dir_ + "/notify";
  const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  ASSERT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const timeval limit{0, 100'000};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  setenv("WATCHDOG_USEC", "600000", 1);
  std::string heard;
  const auto hears = [&](const std::string& words) {
    return until([&] {
      std::array<char, 512> bytes;
      const ssize_t size = recv(fd.get(), bytes.data(), bytes.size(), 0);
      if (size > 0) heard += std::string(bytes.data(), static_cast<std::size_t>(size)) + "\n";
      return heard.find(words) != std::string::npos;
    });
  };
  start();
  EXPECT_TRUE(hears("READY=1")) << log();
  EXPECT_TRUE(hears("WATCHDOG=1")) << heard;
  EXPECT_TRUE(hears("STATUS=the database is away")) << heard;
  kill(pid_, SIGTERM);
  EXPECT_TRUE(hears("STOPPING=1")) << heard;
  EXPECT_EQ(status(), 0);
}

// Catches a stranger's flood of the private port that holds up the agent or fills its log.
TEST_F(AgentdTest, StrangersOnThePrivatePortAreDropped) {
  start();
  ASSERT_TRUE(says("waiting for the database")) << log();
  std::ifstream table("/proc/net/udp");
  std::string line;
  int port = 0;
  while (std::getline(table, line)) {  // 127.0.0.2, as the kernel writes it
    if (const auto at = line.find("0200007F:"); at != std::string::npos)
      port = std::stoi(line.substr(at + 9, 4), nullptr, 16);
  }
  ASSERT_GT(port, 0);
  const Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(0x7f000002);
  const std::size_t before = log().size();
  for (int i = 0; i < 20000; ++i) {
    const std::string bytes = i % 3 == 0 ? "orrery-bell 1" : std::string(static_cast<std::size_t>(i % 1400), 'x');
    (void)sendto(fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  kill(pid_, SIGTERM);
  EXPECT_EQ(status(), 0);
  EXPECT_LT(log().size(), before + 1000) << log();
}

}  // namespace
}  // namespace orrery::agents
