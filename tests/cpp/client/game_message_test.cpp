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
    7,    0,    0,    0,     // self
    1,    0,                 // count
    7,    0,    0,    0,     // entity
    0x9c, 0xff, 0xff, 0xff,  // x: -100
    0x10, 0x27, 0,    0,     // y: 10000
    0xfb, 0xff,              // vx: -5
    6,    0,                 // vy
    3,                       // kind of entity
};

}  // namespace

// Catches a field out of place against the document.
TEST(Snapshot, IsReadAsTheDocumentSays) {
  const auto snapshot = decode_snapshot(one_entity);
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->tick, 0x01020304u);
  EXPECT_EQ(snapshot->last_input, 9u);
  EXPECT_EQ(snapshot->self, 7u);
  ASSERT_EQ(snapshot->entities.size(), 1u);
  EXPECT_EQ(snapshot->entities[0].entity, 7u);
  EXPECT_EQ(snapshot->entities[0].x_cm, -100);
  EXPECT_EQ(snapshot->entities[0].y_cm, 10000);
  EXPECT_EQ(snapshot->entities[0].vx_cm_s, -5);
  EXPECT_EQ(snapshot->entities[0].vy_cm_s, 6);
  EXPECT_EQ(snapshot->entities[0].kind, 3);
}

// Catches a read past the end, and a count that is believed.
TEST(Snapshot, IsRefusedWhenCutLengthenedOrLying) {
  for (std::size_t size = 0; size < one_entity.size(); ++size) {
    // On the heap at its exact size, so that a sanitizer sees a read past it.
    const Bytes cut(one_entity.begin(), one_entity.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(decode_snapshot(cut)) << size;
  }
  Bytes longer = one_entity;
  longer.push_back(0);
  EXPECT_FALSE(decode_snapshot(longer));
  Bytes lying = one_entity;
  lying[15] = lying[16] = 0xff;
  EXPECT_FALSE(decode_snapshot(lying));
  Bytes other = one_entity;
  other[0] = 1;
  EXPECT_FALSE(decode_snapshot(other));
}

// Catches a crash, and an entity made of nothing.
TEST(Snapshot, OfRandomBytesNeverHoldsMoreThanTheBytesDo) {
  std::mt19937 engine(5);
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes(engine() % 120);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(engine());
    if (!bytes.empty()) bytes[0] = 2;
    if (bytes.size() > 16) bytes[16] = 0;
    const auto snapshot = decode_snapshot(bytes);
    if (snapshot) {
      EXPECT_EQ(bytes.size(), 17 + snapshot->entities.size() * 17);
    }
  }
}

// Catches an input out of order or more than three.
TEST(Inputs, AreWrittenNewestFirst) {
  const std::array<Input, 4> inputs{{{300, -1, 127, 1}, {299, 0, 0, 0}, {298, 5, 6, 7}, {297, 1, 1, 1}}};
  EXPECT_EQ(encode_inputs(std::span(inputs).first(1)), (Bytes{1, 1, 44, 1, 0, 0, 255, 127, 1}));
  EXPECT_EQ(encode_inputs(inputs), (Bytes{1, 3, 44, 1, 0, 0, 255, 127, 1, 43, 1, 0, 0, 0, 0, 0, 42, 1, 0, 0, 5, 6, 7}));
}

}  // namespace orrery::client
