// Pieces of messages that never become whole, overlap, lie outside the window or come on every channel at once, from a
// peer that holds the right keys: what the other side holds is bounded for each connection and for all together.
#include "counted_memory.h"
#include "lab.h"
#include "wire/reliable.h"

namespace orrery::wire::test {
namespace {

constexpr std::size_t connection_bytes_max = 64 * 1024;
constexpr int peers = 16;
constexpr int packets_each = 3000;

struct Pattern {
  const char* name;
  Bytes (*payload)(int i, SeededRandom& random);
  friend std::ostream& operator<<(std::ostream& out, const Pattern& pattern) { return out << pattern.name; }
};

Channel channel_of(int i) { return static_cast<Channel>(i % static_cast<int>(channel_count)); }
std::uint32_t sequence_of(int i) { return static_cast<std::uint32_t>(i) / static_cast<std::uint32_t>(channel_count); }
const Bytes& full() {
  static const Bytes bytes(piece_bytes_max, 0x5a);
  return bytes;
}

const Pattern patterns[] = {
    {"FirstPieceNeverComes",
     [](int i, SeededRandom&) { return piece_payload(channel_of(i), 1 + sequence_of(i), true, full()); }},
    {"LastPieceNeverComes",
     [](int i, SeededRandom&) { return piece_payload(channel_of(i), sequence_of(i) % 11, true, full()); }},
    {"NoMessageEverEnds",
     [](int i, SeededRandom&) { return piece_payload(channel_of(i), sequence_of(i), true, full()); }},
    {"TheSameOnesAgainOfOtherLengths",
     [](int i, SeededRandom& random) {
       return piece_payload(channel_of(i), 1 + sequence_of(i) % 10, random.chance(500),
                            ByteView(full()).first(random.below(piece_bytes_max + 1)));
     }},
    {"OutOfTheWindow",
     [](int i, SeededRandom& random) {
       const auto far = static_cast<std::uint32_t>(random.below(0x7fffffff));
       return piece_payload(channel_of(i), 60 + far, true, full());
     }},
    {"AtBothEndsOfTheNumbers",
     [](int i, SeededRandom& random) {
       return piece_payload(channel_of(i), random.next<std::uint32_t>(), random.chance(500), full());
     }},
    {"Tiny",
     [](int i, SeededRandom&) {
       return piece_payload(channel_of(i), 1 + sequence_of(i), true, ByteView(full()).first(1));
     }},
    {"Empty", [](int i, SeededRandom&) { return piece_payload(channel_of(i), 1 + sequence_of(i), true, {}); }},
    {"AsManyAsTheWindowAdmits",
     [](int i, SeededRandom&) {
       constexpr std::size_t size = window_bytes_of(window_full_pieces[0]) / window_pieces_max - held_cost;
       return piece_payload(channel_of(i), 1 + sequence_of(i), true, ByteView(full()).first(size));
     }},
    {"OfEveryLength",
     [](int i, SeededRandom& random) {
       return piece_payload(channel_of(i), 1 + static_cast<std::uint32_t>(random.below(40)), random.chance(500),
                            ByteView(full()).first(random.below(piece_bytes_max + 1)));
     }},
    {"ManyTinyOnesInAPacket",
     [](int i, SeededRandom&) {
       Bytes payload{0};
       for (std::uint32_t k = 0; payload.size() + 10 < 1160; ++k) {
         const Bytes one = piece_payload(channel_of(i), 1 + sequence_of(i) + k, true, ByteView(full()).first(1));
         payload.insert(payload.end(), one.begin() + 1, one.end());
       }
       return payload;
     }},
};

class Fragments : public ::testing::TestWithParam<Pattern> {};

TEST_P(Fragments, AConnectionOfAnEndpointHoldsNoMoreThan64KiB) {
  Lab lab;
  SeededRandom random(5);
  for (int i = 0; i < peers; ++i) {
    const SessionId session{static_cast<std::uint64_t>(10 + i)};
    lab.endpoint.expect(session, Lab::epoch, Lab::self, key(static_cast<std::uint8_t>(session.value)));
  }
  std::vector<Lab::Broken> broken;
  broken.reserve(peers);
  for (int i = 0; i < peers; ++i) broken.push_back(lab.break_in(SessionId{static_cast<std::uint64_t>(10 + i)}));
  lab.expect_healthy();  // what that needs for itself is not counted
  const std::size_t before = memory_bytes();
  std::size_t most = 0;
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer, 0};
  Effect effect;
  for (int i = 0; i < packets_each; ++i) {
    for (const auto& one : broken) {
      const Bytes packet = one.to_server.seal(1000 + static_cast<std::uint64_t>(i), GetParam().payload(i, random));
      const Datagram datagram{lab.home, packet};
      lab.endpoint.on_datagrams({&datagram, 1}, lab.now);
      while (lab.endpoint.poll_effect(effect)) continue;
      while (lab.endpoint.poll_transmit(slot, lab.now)) continue;
    }
    most = std::max(most, memory_bytes());
  }
  EXPECT_LE((most - std::min(most, before)) / peers, connection_bytes_max);
  lab.expect_healthy();
  for (int i = 0; i < peers; ++i)
    lab.endpoint.forget(SessionId{static_cast<std::uint64_t>(10 + i)}, CloseReason::kicked);
  lab.now += seconds{1};
  for (int i = 0; i < 10; ++i, lab.now += milliseconds{100})
    while (lab.endpoint.poll_transmit(slot, lab.now)) continue;
  EXPECT_LE(memory_bytes(), before + 4096) << "all of it is given back";
}

TEST_P(Fragments, ADialerHoldsNoMoreThan64KiB) {
  Lab lab;
  SeededRandom random(5);
  auto broken = lab.break_in();
  lab.expect_healthy();
  const std::size_t before = memory_bytes();
  std::size_t most = 0;
  for (int i = 0; i < packets_each; ++i) {
    const Bytes packet = broken.to_client.seal(1000 + static_cast<std::uint64_t>(i), GetParam().payload(i, random));
    broken.dialer.on_datagram(packet, lab.now);
    Effect effect;
    while (broken.dialer.poll_effect(effect)) continue;
    while (!lab.next(broken.dialer).empty()) continue;
    most = std::max(most, memory_bytes());
  }
  EXPECT_LE(most - std::min(most, before), connection_bytes_max);
  lab.expect_healthy();
}

INSTANTIATE_TEST_SUITE_P(Patterns, Fragments, ::testing::ValuesIn(patterns),
                         [](const auto& one) { return std::string(one.param.name); });

// Catches a window of which one measure is forgotten: tiny pieces by the thousand, or 32 full ones.
TEST(Window, ItBoundsBothTheBytesAndTheNumberOfWhatIsHeld) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{400}, std::size_t{500}, piece_bytes_max}) {
    for (std::size_t at = 0; at < channel_count; ++at) {
      const std::size_t cost = size + held_cost, window = window_bytes_of(window_full_pieces[at]);
      const auto channel = static_cast<Channel>(at);
      const auto admitted = std::min<std::size_t>(window_pieces_max, window / cost);
      const auto give = [&](Lab& lab, const Lab::Broken& broken, std::size_t sequence) {
        const auto number = static_cast<std::uint32_t>(sequence);
        return lab.give(
            broken.to_server.seal(1000 + number, piece_payload(channel, number, true, ByteView(full()).first(size))));
      };
      {
        Lab lab;
        const auto broken = lab.break_in();
        for (std::size_t n = 1; n < 60; ++n) {
          EXPECT_FALSE(give(lab, broken, n).is_malformed()) << size << ' ' << n;
          EXPECT_LE(lab.endpoint.held_bytes(), window);
        }
        EXPECT_EQ(lab.endpoint.held_bytes(), std::min<std::size_t>(window_pieces_max - 1, window / cost) * cost)
            << size;
        lab.expect_healthy();
      }
      {
        Lab lab;
        const auto broken = lab.break_in();
        for (std::size_t n = 0; n < admitted; ++n) EXPECT_EQ(give(lab, broken, n).drops(), 0u) << size << ' ' << n;
        EXPECT_EQ(lab.endpoint.held_bytes(), admitted * cost);
        const Outcome beyond = give(lab, broken, admitted);
        EXPECT_GT(beyond.after.dropped_malformed, beyond.before.dropped_malformed) << size << ": it can never be whole";
        EXPECT_EQ(all<Closed>(beyond.effects).size(), 1u) << size;
        EXPECT_EQ(lab.endpoint.held_bytes(), 0u);
        lab.expect_healthy();
      }
    }
  }
}

