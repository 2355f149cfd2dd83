#include "sessiond/unix_socket.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace orrery::sessiond {
namespace {

TEST(ReadyNotice, IsSaidOnceThoughTheManagerHasNoRoomAtFirst) {
  const std::string path = "@orrery-ready-test-" + std::to_string(::getpid());
  auto manager = UnixSocket::bind(path);
  ASSERT_TRUE(manager);
  UnixSocket server = UnixSocket::unbound();
  ReadyNotice ready(server, path);
  ready.repeat();
  EXPECT_EQ(manager->receive(), std::nullopt) << "before it was said";

  int filled = 0;
  while (filled < 100'000 && server.send(path, "STATUS=x")) ++filled;
  ASSERT_LT(filled, 100'000);
  EXPECT_FALSE(ready.say());
  ready.repeat();
  for (; filled > 0; --filled) EXPECT_EQ(manager->receive(), "STATUS=x");
  EXPECT_EQ(manager->receive(), std::nullopt);
  ready.repeat();
  EXPECT_EQ(manager->receive(), "READY=1");
  ready.repeat();
  EXPECT_EQ(manager->receive(), std::nullopt) << "said twice";
}

}  // namespace
}  // namespace orrery::sessiond
