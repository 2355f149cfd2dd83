#include "sessiond/hash_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace orrery::sessiond {
namespace {

using std::chrono::milliseconds;

wire::ConnectionId who(std::uint64_t n) { return wire::ConnectionId{n}; }
Address at(const char* host, std::uint16_t port = 1) { return *Address::parse(host, port); }

/// Lets what is under way finish and says whose turn is next.
std::uint64_t turn(HashQueue& queue, Instant& now) {
  static std::map<HashQueue*, wire::ConnectionId> under_way;
  if (queue.under_way() > 0) queue.done(under_way[&queue], now += milliseconds{50});
  const auto next = queue.next(now);
  under_way[&queue] = next.value_or(wire::ConnectionId{});
  return next ? next->value : 0;
}

// Catches a flood from one network that is served before everybody who came after it.
TEST(HashQueue, NetworksTakeTurns) {
  HashQueue queue(1, 100);
  Instant now{};
  for (std::uint64_t n = 1; n <= 50; ++n)
    EXPECT_TRUE(queue.add(who(n), at("192.0.2.1", static_cast<std::uint16_t>(n))).taken);
  EXPECT_EQ(turn(queue, now), 1u);
  EXPECT_TRUE(queue.add(who(101), at("192.0.2.2")).taken);
  EXPECT_TRUE(queue.add(who(102), at("192.0.2.2")).taken);
  EXPECT_TRUE(queue.add(who(103), at("192.0.2.3")).taken);
  std::vector<std::uint64_t> served;
  for (int i = 0; i < 6; ++i) served.push_back(turn(queue, now));
  EXPECT_EQ(served, (std::vector<std::uint64_t>{2, 101, 103, 3, 102, 4}));
}

TEST(HashQueue, AnIPv6NetworkIsItsFirst64Bits) {
  HashQueue queue(1, 100);
  Instant now{};
  queue.add(who(1), at("2001:db8::1"));
  queue.add(who(2), at("2001:db8::ffff:2"));
  queue.add(who(3), at("2001:db8::3"));
  queue.add(who(4), at("2001:db8:0:1::1"));
  EXPECT_EQ(turn(queue, now), 1u);
  EXPECT_EQ(turn(queue, now), 4u);
  EXPECT_EQ(turn(queue, now), 2u);
}

TEST(HashQueue, OneNetworkAloneMayFillItAndGivesWayToOthers) {
  HashQueue queue(1, 8);
  Instant now{};
  for (std::uint64_t n = 1; n <= 8; ++n) EXPECT_TRUE(queue.add(who(n), at("192.0.2.1")).taken);
  EXPECT_FALSE(queue.takes(at("192.0.2.1")));
  EXPECT_FALSE(queue.add(who(9), at("192.0.2.1")).taken);
  std::set<std::uint64_t> displaced;
  std::uint64_t n = 100;
  while (true) {
    const auto added = queue.add(who(++n), at("192.0.2.2"));
    if (!added.taken) break;
    ASSERT_TRUE(added.displaced);
    displaced.insert(added.displaced->value);
  }
  EXPECT_EQ(displaced, (std::set<std::uint64_t>{5, 6, 7, 8})) << "the last comers, down to an equal share";
  EXPECT_EQ(queue.waiting(), 8u);
  // A third and a fourth bring it to a quarter each.
  for (const char* host : {"192.0.2.3", "192.0.2.4"})
    while (queue.add(who(++n), at(host)).taken) {
    }
  std::map<std::uint64_t, int> of;
  for (int i = 0; i < 8; ++i) {
    const std::uint64_t next = turn(queue, now);
    ++of[next <= 8 ? 1 : 2];
  }
  EXPECT_EQ(of[1], 2);
}

TEST(HashQueue, WhoGoesLeavesNoTrace) {
  HashQueue queue(1, 4);
  Instant now{};
  for (std::uint64_t n = 1; n <= 4; ++n) queue.add(who(n), at(n % 2 ? "192.0.2.1" : "192.0.2.2"));
  for (std::uint64_t n = 1; n <= 4; ++n) queue.cancel(who(n), at(n % 2 ? "192.0.2.1" : "192.0.2.2"));
  queue.cancel(who(4), at("192.0.2.2"));
  EXPECT_EQ(queue.waiting(), 0u);
  EXPECT_EQ(queue.next(now), std::nullopt);
}

TEST(HashQueue, KnowsHowLongItTakes) {
  HashQueue queue(2, 100);
  Instant now{};
  for (std::uint64_t n = 1; n <= 60; ++n) {
    queue.add(who(n), at("192.0.2.1"));
    queue.next(now);
    queue.done(who(n), now += milliseconds{300});
  }
  EXPECT_NEAR(std::chrono::duration<double>(queue.hash_time()).count(), 0.3, 0.01);
  for (std::uint64_t n = 101; n <= 110; ++n) queue.add(who(n), at("192.0.2.1"));
  EXPECT_NEAR(std::chrono::duration<double>(queue.wait()).count(), 10 * 0.3 / 2, 0.1);
}

// Catches books that do not balance: someone served twice, or never, or more under way than there are threads.
TEST(HashQueue, EverybodyIsServedDisplacedOrGoneExactlyOnce) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    const std::size_t threads = 1 + random() % 4, room = 1 + random() % 12;
    HashQueue queue(threads, room);
    Instant now{};
    std::map<std::uint64_t, Address> waits;
    std::vector<std::uint64_t> works;
    std::uint64_t last = 0;
    for (int step = 0; step < 2000; ++step) {
      now += milliseconds{1};
      switch (random() % 4) {
        case 0:
        case 1: {
          const Address from = at(("192.0.2." + std::to_string(random() % 5)).c_str());
          const bool takes = queue.takes(from);
          const auto added = queue.add(who(++last), from);
          ASSERT_EQ(added.taken, takes);
          if (added.taken) waits[last] = from;
          if (added.displaced) {
            ASSERT_EQ(waits.erase(added.displaced->value), 1u);
          }
          break;
        }
        case 2:
          if (const auto next = queue.next(now)) {
            ASSERT_EQ(waits.erase(next->value), 1u);
            works.push_back(next->value);
          } else {
            ASSERT_TRUE(waits.empty() || works.size() == threads);
          }
          break;
        default:
          if (!works.empty() && random() % 2) {
            queue.done(who(works.back()), now);
            works.pop_back();
          } else if (!waits.empty() && random() % 3 == 0) {
            queue.cancel(who(waits.begin()->first), waits.begin()->second);
            waits.erase(waits.begin());
          }
      }
      ASSERT_EQ(queue.waiting(), waits.size());
      ASSERT_LE(queue.waiting(), room);
      ASSERT_EQ(queue.under_way(), works.size());
      ASSERT_LE(works.size(), threads);
    }
  }
}

}  // namespace
}  // namespace orrery::sessiond
