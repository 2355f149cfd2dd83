// What a command line comes to.
#include "bots/options.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

namespace orrery::bots::testing {

namespace {

const std::string key(64, 'a');

class OptionsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/bots_options.XXXXXX";
    const int fd = ::mkstemp(path);
    ASSERT_GE(fd, 0);
    ::close(fd);
    password_file_ = path;
    std::ofstream(password_file_) << "secret\n";
  }
  void TearDown() override { ::unlink(password_file_.c_str()); }

  std::variant<Options, int> parse(const std::string& connect, std::vector<std::string> more) {
    std::vector<std::string> words{"orrery-bots", "--connect", connect, "--password-file", password_file_};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    return parse_options(static_cast<int>(argv.size()), argv.data());
  }

  std::string password_file_;
};

}  // namespace

TEST_F(OptionsTest, AllPlayUnlessItIsSaidHowMany) {
  const auto all = parse("dev@127.0.0.1:7777#" + key, {"--count", "30"});
  ASSERT_TRUE(std::holds_alternative<Options>(all));
  EXPECT_EQ(std::get<Options>(all).playing, 30u);
  EXPECT_TRUE(std::get<Options>(all).behaviours.wander);
  EXPECT_FALSE(std::get<Options>(all).behaviours.mine);
  const auto some = parse("dev@127.0.0.1:7777#" + key, {"--count", "30", "--playing", "0"});
  ASSERT_TRUE(std::holds_alternative<Options>(some));
  EXPECT_EQ(std::get<Options>(some).playing, 0u);
}

// A network elsewhere drops what comes from 127.0.0.0/8: the bots would wait for answers in vain.
TEST_F(OptionsTest, MultiplexNeedsTheLoopback) {
  EXPECT_TRUE(std::holds_alternative<Options>(parse("dev@127.5.0.1:7777#" + key, {"--multiplex"})));
  EXPECT_TRUE(std::holds_alternative<Options>(parse("dev@192.0.2.1:7777#" + key, {})));
  ::testing::internal::CaptureStderr();
  const auto refused = parse("dev@127.5.0.1:7777,192.0.2.1:7777#" + key, {"--multiplex"});
  const std::string said = ::testing::internal::GetCapturedStderr();
  ASSERT_TRUE(std::holds_alternative<int>(refused));
  EXPECT_EQ(std::get<int>(refused), 2);
  EXPECT_NE(said.find("a login server is at 192.0.2.1:7777"), std::string::npos) << said;
}

}  // namespace orrery::bots::testing
