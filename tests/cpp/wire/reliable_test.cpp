// The two halves of a reliable channel alone: window, bounds, what a hostile peer can make them hold.
#include "wire/reliable.h"

#include <gtest/gtest.h>

#include "virtual_network.h"

namespace orrery::wire::test {

using Taken = ReliableReceiver::Taken;

constexpr std::uint8_t window = window_full_pieces[0];  // the widest
constexpr std::size_t message_max = message_bytes_max_of(window);
constexpr std::size_t any_room = SIZE_MAX;
const Instant start{seconds{1000}};

struct Inbox {
  std::vector<Bytes> messages;
  void operator()(std::span<const ByteView> parts) {
    Bytes& message = messages.emplace_back();
    for (const ByteView part : parts) message.insert(message.end(), part.begin(), part.end());
  }
};

/// A message's pieces as they would travel, the first with this sequence.
struct Cut {
  ReliableSender sender;
  std::vector<Piece> pieces;
  explicit Cut(const Bytes& message, std::uint32_t first = 0) : sender(window, first) {
    sender.queue(message);
    while (const auto piece = sender.due({}, start)) {
      pieces.push_back(*piece);
      sender.sent(piece->sequence, pieces.size(), start);
    }
  }
};

TEST(Reliable, PiecesInAnyOrderMakeTheMessageOnce) {
  // Also across the end of the sequences.
  for (const std::uint32_t first : {0u, UINT32_MAX - 3, UINT32_MAX / 2 - 3}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const Bytes message = pattern(message_max, seed);
      Cut cut(message, first);
      ASSERT_EQ(cut.pieces.size(), pieces_of(message_max));
      SeededRandom random(seed);
      for (std::size_t i = cut.pieces.size(); i > 1; --i) std::swap(cut.pieces[i - 1], cut.pieces[random.below(i)]);
      ReliableReceiver receiver(window, first);
      Inbox inbox;
      for (const Piece& piece : cut.pieces) {
        EXPECT_EQ(receiver.take(piece, start, any_room, inbox), Taken::yes);
        EXPECT_EQ(receiver.take(piece, start, any_room, inbox), Taken::yes) << "a duplicate is acknowledged again";
        EXPECT_LE(receiver.held_bytes(), message_max + window * held_cost);
      }
      ASSERT_EQ(inbox.messages.size(), 1u);
      EXPECT_EQ(inbox.messages[0], message);
      EXPECT_EQ(receiver.held_bytes(), 0u);
    }
  }
}

// Catches an order of messages, or a place within the window, that does not survive the end of the sequences.
TEST(Reliable, MessagesGoOnPastTheLastSequence) {
  constexpr std::uint32_t first = UINT32_MAX - 20;
  ReliableSender sender(window, first);
  ReliableReceiver receiver(window, first);
  Inbox inbox;
  std::vector<Bytes> said;
  std::uint64_t counter = 0;
  for (int i = 0; i < 40; ++i) {
    said.push_back(pattern(1 + static_cast<std::size_t>(i) * 97 % 4000, static_cast<std::uint64_t>(i)));
    sender.queue(said.back());
    std::vector<Piece> pieces;
    while (const auto piece = sender.due({}, start)) {
      sender.sent(piece->sequence, counter++, start);
      pieces.push_back(*piece);
    }
    for (std::size_t at = pieces.size(); at-- > 0;)
      EXPECT_EQ(receiver.take(pieces[at], start, any_room, inbox), Taken::yes);
    EXPECT_EQ(receiver.take({first - 1 - static_cast<std::uint32_t>(i), false, {}}, start, any_room, inbox), Taken::yes)
        << "long taken";
    sender.on_ack(counter - 1, UINT32_MAX);
    EXPECT_TRUE(sender.empty());
    EXPECT_EQ(sender.cost(), 0u);
  }
  EXPECT_EQ(inbox.messages, said);
}

