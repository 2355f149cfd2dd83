// The edges of the replay window, at both ends of a connection, with counters of the sender's choice.
#include "lab.h"

namespace orrery::wire::test {
namespace {

constexpr std::uint64_t window_size = 1024;

class WindowEdge : public ::testing::TestWithParam<bool> {
 protected:
  /// A ping under this counter, to the end that is tried.
  Outcome give(std::uint64_t counter) {
    const Bytes ping{0, 3};
    return GetParam() ? lab.give(broken.to_server.seal(counter, ping))
                      : lab.give(broken.dialer, broken.to_client.seal(counter, ping));
  }
  void expect_taken(std::uint64_t counter) {
    const Outcome outcome = give(counter);
    EXPECT_EQ(outcome.drops(), 0u) << counter << ": " << outcome.to_string();
  }
  void expect_replayed(std::uint64_t counter) {
    const Outcome outcome = give(counter);
    EXPECT_EQ(outcome.drops(), 1u) << counter << ": " << outcome.to_string();
    EXPECT_EQ(outcome.after.dropped_replayed, outcome.before.dropped_replayed + 1) << counter;
  }
  void TearDown() override { lab.expect_healthy(); }

  Lab lab;
  Lab::Broken broken = lab.break_in();
};

TEST_P(WindowEdge, EachCounterIsTakenOnceFromTheWindowsEdgeOn) {
  constexpr std::uint64_t top = 50000;
  expect_taken(top);
  expect_replayed(top);
  expect_taken(top - 1023);
  expect_replayed(top - 1023);
  expect_replayed(top - 1024);
  expect_replayed(top - 1025);
  expect_replayed(0);
  for (std::uint64_t back = 1; back < 1023; ++back) expect_taken(top - back);
  for (std::uint64_t back = 0; back < 1030; ++back) expect_replayed(top - back);
  expect_taken(top + 1);
  expect_replayed(top + 1 - window_size);
}

TEST_P(WindowEdge, ALeapForgetsNothingThatMayBePlayedAgain) {
  std::uint64_t top = 10000;
  for (std::uint64_t back = window_size; back-- > 0;) expect_taken(top - back);
  // Leaps around whole words and whole windows: bits of before must not stand for, or hide, counters of after.
  for (const std::uint64_t leap : {std::uint64_t{1}, std::uint64_t{63}, std::uint64_t{64}, std::uint64_t{65},
                                   std::uint64_t{1023}, std::uint64_t{1024}, std::uint64_t{1025}, std::uint64_t{2048},
                                   std::uint64_t{1} << 32, (std::uint64_t{1} << 32) + 5, std::uint64_t{1} << 62}) {
    const std::uint64_t before = top;
    top += leap;
    expect_taken(top);
    expect_replayed(top);
    expect_replayed(before);
    for (std::uint64_t back = 1; back < std::min(leap, window_size); ++back) expect_taken(top - back);
    for (std::uint64_t back = 1; back < window_size + 2; ++back) expect_replayed(top - back);
  }
}

TEST_P(WindowEdge, TheLastCounterOfAllIsNeverTakenAndTheOneBeforeEndsIt) {
  expect_replayed(UINT64_MAX);
  expect_taken(5000);
  expect_replayed(UINT64_MAX);
  expect_taken(UINT64_MAX - 1);
  expect_replayed(UINT64_MAX - 1);
  expect_replayed(UINT64_MAX);
  expect_replayed(5001);
  expect_taken(UINT64_MAX - 1024);
  expect_replayed(UINT64_MAX - 1025);
  expect_replayed(0);
}

// Catches a window that moves before a packet has opened: anyone could then shut the connection.
TEST_P(WindowEdge, WhatDoesNotOpenMovesNothing) {
  expect_taken(5000);
  for (const std::uint64_t counter : {std::uint64_t{5001}, std::uint64_t{1} << 40, UINT64_MAX - 1}) {
    Bytes packet = (GetParam() ? broken.to_server : broken.to_client).seal(counter, Bytes{0, 3});
    packet.back() ^= 1;
    const Outcome outcome = GetParam() ? lab.give(packet) : lab.give(broken.dialer, packet);
    EXPECT_TRUE(outcome.is_unsealed()) << outcome.to_string();
  }
  expect_taken(4000);
  expect_taken(5001);
  expect_taken(5002);
}

// Acks that name what was never sent, or that come from the far side of a wrap, must not count as anything.
TEST_P(WindowEdge, AnAckOfPacketsThatWereNeverSentIsIgnored) {
  const Bytes words = pattern(200, 5);
  if (GetParam())
    ASSERT_TRUE(lab.endpoint.send(broken.connection, Channel::chat, Delivery::reliable, words));
  else
    ASSERT_TRUE(broken.dialer.send(Channel::chat, Delivery::reliable, words));
  std::uint64_t counter = 6000;
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer, 0};
  if (GetParam())
    while (lab.endpoint.poll_transmit(slot, lab.now)) continue;  // sent, and lost
  else
    while (broken.dialer.poll_transmit(slot, lab.now)) continue;
  for (const std::uint32_t largest : {0xffffffffu, 0x80000000u, 1000000u, 500u}) {
    Bytes payload(1 + 10);
    Writer writer(payload);
    writer.put<std::uint8_t>(1);
    writer.put(largest);
    writer.put<std::uint32_t>(0xffffffff);
    writer.put<std::uint16_t>(0);
    const Bytes packet = (GetParam() ? broken.to_server : broken.to_client).seal(++counter, payload);
    const Outcome outcome = GetParam() ? lab.give(packet) : lab.give(broken.dialer, packet);
    EXPECT_EQ(outcome.drops(), 0u) << outcome.to_string();
  }
  std::vector<Seen> told, seen;
  lab.run(broken.dialer, seconds{3}, told, seen);
  EXPECT_EQ(messages(GetParam() ? seen : told, Channel::chat, Delivery::reliable), std::vector<Bytes>{words})
      << "it was sent again, since nobody had it";
}

INSTANTIATE_TEST_SUITE_P(Ends, WindowEdge, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "Endpoint" : "Dialer"; });

}  // namespace
}  // namespace orrery::wire::test
