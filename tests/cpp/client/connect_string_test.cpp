#include <gtest/gtest.h>

#include "client/client.h"

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
      "dev@localhost:7777#" + key,
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