TEST(Reliable, NoSequenceMakesTheReceiverHoldMoreThanItsWindow) {
  SeededRandom random(5);
  ReliableReceiver receiver(window);
  Inbox inbox;
  const Bytes full = pattern(piece_bytes_max, 1);
  for (int i = 0; i < 100000; ++i) {
    const auto sequence =
        random.chance(500) ? static_cast<std::uint32_t>(random.below(200) + 1) : random.next<std::uint32_t>() | 1;
    receiver.take({sequence, true, full}, start, any_room, inbox);
    ASSERT_LE(receiver.held_bytes(), window_bytes_of(window));
  }
  EXPECT_TRUE(inbox.messages.empty());
  EXPECT_EQ(receiver.held_bytes(), window_bytes_of(window));
  ReliableReceiver tiny(window);
  for (int i = 0; i < 100000; ++i) {
    tiny.take({static_cast<std::uint32_t>(random.below(200) + 1), true, as_bytes("x")}, start, any_room, inbox);
    ASSERT_LE(tiny.held_bytes(), (window_pieces_max - 1) * (1 + held_cost));
  }
}

TEST(Reliable, WhatIsBeyondTheWindowIsRefusedAndWhatIsHeldIsAcknowledgedAgain) {
  ReliableReceiver receiver(window);
  Inbox inbox;
  const Bytes full = pattern(piece_bytes_max, 1);
  for (std::uint32_t i = 1; i <= window; ++i)
    EXPECT_EQ(receiver.take({i, true, full}, start, any_room, inbox), Taken::yes) << i;
  EXPECT_EQ(receiver.take({window + 1, true, {}}, start, any_room, inbox), Taken::refused) << "it costs its place";
  EXPECT_EQ(receiver.take({window, true, full}, start, any_room, inbox), Taken::yes) << "or it would never be acked";
  EXPECT_EQ(receiver.held_bytes(), window_bytes_of(window));

  ReliableReceiver tiny(window);
  for (std::uint32_t i = 1; i < window_pieces_max; ++i)
    EXPECT_EQ(tiny.take({i, false, {}}, start, any_room, inbox), Taken::yes) << i;
  EXPECT_EQ(tiny.take({window_pieces_max, false, {}}, start, any_room, inbox), Taken::refused);
  EXPECT_EQ(tiny.take({0, false, {}}, start, any_room, inbox), Taken::yes);
  EXPECT_EQ(inbox.messages.size(), window_pieces_max);
  EXPECT_EQ(tiny.take({window_pieces_max, false, {}}, start, any_room, inbox), Taken::yes);
}

/// How many pieces leave now, the first in packet `counter`.
static std::uint32_t send_due(ReliableSender& sender, std::uint64_t counter) {
  std::uint32_t count = 0;
  for (; const auto piece = sender.due({}, start); ++count) sender.sent(piece->sequence, counter + count, start);
  return count;
}

TEST(Reliable, ASenderKeepsToTheWindow) {
  constexpr std::uint8_t narrow = window_full_pieces[2];
  {
    ReliableSender sender(narrow);
    for (int i = 0; i < 40; ++i) sender.queue(Bytes(100));
    EXPECT_EQ(send_due(sender, 0), window_pieces_max) << "short lines, by their number";
    sender.on_ack(9, UINT32_MAX);
    EXPECT_EQ(send_due(sender, 100), 8u);
  }
  {
    ReliableSender sender(narrow);
    for (int i = 0; i < 10; ++i) sender.queue(Bytes(piece_bytes_max));
    EXPECT_EQ(send_due(sender, 0), narrow) << "full pieces, by their bytes";
    EXPECT_NE(sender.due_at({}), Instant::min());
    sender.on_ack(0, 0);
    EXPECT_EQ(sender.due_at({}), Instant::min());
    EXPECT_EQ(send_due(sender, 100), 1u);
  }
  {
    // The receiver holds what is acknowledged of a message until it is whole.
    ReliableSender sender(narrow);
    sender.queue(Bytes(message_bytes_max_of(narrow)));
    for (int i = 0; i < 20; ++i) sender.queue(Bytes(30));
    const std::size_t rest = window_bytes_of(narrow) - message_bytes_max_of(narrow) - 4 * held_cost;
    const std::size_t lines = rest / (30 + held_cost);
    EXPECT_EQ(send_due(sender, 0), 4 + lines);
    sender.on_ack(2, UINT32_MAX);
    EXPECT_EQ(send_due(sender, 100), 0u) << "its last piece is missing";
    sender.on_ack(3, 0);
    EXPECT_EQ(send_due(sender, 200), 20 - lines);
  }
}

