#include "client/game_message.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace orrery::client {

namespace {

// A snapshot as docs/protocol.md lays it out, written byte by byte.
const Bytes one_entity{
    2,                       // kind
    0x04, 0x03, 0x02, 0x01,  // tick
    9,    0,    0,    0,     // last input
    30,   0,                 // input delay, ms
    4,    0,                 // unit, cm
    7,    0,    0,    0,     // self
    0x40, 0x42, 0x0f, 0,     // x: 1000000, 250000 units
    0x10, 0x27, 0,    0,     // y: 10000, 2500 units
    0xfb, 0xff,              // vx: -5
    6,    0,                 // vy
    3,    99,                // kind and state of oneself
    1,    1,                 // count, gone
    8,    0,    0,    0,     // entity
    0x8c, 0xd0,              // x: 250000 - 4 units, modulo 65536 (250000 = 3 * 65536 + 53392)
    0xff, 0xff,              // y: 65535, which is -1 as seen from 2500
    0xff, 2,                 // vx: -50 cm/s, vy: 100 cm/s
    1,    50,                // kind, state
    11,   0,    0,    0,     // gone
};

}  // namespace

// Catches a field out of place against the document, and a position that is taken from the wrong end of its wrap.
TEST(Snapshot, IsReadAsTheDocumentSays) {
  const auto snapshot = decode_snapshot(one_entity);
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->tick, 0x01020304u);
  EXPECT_EQ(snapshot->last_input, 9u);
  const Entity& self = snapshot->self;
  EXPECT_EQ(self.entity, 7u);
  EXPECT_EQ(self.x_cm, 1'000'000);
  EXPECT_EQ(self.y_cm, 10'000);
  EXPECT_EQ(self.vx_cm_s, -5);
  EXPECT_EQ(self.vy_cm_s, 6);
  EXPECT_EQ(self.kind, 3);
  EXPECT_EQ(self.state, 99);
  ASSERT_EQ(snapshot->entities.size(), 1u);
  const Entity& other = snapshot->entities[0];
  EXPECT_EQ(other.entity, 8u);
  // The middle of the unit that is meant.
  EXPECT_EQ(other.x_cm, (250'000 - 4) * 4 + 2);
  EXPECT_EQ(other.y_cm, -1 * 4 + 2);
  EXPECT_EQ(other.vx_cm_s, -50);
  EXPECT_EQ(other.vy_cm_s, 100);
  EXPECT_EQ(other.kind, 1);
  EXPECT_EQ(other.state, 50);
  EXPECT_EQ(snapshot->gone, std::vector<std::uint32_t>{11});
}

// Catches a read past the end, a count that is believed, and a division by a unit of nothing.
TEST(Snapshot, IsRefusedWhenCutLengthenedOrLying) {
  for (std::size_t size = 0; size < one_entity.size(); ++size) {
    // On the heap at its exact size, so that a sanitizer sees a read past it.
    const Bytes cut(one_entity.begin(), one_entity.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(decode_snapshot(cut)) << size;
  }
  Bytes longer = one_entity;
  longer.push_back(0);
  EXPECT_FALSE(decode_snapshot(longer));
  for (const std::size_t count : {31u, 32u}) {
    Bytes lying = one_entity;
    lying[count] = 0xff;
    EXPECT_FALSE(decode_snapshot(lying));
  }
  Bytes other = one_entity;
  other[0] = 1;
  EXPECT_FALSE(decode_snapshot(other));
  Bytes nothing = one_entity;
  nothing[11] = 0;
  EXPECT_FALSE(decode_snapshot(nothing));
}

// Catches a crash, and an entity made of nothing.
TEST(Snapshot, OfRandomBytesNeverHoldsMoreThanTheBytesDo) {
  std::mt19937 engine(5);
  std::size_t whole = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes(engine() % 120);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(engine());
    if (!bytes.empty()) bytes[0] = 2;
    if (bytes.size() > 32) bytes[31] %= 8, bytes[32] %= 8;
    const auto snapshot = decode_snapshot(bytes);
    if (!snapshot) continue;
    ++whole;
    EXPECT_EQ(bytes.size(), 33 + snapshot->entities.size() * 12 + snapshot->gone.size() * 4);
  }
  EXPECT_GT(whole, 0u);
}

// Catches one that is forgotten because a snapshot does not tell of it, and one that is remembered when it is gone.
TEST(Sight, HoldsWhoWasToldOfUntilItIsGone) {
  Sight sight;
  const auto at = [&](std::uint32_t tick, std::uint8_t count, std::uint8_t gone) {
    Bytes bytes = one_entity;
    Writer(std::span(bytes).subspan(1)).put(tick);
    bytes[31] = count;
    bytes[32] = gone;
    if (count == 0) bytes.erase(bytes.begin() + 33, bytes.begin() + 45);
    if (gone == 0) bytes.resize(bytes.size() - 4);
    if (gone == 1 && count == 0) bytes[33] = 8;
    return sight.take(bytes);
  };
  EXPECT_EQ(at(1, 1, 0)->entities.size(), 2u);
  EXPECT_EQ(at(2, 0, 0)->entities.size(), 2u);
  EXPECT_EQ(at(2, 0, 0), std::nullopt);
  EXPECT_EQ(at(1, 0, 1), std::nullopt);
  EXPECT_EQ(at(3, 0, 1)->entities.size(), 1u);
  EXPECT_EQ(at(4, 1, 0)->entities.size(), 2u);
  EXPECT_EQ(at(67, 0, 0)->entities.size(), 2u);
  EXPECT_EQ(at(68, 0, 0)->entities.size(), 1u) << "nobody has told of it for 64 ticks";
}

// Catches an input out of order or more than three.
TEST(Inputs, AreWrittenNewestFirst) {
  const std::array<Input, 4> inputs{{{300, -1, 127, 1}, {299, 0, 0, 0}, {298, 5, 6, 7}, {297, 1, 1, 1}}};
  EXPECT_EQ(encode_inputs(std::span(inputs).first(1)), (Bytes{1, 1, 44, 1, 0, 0, 255, 127, 1}));
  EXPECT_EQ(encode_inputs(inputs), (Bytes{1, 3, 44, 1, 0, 0, 255, 127, 1, 43, 1, 0, 0, 0, 0, 0, 42, 1, 0, 0, 5, 6, 7}));
}

}  // namespace orrery::client
