// The real orrery-agentd and a real database: what it keeps of the database it obeys.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "orrery_database.h"

namespace orrery::contract {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

class AgentdPinTest : public testing::Test {
 protected:
  AgentdPinTest() {
    superuser();
    char path[] = "/tmp/orrery-ac-XXXXXX";
    dir_ = mkdtemp(path);
    data_ = dir_ + "/a";
    std::filesystem::create_directory(data_);
  }
  ~AgentdPinTest() override {
    stop();
    std::filesystem::remove_all(dir_);
  }
  // Its identity is that of its data directory, so each test has a name of its own.
  void start(const std::string& name) {
    pid_ = test::spawn({std::filesystem::read_symlink("/proc/self/exe").parent_path() / "orrery-agentd", "--name", name,
                        "--data-dir", data_, "--public-bind", "127.0.0.1", "--private-bind", "127.0.0.3", "--db",
                        "host=" + test::PrivatePostgres::get().dir() + " dbname=postgres user=test_agent"},
                       dir_ + "/log");
  }
  int stop() {
    if (pid_ == 0) return -1;
    kill(pid_, SIGTERM);
    return ended();
  }
  int ended() {
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string log() const {
    std::ostringstream text;
    text << std::ifstream(dir_ + "/log").rdbuf();
    return text.str();
  }
  bool says(const std::string& words) const {
    for (int tries = 0; tries < 1500; ++tries) {
      if (log().find(words) != std::string::npos) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  Json kept() const { return Json::parse(std::ifstream(data_ + "/database"), nullptr, false); }

  std::string dir_, data_;
  pid_t pid_ = 0;
};

// Catches an agent that obeys before it has noted whom, or that forgets it with its process.
TEST_F(AgentdPinTest, TheDatabaseThatIsObeyedIsNotedAndALaterOneOfThePastIsNot) {
  start("pin1");
  ASSERT_TRUE(says("registered as pin1")) << log();
  Json pinned = kept();
  ASSERT_TRUE(pinned.is_object()) << pinned;
  EXPECT_EQ(std::to_string(pinned["incarnation"].get<std::int64_t>()),
            superuser().value("select incarnation from orrery.incarnation"));
  EXPECT_EQ(stop(), 0);
  pinned["incarnation"] = pinned["incarnation"].get<std::int64_t>() + 1;
  std::ofstream(data_ + "/database") << pinned;
  std::filesystem::remove(dir_ + "/log");
  start("pin1");
  ASSERT_TRUE(says("this database is not obeyed")) << log();
  EXPECT_EQ(kept(), pinned);
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(log().find("registered as"), std::string::npos);
}

// Catches a full disk that makes an agent obey what it cannot note.
TEST_F(AgentdPinTest, ADatabaseThatCannotBeNotedIsNotObeyed) {
  std::filesystem::create_directory(data_ + "/database.new");
  start("pin2");
  EXPECT_EQ(ended(), 1);
  EXPECT_TRUE(says("servers go on, and the next agent tries again")) << log();
  EXPECT_EQ(superuser().value("select count(*) from orrery.agent_heartbeat b join orrery.agent a using (agent_id) "
                              "where a.name = 'pin2' and b.digest is not null"),
            "0")
      << "no heartbeat was sent";
}

}  // namespace
}  // namespace orrery::contract
