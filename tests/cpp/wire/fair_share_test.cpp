#include "wire/fair_share.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace orrery::wire::test {
namespace {

Address at(const char* host, std::uint16_t port = 1) { return *Address::parse(host, port); }

// Catches a newcomer who is kept out by those who have more, or who takes the place of one who has no more than he.
TEST(FairShare, WhoHoldsMostGivesWayToWhoHoldsFewer) {
  FairShare shares;
  EXPECT_EQ(shares.gives_way_to(at("192.0.2.1")), std::nullopt);
  for (std::uint64_t place = 1; place <= 3; ++place)
    shares.add(at("192.0.2.1", static_cast<std::uint16_t>(place)), place);
  shares.add(at("192.0.2.2"), 4);
  EXPECT_EQ(shares.gives_way_to(at("192.0.2.1", 9)), std::nullopt);
  EXPECT_EQ(shares.gives_way_to(at("192.0.2.2", 9)), 1u);
  EXPECT_EQ(shares.gives_way_to(at("192.0.2.3")), 1u);
  EXPECT_EQ(shares.gives_way_to(at("192.0.2.2"), 1), 1u);
  EXPECT_EQ(shares.gives_way_to(at("192.0.2.2"), 2), std::nullopt);
  shares.remove(at("192.0.2.1"), 2);
  shares.remove(at("192.0.2.1"), 2);
  shares.remove(at("192.0.2.1"), 1);
  EXPECT_EQ(shares.held_by(at("192.0.2.1")), 1u);
  EXPECT_EQ(shares.gives_way_to(at("192.0.2.2")), std::nullopt);
  EXPECT_EQ(shares.gives_way_to(at("192.0.2.3")), 3u) << "of those who hold as many, the oldest";
}

TEST(FairShare, AnIPv6NetworkIsItsFirst64Bits) {
  FairShare shares;
  shares.add(at("2001:db8::1"), 1);
  shares.add(at("2001:db8::ffff:2"), 2);
  shares.add(at("2001:db8:0:1::1"), 3);
  EXPECT_EQ(shares.held_by(at("2001:db8::9")), 2u);
  EXPECT_EQ(shares.gives_way_to(at("2001:db8:0:1::2")), 1u);
}

// Catches an order of networks that is not that of what they hold.
TEST(FairShare, AgreesWithALookAtEverybody) {
  std::mt19937 random(1);
  FairShare shares;
  std::map<std::uint64_t, Address> held;
  std::uint64_t last = 0;
  for (int step = 0; step < 20'000; ++step) {
    const Address from = at(("192.0.2." + std::to_string(random() % 6)).c_str());
    if (held.empty() || random() % 2 == 0) {
      held[++last] = from;
      shares.add(from, last);
    } else {
      const auto gone = std::next(held.begin(), static_cast<std::ptrdiff_t>(random() % held.size()));
      shares.remove(gone->second, gone->first);
      held.erase(gone);
    }
    std::map<Address, std::size_t> counts;
    for (const auto& [place, by] : held) ++counts[by];
    std::size_t most = 0;
    for (const auto& [by, count] : counts) most = std::max(most, count);
    std::optional<std::uint64_t> expected;
    for (const auto& [place, by] : held)
      if (!expected && counts[by] == most && most > counts[from]) expected = place;
    ASSERT_EQ(shares.gives_way_to(from), expected) << step;
    ASSERT_EQ(shares.held_by(from), counts[from]) << step;
  }
}

}  // namespace
}  // namespace orrery::wire::test
