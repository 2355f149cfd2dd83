#include "base/address.h"

#include <gtest/gtest.h>

namespace orrery::test {

TEST(Address, TextGoesThereAndBack) {
  for (const char* text : {"203.0.113.7:7777", "0.0.0.0:0", "[2001:db8::1]:65535", "[::]:1"}) {
    const auto address = Address::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), text);
  }
}

TEST(Address, NonsenseIsRefused) {
  for (const char* text : {"", "203.0.113.7", "203.0.113.7:", "203.0.113.7:65536", "203.0.113.7:-1", "localhost:1",
                           "203.0.113.300:1", "[2001:db8::1]", "203.0.113.7:1 "})
    EXPECT_FALSE(Address::parse(text)) << text;
}

TEST(Address, SocketAddressesGoThereAndBackInTheirOwnFamily) {
  for (const char* text : {"203.0.113.7:7777", "[2001:db8::1]:7777"}) {
    const Address address = *Address::parse(text);
    sockaddr_storage raw;
    const socklen_t size = address.to_sockaddr(raw);
    EXPECT_EQ(size, address.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    EXPECT_EQ(raw.ss_family, address.is_v4() ? AF_INET : AF_INET6);
    EXPECT_EQ(Address::from_sockaddr(raw), address);
  }
}

TEST(Address, AMappedAddressIsTheIPv4One) {
  EXPECT_EQ(*Address::parse("[::ffff:203.0.113.7]:1"), *Address::parse("203.0.113.7:1"));
  const std::hash<Address> hash;
  EXPECT_EQ(hash(*Address::parse("[::ffff:203.0.113.7]:1")), hash(*Address::parse("203.0.113.7:1")));
  EXPECT_NE(*Address::parse("203.0.113.7:1"), *Address::parse("203.0.113.7:2"));
}

}  // namespace orrery::test