/// Sends on every channel, reliably and not, until each refuses.
template <class Send>
void fill_queues(Send&& send) {
  for (const std::size_t size : {std::size_t{4000}, std::size_t{1000}, std::size_t{100}, std::size_t{1}})
    for (const auto channel : {Channel::game, Channel::chat, Channel::control})
      for (int i = 0; i < 5000 && send(channel, Delivery::reliable, Bytes(size, 1)); ++i) continue;
  for (int i = 0; i < 200; ++i) (void)send(Channel::game, Delivery::unreliable, Bytes(1000, 1));
}

// The worst of both: it acknowledges nothing and sends what cannot be delivered.
TEST(Queues, APeerThatAcknowledgesNothingAndFloodsHoldsNoMoreThan64KiB) {
  for (const bool at_server : {true, false}) {
    Lab lab;
    SeededRandom random(5);
    auto broken = lab.break_in();
    lab.expect_healthy();
    const std::size_t before = memory_bytes();
    std::size_t most = 0;
    std::array<std::uint8_t, datagram_bytes_max> buffer;
    Slot slot{{}, buffer, 0};
    Effect effect;
    for (int i = 0; i < 300; ++i) {
      fill_queues([&](Channel channel, Delivery delivery, const Bytes& bytes) {
        return static_cast<bool>(at_server ? lab.endpoint.send(broken.connection, channel, delivery, bytes)
                                           : broken.dialer.send(channel, delivery, bytes));
      });
      const Bytes payload = patterns[0].payload(i, random);
      const auto counter = 1000 + static_cast<std::uint64_t>(i);
      if (at_server) {
        const Bytes packet = broken.to_server.seal(counter, payload);
        const Datagram datagram{lab.home, packet};
        lab.endpoint.on_datagrams({&datagram, 1}, lab.now);
        while (lab.endpoint.poll_transmit(slot, lab.now)) continue;
        while (lab.endpoint.poll_effect(effect)) continue;
      } else {
        broken.dialer.on_datagram(broken.to_client.seal(counter, payload), lab.now);
        while (broken.dialer.poll_transmit(slot, lab.now)) continue;
        while (broken.dialer.poll_effect(effect)) continue;
      }
      most = std::max(most, memory_bytes());
      lab.now += milliseconds{20};
    }
    EXPECT_LE(most - std::min(most, before), connection_bytes_max) << (at_server ? "Endpoint" : "Dialer");
    lab.expect_healthy();
  }
}

