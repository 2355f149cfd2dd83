#include "agents/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>

#include "agents/fd.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

// The socket that systemd would listen on.
class ServiceManagerTest : public testing::Test {
 protected:
  ServiceManagerTest() {
    char path[] = "/tmp/orrery-sd-XXXXXX";
    dir_ = mkdtemp(path);
    fd_ = Fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, (dir_ + "/notify").c_str());
    bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
  }
  ~ServiceManagerTest() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) unsetenv(name);
    std::filesystem::remove_all(dir_);
  }
  std::string heard() {
    std::array<char, 512> bytes;
    const ssize_t size = recv(fd_.get(), bytes.data(), bytes.size(), 0);
    return size < 0 ? "" : std::string(bytes.data(), static_cast<std::size_t>(size));
  }

  std::string dir_;
  Fd fd_{-1};
};

TEST_F(ServiceManagerTest, TellsAndTellsAStatusOnce) {
  ServiceManager manager;
  manager.tell("READY=1");
  EXPECT_EQ(heard(), "READY=1");
  manager.tell_status("agent 7\n2 servers");
  EXPECT_EQ(heard(), "STATUS=agent 7?2 servers") << "a line break would begin another assignment";
  manager.tell_status("agent 7\n2 servers");
  EXPECT_EQ(heard(), "") << "told only when it changes";
  manager.tell_status("another");
  EXPECT_EQ(heard(), "STATUS=another");
}

// Catches servers that speak to systemd in the agent's name, which with NotifyAccess=all would end the unit.
TEST_F(ServiceManagerTest, ChildrenDoNotInheritIt) {
  setenv("WATCHDOG_USEC", "3000000", 1);
  const ServiceManager manager;
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) EXPECT_EQ(getenv(name), nullptr);
  EXPECT_EQ(manager.watchdog_every(), 1s) << "in time though one be late";
}

TEST_F(ServiceManagerTest, AWatchdogOfAnotherProcessOrNoneIsNone) {
  setenv("WATCHDOG_USEC", "3000000", 1);
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(ServiceManager().watchdog_every());
  for (const char* odd : {"", "0", "-5", "x"}) {
    setenv("WATCHDOG_USEC", odd, 1);
    EXPECT_FALSE(ServiceManager().watchdog_every()) << odd;
  }
}

TEST_F(ServiceManagerTest, NobodyThereIsNoHarm) {
  unsetenv("NOTIFY_SOCKET");
  ServiceManager().tell("READY=1");
  setenv("NOTIFY_SOCKET", (dir_ + "/nobody").c_str(), 1);
  ServiceManager().tell("READY=1");
  setenv("NOTIFY_SOCKET", std::string(500, 'x').c_str(), 1);
  ServiceManager().tell("READY=1");
  EXPECT_EQ(heard(), "");
}

}  // namespace
}  // namespace orrery::agents