// Catches a sender and a receiver whose windows differ, or do not end when a message does: pieces of every size, lost,
// doubled and late, and acks that are lost as well. No piece of an honest sender is refused, and all of them come.
TEST(Reliable, AnHonestSenderIsNeverRefusedNorStuck) {
  struct Flying {
    Bytes bytes;
    Piece piece;
    std::uint64_t counter;
  };
  constexpr std::size_t count = 80;
  for (const std::uint8_t full_pieces : {window, window_full_pieces[2]}) {
    std::size_t full = 0, most = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      SeededRandom random(seed);
      ReliableSender sender(full_pieces);
      ReliableReceiver receiver(full_pieces);
      Inbox inbox;
      std::vector<Bytes> said;
      std::vector<Flying> flying;
      std::vector<std::uint64_t> acks;
      std::uint64_t counter = 0;
      Instant now = start;
      const auto take_any = [&](auto& list) {
        std::swap(list[random.below(list.size())], list.back());
        auto one = std::move(list.back());
        list.pop_back();
        return one;
      };
      for (int step = 0; step < 5000 && (said.size() < count || !sender.empty()); ++step, now += milliseconds{20}) {
        for (std::uint64_t n = random.below(4); n > 0 && said.size() < count; --n) {
          const std::size_t longest = random.chance(600)   ? 100
                                      : random.chance(700) ? 2 * piece_bytes_max
                                                           : message_bytes_max_of(full_pieces);
          said.push_back(pattern(random.below(longest + 1), seed * count + said.size()));
          sender.queue(said.back());
        }
        while (const auto piece = sender.due({}, now)) {
          sender.sent(piece->sequence, counter, now);
          flying.push_back({Bytes(piece->bytes.begin(), piece->bytes.end()), *piece, counter++});
        }
        full += !sender.due_at({}) || *sender.due_at({}) > now;
        for (std::uint64_t n = random.below(16); n > 0 && !flying.empty(); --n) {
          Flying one = take_any(flying);
          if (random.chance(200)) continue;
          one.piece.bytes = one.bytes;
          ASSERT_EQ(receiver.take(one.piece, now, any_room, inbox), Taken::yes) << "seed " << seed << " step " << step;
          most = std::max(most, receiver.held_bytes());
          acks.push_back(one.counter);
          if (random.chance(200)) flying.push_back(std::move(one));
        }
        for (std::uint64_t n = random.below(16); n > 0 && !acks.empty(); --n)
          if (const std::uint64_t one = take_any(acks); !random.chance(200)) sender.on_ack(one, 0);
      }
      ASSERT_TRUE(sender.empty()) << "seed " << seed;
      ASSERT_EQ(inbox.messages, said) << "seed " << seed;
    }
    EXPECT_LE(most, window_bytes_of(full_pieces));
    EXPECT_GT(most, window_bytes_of(full_pieces) * 9 / 10) << "the window is used";
    EXPECT_GT(full, 0u);
  }
}

TEST(Reliable, WhatNoHonestPeerSendsIsAViolation) {
  Inbox inbox;
  const auto take = [&](ReliableReceiver& receiver, const Piece& piece) {
    return receiver.take(piece, start, any_room, inbox);
  };
  {
    ReliableReceiver receiver(window);
    EXPECT_EQ(take(receiver, {0, false, Bytes(piece_bytes_max + 1)}), Taken::violation);
  }
  {
    ReliableReceiver receiver(window);
    EXPECT_EQ(take(receiver, {window_pieces_max, false, {}}), Taken::refused);
    for (std::uint32_t i = 0; i < window_pieces_max; ++i) EXPECT_EQ(take(receiver, {i, true, {}}), Taken::yes);
    EXPECT_EQ(take(receiver, {window_pieces_max, false, {}}), Taken::violation) << "a message of too many pieces";
  }
  {
    ReliableReceiver receiver(window);
    const Bytes full(piece_bytes_max);
    for (std::uint32_t i = 0; i < window; ++i) EXPECT_EQ(take(receiver, {i, true, full}), Taken::yes);
    EXPECT_EQ(take(receiver, {window + 1, false, {}}), Taken::refused) << "it may be of another message";
    EXPECT_EQ(take(receiver, {window, false, {}}), Taken::violation) << "a message that costs more than the window";
  }
  {
    ReliableReceiver receiver(window);
    const Bytes full(piece_bytes_max);
    for (std::uint32_t i = 0; i + 1 < window; ++i) EXPECT_EQ(take(receiver, {i, true, full}), Taken::yes);
    EXPECT_EQ(take(receiver, {window - 1, false, full}), Taken::violation) << "a message over 12 KiB";
  }
  EXPECT_TRUE(inbox.messages.empty());
}