/// A quarter of a full piece of a message whose first is missing.
Bytes lonely_piece() { return piece_payload(Channel::control, 1, true, full()); }

/// Keeps the connection alive, and takes what comes, without a word on the missing piece.
bool is_closed_within(Lab& lab, Lab::Broken& broken, bool at_server, Duration time, bool adds_more) {
  std::uint64_t counter = 2000;
  std::uint32_t sequence = 1;
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer, 0};
  Effect effect;
  bool closed = false;
  const auto hear = [&] {
    const auto* end = std::get_if<Closed>(&effect);
    if (end == nullptr) return;
    EXPECT_EQ(end->reason, CloseReason::protocol);
    closed = true;
  };
  for (const Instant until = lab.now + time; lab.now < until && !closed; lab.now += milliseconds{500}) {
    Bytes payload{0, 3};
    if (adds_more && sequence < 8 && counter % 8 == 0)
      payload = piece_payload(Channel::control, ++sequence, true, full());
    if (at_server) {
      const Bytes packet = broken.to_server.seal(++counter, payload);
      const Datagram datagram{lab.home, packet};
      lab.endpoint.on_datagrams({&datagram, 1}, lab.now);
      while (lab.endpoint.poll_transmit(slot, lab.now)) continue;
      while (lab.endpoint.poll_effect(effect))
        if (std::visit([&](const auto& one) { return one.connection == broken.connection; }, effect)) hear();
    } else {
      broken.dialer.on_datagram(broken.to_client.seal(++counter, payload), lab.now);
      while (broken.dialer.poll_transmit(slot, lab.now)) continue;
      while (broken.dialer.poll_effect(effect)) hear();
    }
  }
  return closed;
}

