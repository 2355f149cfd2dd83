// The two halves of a reliable channel alone: window, bounds, what a hostile peer can make them hold.
#include "wire/reliable.h"

#include <gtest/gtest.h>

#include "virtual_network.h"

namespace orrery::wire::test {

using Taken = ReliableReceiver::Taken;

struct Inbox {
  std::vector<Bytes> messages;
  void operator()(ByteView bytes) { messages.emplace_back(bytes.begin(), bytes.end()); }
};

TEST(Reliable, PiecesInAnyOrderMakeTheMessageOnce) {
  const RoundTrip round_trip;
  const Instant now{};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    ReliableSender sender;
    const Bytes message = pattern(message_bytes_max, seed);
    ASSERT_TRUE(sender.queue(message));
    std::vector<Piece> pieces;
    while (const auto piece = sender.due(round_trip, now)) {
      pieces.push_back(*piece);
      sender.sent(piece->sequence, pieces.size(), now);
    }
    ASSERT_EQ(pieces.size(), window);
    SeededRandom random(seed);
    for (std::size_t i = pieces.size(); i > 1; --i) std::swap(pieces[i - 1], pieces[random.below(i)]);
    ReliableReceiver receiver;
    Inbox inbox;
    for (const Piece& piece : pieces) {
      EXPECT_EQ(receiver.take(piece, inbox), Taken::yes);
      EXPECT_EQ(receiver.take(piece, inbox), Taken::yes) << "a duplicate is acknowledged again";
      EXPECT_LE(receiver.held_bytes(), message_bytes_max);
    }
    ASSERT_EQ(inbox.messages.size(), 1u);
    EXPECT_EQ(inbox.messages[0], message);
    EXPECT_EQ(receiver.held_bytes(), 0u);
  }
}

TEST(Reliable, NoSequenceMakesTheReceiverHoldMoreThanItsWindow) {
  SeededRandom random(5);
  ReliableReceiver receiver;
  Inbox inbox;
  const Bytes full = pattern(piece_bytes_max, 1);
  for (int i = 0; i < 100000; ++i) {
    const auto sequence =
        random.chance(500) ? static_cast<std::uint32_t>(random.below(200) + 1) : random.next<std::uint32_t>() | 1;
    receiver.take({sequence, true, full}, inbox);
    ASSERT_LE(receiver.held_bytes(), window * piece_bytes_max);
  }
  EXPECT_TRUE(inbox.messages.empty());
  EXPECT_GT(receiver.held_bytes(), 0u);
}

TEST(Reliable, WhatNoHonestPeerSendsIsAViolation) {
  Inbox inbox;
  {
    ReliableReceiver receiver;
    EXPECT_EQ(receiver.take({0, false, Bytes(piece_bytes_max + 1)}, inbox), Taken::violation);
  }
  {
    ReliableReceiver receiver;
    EXPECT_EQ(receiver.take({window, false, {}}, inbox), Taken::refused);
    for (std::uint32_t i = 0; i < window; ++i) EXPECT_EQ(receiver.take({i, true, {}}, inbox), Taken::yes);
    EXPECT_EQ(receiver.take({window, false, {}}, inbox), Taken::violation) << "a message of too many pieces";
  }
  {
    ReliableReceiver receiver;
    const Bytes full(piece_bytes_max);
    for (std::uint32_t i = 0; i + 1 < window; ++i) EXPECT_EQ(receiver.take({i, true, full}, inbox), Taken::yes);
    EXPECT_EQ(receiver.take({window - 1, false, full}, inbox), Taken::violation) << "a message over 64 KiB";
  }
  EXPECT_TRUE(inbox.messages.empty());
}

TEST(Reliable, TheQueueIsBoundedForLongAndTinyMessages) {
  ReliableSender longs;
  EXPECT_FALSE(longs.queue(Bytes(message_bytes_max + 1)));
  std::size_t bytes = 0;
  while (longs.queue(Bytes(message_bytes_max))) bytes += message_bytes_max;
  EXPECT_GE(bytes, 3 * message_bytes_max);
  EXPECT_LE(bytes, queued_bytes_max);
  ReliableSender tiny;
  std::size_t count = 0;
  while (tiny.queue(Bytes(1))) ++count;
  EXPECT_GE(count, 4000u);
  EXPECT_LE(count, queued_bytes_max / piece_cost);
}

TEST(Reliable, ResendsDoubleToTwoSecondsAndEndWithTheAck) {
  const RoundTrip round_trip;  // nothing measured: 200 ms and the peer's ack delay
  ReliableSender sender;
  ASSERT_TRUE(sender.queue(Bytes(10)));
  Instant now{seconds{1}};
  std::vector<milliseconds> gaps;
  for (std::uint64_t counter = 0; counter < 7; ++counter) {
    const auto piece = sender.due(round_trip, now);
    ASSERT_TRUE(piece);
    EXPECT_EQ(sender.sent(piece->sequence, counter, now), counter > 0);
    EXPECT_FALSE(sender.due(round_trip, now));
    gaps.push_back(std::chrono::duration_cast<milliseconds>(*sender.resend_at(round_trip) - now));
    now = *sender.resend_at(round_trip);
  }
  EXPECT_EQ(gaps,
            (std::vector<milliseconds>{milliseconds{225}, milliseconds{450}, milliseconds{900}, milliseconds{1800},
                                       milliseconds{2000}, milliseconds{2000}, milliseconds{2000}}));
  sender.on_ack(7, 0);  // another packet's
  EXPECT_FALSE(sender.empty());
  sender.on_ack(7, 1);  // bit 0: packet 6, the last that carried it
  EXPECT_TRUE(sender.empty());
  EXPECT_FALSE(sender.resend_at(round_trip));
}

TEST(Acks, EveryPacketThatAsksIsNamedByAnAckThatLeaves) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SeededRandom random(seed);
    AckWriter acks;
    Instant now{seconds{1}};
    std::vector<std::uint64_t> asked;
    std::set<std::uint64_t> named;
    std::uint64_t counter = 0;
    for (int i = 0; i < 40; ++i) {
      counter += 1 + random.below(i % 10 == 9 ? 60 : 2);
      acks.on_packet(counter, true, now);
      asked.push_back(counter);
      if (i % 4 != 3) continue;
      while (acks.deadline()) {
        const Ack ack = acks.take(now);
        named.insert(ack.largest);
        for (std::uint32_t bit = 0; bit < 32; ++bit)
          if (ack.bitmap >> bit & 1) named.insert(ack.largest - bit - 1);
      }
    }
    for (const auto one : asked) EXPECT_TRUE(named.contains(one)) << "seed " << seed << ", packet " << one;
    EXPECT_EQ(named.size(), asked.size()) << "nothing is named that did not arrive";
  }
}

TEST(Acks, FullCounterIsTheHighestSentThatEndsSo) {
  EXPECT_FALSE(full_counter(0, 0));
  EXPECT_EQ(full_counter(4, 10), 4u);
  EXPECT_FALSE(full_counter(10, 10));
  const std::uint64_t big = (std::uint64_t{3} << 32) + 5;
  EXPECT_EQ(full_counter(4, big), big - 1);
  EXPECT_EQ(full_counter(0xffffffff, big), (std::uint64_t{3} << 32) - 1);
}

}  // namespace orrery::wire::test