TEST(Reliable, WhereThereIsNoRoomOnlyWhatCompletesIsTaken) {
  const Bytes message = pattern(3000, 1);
  Cut cut(message);
  ASSERT_EQ(cut.pieces.size(), 3u);
  ReliableReceiver receiver(window);
  Inbox inbox;
  const std::size_t room_for_two = 2 * (piece_bytes_max + held_cost);
  EXPECT_EQ(receiver.take(cut.pieces[1], start, room_for_two, inbox), Taken::yes);
  EXPECT_EQ(receiver.take(cut.pieces[2], start, room_for_two - receiver.held_bytes(), inbox), Taken::yes);
  EXPECT_EQ(receiver.take({3, false, as_bytes("next")}, start, 0, inbox), Taken::no_room);
  EXPECT_EQ(receiver.take(cut.pieces[1], start, 0, inbox), Taken::yes) << "held already";
  EXPECT_EQ(receiver.take(cut.pieces[0], start, 0, inbox), Taken::yes) << "it completes the message";
  EXPECT_EQ(receiver.take({3, false, as_bytes("next")}, start, 0, inbox), Taken::yes);
  EXPECT_EQ(receiver.take({4, true, as_bytes("x")}, start, held_cost, inbox), Taken::no_room);
  ASSERT_EQ(inbox.messages.size(), 2u);
  EXPECT_EQ(inbox.messages[0], message);
  EXPECT_EQ(receiver.held_bytes(), 0u);
}

TEST(Reliable, WhatIsNotWholeIsOverdueInTime) {
  ReliableReceiver receiver(window);
  Inbox inbox;
  EXPECT_FALSE(receiver.overdue_at());
  receiver.take({0, false, as_bytes("whole")}, start, any_room, inbox);
  EXPECT_FALSE(receiver.overdue_at());
  receiver.take({1, true, as_bytes("a")}, start + seconds{1}, any_room, inbox);
  receiver.take({3, false, as_bytes("c")}, start + seconds{2}, any_room, inbox);
  EXPECT_EQ(receiver.overdue_at(), start + seconds{1} + unfinished_for);
  receiver.take({2, false, as_bytes("b")}, start + seconds{9}, any_room, inbox);
  EXPECT_EQ(inbox.messages.size(), 3u);
  EXPECT_FALSE(receiver.overdue_at());
  receiver.take({4, true, {}}, start + seconds{9}, any_room, inbox);
  EXPECT_EQ(receiver.overdue_at(), start + seconds{9} + unfinished_for) << "a piece without bytes waits as well";
}

TEST(Reliable, ResendsDoubleToTwoSecondsAndEndWithTheAck) {
  const RoundTrip round_trip;  // nothing measured: 200 ms and the peer's ack delay
  ReliableSender sender(window);
  sender.queue(Bytes(10));
  Instant now{seconds{1}};
  std::vector<milliseconds> gaps;
  for (std::uint64_t counter = 0; counter < 7; ++counter) {
    const auto piece = sender.due(round_trip, now);
    ASSERT_TRUE(piece);
    EXPECT_EQ(sender.sent(piece->sequence, counter, now), counter > 0);
    EXPECT_FALSE(sender.due(round_trip, now));
    gaps.push_back(std::chrono::duration_cast<milliseconds>(*sender.due_at(round_trip) - now));
    now = *sender.due_at(round_trip);
  }
  EXPECT_EQ(gaps,
            (std::vector<milliseconds>{milliseconds{225}, milliseconds{450}, milliseconds{900}, milliseconds{1800},
                                       milliseconds{2000}, milliseconds{2000}, milliseconds{2000}}));
  sender.on_ack(7, 0);  // another packet's
  EXPECT_FALSE(sender.empty());
  sender.on_ack(7, 1);  // bit 0: packet 6, the last that carried it
  EXPECT_TRUE(sender.empty());
  EXPECT_FALSE(sender.due_at(round_trip));
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
