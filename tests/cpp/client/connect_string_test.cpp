#include <gtest/gtest.h>

#include <algorithm>

#include "client/client.h"
#include "client/resolve.h"

namespace orrery::client {

namespace {
const std::string key(64, 'a');
}

// Catches a part that is swapped, dropped or read beyond its separator.
TEST(ConnectString, ReadsClusterServersAndKeys) {
  const auto connect =
      ConnectString::parse(" dev@127.0.0.1:7777,[2001:db8::1]:7778#" + key + "," + std::string(64, 'B') + "\n");
  ASSERT_TRUE(connect) << connect.error().message;
  EXPECT_EQ(connect->cluster, "dev");
  ASSERT_EQ(connect->login_servers.size(), 2u);
  EXPECT_EQ(connect->login_servers[0].to_string(), "127.0.0.1:7777");
  EXPECT_EQ(connect->login_servers[1].to_string(), "[2001:db8::1]:7778");
  ASSERT_EQ(connect->keys.size(), 2u);
  EXPECT_EQ(connect->keys[0][0], 0xaa);
  EXPECT_EQ(connect->keys[1][31], 0xbb);
}

// Catches names taken for addresses, and an order lost in which servers are to be tried.
TEST(ConnectString, KeepsNamesToBeResolvedInTheirOrder) {
  const auto connect = ConnectString::parse("dev@login.example.org:7777,127.0.0.1:7778,[::1]:7779#" + key);
  ASSERT_TRUE(connect) << connect.error().message;
  EXPECT_TRUE(connect->login_servers.empty());
  ASSERT_EQ(connect->unresolved.size(), 3u);
  EXPECT_EQ(connect->unresolved[0].name, "login.example.org");
  EXPECT_EQ(connect->unresolved[0].port, 7777);
  EXPECT_EQ(connect->unresolved[1].name, "127.0.0.1");
  EXPECT_EQ(connect->unresolved[2].name, "::1");
  const auto numeric = ConnectString::parse("dev@127.0.0.1:7778,[::1]:7779#" + key);
  ASSERT_TRUE(numeric);
  EXPECT_TRUE(numeric->unresolved.empty());
  EXPECT_EQ(numeric->login_servers.size(), 2u);
}

// Catches a name that is never looked up, one that is lost to another that is unknown, and an address tried twice.
TEST(Resolve, FillsInTheAddressesOfNames) {
  auto connect =
      ConnectString::parse("dev@no-such-name.invalid:7777,localhost:7777,127.0.0.1:7777,127.0.0.2:7778#" + key);
  ASSERT_TRUE(connect) << connect.error().message;
  const auto resolved = resolve(*connect);
  ASSERT_TRUE(resolved) << resolved.error().message;
  EXPECT_TRUE(resolved->unresolved.empty());
  const auto& servers = resolved->login_servers;
  EXPECT_EQ(std::ranges::count(servers, *Address::parse("127.0.0.1:7777")), 1);
  EXPECT_EQ(servers.back(), *Address::parse("127.0.0.2:7778"));
}

// Catches an error that does not say which name it was.
TEST(Resolve, SaysWhichNameIsUnknown) {
  const auto connect = ConnectString::parse("dev@no-such-name.invalid:7777#" + key);
  ASSERT_TRUE(connect);
  const auto resolved = resolve(*connect);
  ASSERT_FALSE(resolved);
  EXPECT_NE(resolved.error().message.find("no-such-name.invalid"), std::string::npos) << resolved.error().message;
  EXPECT_FALSE(resolved.error().hint.empty());
}

// Catches a malformed string that is taken for something else, or an error that does not say how to write it.
TEST(ConnectString, RefusesWhatIsMalformed) {
  const std::string bad[] = {
      "",
      "  \n",
      "dev",
      "127.0.0.1:7777#" + key,
      "@127.0.0.1:7777#" + key,
      "dev@127.0.0.1:7777",
      "dev@#" + key,
      "dev@127.0.0.1#" + key,
      "dev@127.0.0.1:0#" + key,
      "dev@127.0.0.1:65536#" + key,
      "dev@local host:7777#" + key,
      "dev@localhost:#" + key,
      "dev@localhost:99999#" + key,
      "dev@:7777#" + key,
      "dev@127.0.0.300:7777#" + key,
      "dev@1.2.3:7777#" + key,
      "dev@" + std::string(254, 'a') + ":7777#" + key,
      "dev@127.0.0.1:7777,#" + key,
      "dev@127.0.0.1:7777#",
      "dev@127.0.0.1:7777#" + key + "a",
      "dev@127.0.0.1:7777#" + key + ",",
      "dev@127.0.0.1:7777#" + std::string(64, 'g'),
      "dev@127.0.0.1:7777#" + key + "," + key + "," + key + "," + key + "," + key,
  };
  for (const auto& text : bad) {
    const auto connect = ConnectString::parse(text);
    ASSERT_FALSE(connect) << text;
    EXPECT_FALSE(connect.error().message.empty());
    EXPECT_NE(connect.error().hint.find("cluster@host:port#hexkey"), std::string::npos);
  }
}

}  // namespace orrery::client