// Catches pieces that are held for as long as the peer says "I am here".
TEST(Unfinished, AMessageThatIsNotWholeThirtySecondsAfterItsFirstPieceEndsTheConnection) {
  for (const bool at_server : {true, false}) {
    for (const bool adds_more : {false, true}) {
      Lab lab;
      auto broken = lab.break_in();
      if (at_server)
        (void)lab.give(broken.to_server.seal(1000, lonely_piece()));
      else
        (void)lab.give(broken.dialer, broken.to_client.seal(1000, lonely_piece()));
      EXPECT_FALSE(is_closed_within(lab, broken, at_server, seconds{29}, adds_more)) << at_server << adds_more;
      EXPECT_TRUE(is_closed_within(lab, broken, at_server, seconds{3}, adds_more)) << at_server << adds_more;
    }
  }
}

// Catches a bound for each connection that thousands of connections multiply.
TEST(Unfinished, AllConnectionsTogetherHoldNoMoreThanTheyMayAndWholeMessagesStillCome) {
  constexpr std::size_t held_max = 128 * 1024;
  constexpr int crowd = 60;
  EndpointConfig config = unlimited();
  config.held_bytes_max = held_max;
  Lab lab(Lab::Family::v4, config);
  std::vector<Lab::Broken> broken;
  for (int i = 0; i < crowd; ++i) {
    const SessionId session{static_cast<std::uint64_t>(10 + i)};
    lab.endpoint.expect(session, Lab::epoch, Lab::self, key(static_cast<std::uint8_t>(session.value)));
    broken.push_back(lab.break_in(session));
  }
  const std::size_t before = memory_bytes();
  const std::uint64_t limited = lab.endpoint.statistics().dropped_limited;
  std::uint64_t refused = 0;
  for (std::uint32_t sequence = 1; sequence < 12; ++sequence) {
    for (const auto& one : broken) {
      const Outcome outcome =
          lab.give(one.to_server.seal(1000 + sequence, piece_payload(Channel::control, sequence, true, full())));
      refused += outcome.drops();
    }
  }
  EXPECT_LE(memory_bytes(), before + held_max + crowd * 1024) << "beyond the pieces, a little for each connection";
  EXPECT_GT(refused, 0u);
  EXPECT_EQ(lab.endpoint.statistics().dropped_limited - limited, refused) << "counted as what they are";
  for (const auto& one : broken) {
    const Outcome outcome =
        lab.give(one.to_server.seal(5000, piece_payload(Channel::chat, 0, false, ByteView(full()).first(100))));
    EXPECT_EQ(messages(outcome.effects, Channel::chat, Delivery::reliable).size(), 1u)
        << "what is whole at once is taken";
  }
  for (int i = 0; i < crowd; ++i)
    lab.endpoint.forget(SessionId{static_cast<std::uint64_t>(10 + i)}, CloseReason::kicked);
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer, 0};
  for (int i = 0; i < 10; ++i, lab.now += milliseconds{100})
    while (lab.endpoint.poll_transmit(slot, lab.now)) continue;
  lab.expect_healthy();  // whose message of several pieces is taken again
}

// A client that has shown no credentials has the least to hold: four pieces a channel.
TEST(Unfinished, ALoginConnectionTakesNoMessageBeyondFourKiB) {
  Lab lab;
  Dialer dialer = lab.login();
  lab.expect_served(dialer);
  std::vector<Seen> told, seen;
  ASSERT_TRUE(dialer.send(Channel::control, Delivery::reliable, pattern(4 * 1024, 1)));
  lab.run(dialer, seconds{2}, told, seen);
  EXPECT_EQ(messages(told, Channel::control, Delivery::reliable), std::vector<Bytes>{pattern(4 * 1024, 1)});
  const std::size_t before = memory_bytes();
  (void)dialer.send(Channel::control, Delivery::reliable, pattern(12 * 1024, 2));
  lab.run(dialer, seconds{2}, told, seen);
  EXPECT_EQ(messages(told, Channel::control, Delivery::reliable).size(), 1u);
  EXPECT_LE(memory_bytes(), before + 32 * 1024);
  lab.expect_healthy();
}

}  // namespace
}  // namespace orrery::wire::test
