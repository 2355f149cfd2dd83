// A shim that is hurt, and users of their own.
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "agents/processes.h"
#include "agents/run_dir.h"
#include "shim_lab.h"

namespace orrery::agents {
namespace {

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

// What it says

TEST_F(ShimTest, ACommandWithALongNameIsSaidToBeMissing) {
  Spawn spawn = server("plain");
  spawn.command.clear();
  for (int i = 0; i < 1010; ++i) spawn.command += "/\xc3\xa9x";
  host_->spawn(spawn);
  agent_goes();
  EXPECT_TRUE(ends_alone(spawn).words.starts_with("ENOENT: /\xc3\xa9x"));
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
