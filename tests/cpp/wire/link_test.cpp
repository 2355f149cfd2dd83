#include "wire/link.h"

#include <gtest/gtest.h>

#include "virtual_network.h"

namespace orrery::wire::test {

static Key32 filled(std::uint8_t fill) {
  Key32 key;
  key.fill(fill);
  return key;
}

TEST(Link, OpensForItsTargetAlone) {
  SeededRandom random(1);
  const Key32 key = link_key(filled(7), ServerId{3}, Epoch{4});
  const Bytes datagram = seal_link(key, ServerId{3}, Epoch{4}, as_bytes("arrival"), random);
  EXPECT_EQ(datagram.size(), 57u + 7u);
  const auto opened = open_link(filled(7), datagram);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->source, ServerId{3});
  EXPECT_EQ(opened->source_epoch, Epoch{4});
  EXPECT_EQ(as_text(opened->payload), "arrival");
  EXPECT_FALSE(open_link(filled(8), datagram));
}

TEST(Link, KeyAgreesWithPython) {
  EXPECT_EQ(to_hex(link_key(filled(7), ServerId{3}, Epoch{4})),
            "008eb188128f318f720e8761d82b2b58e17d775bc204cdff0c2d03f84774c569");
}

TEST(Link, EveryFlippedBitAndEveryCutIsRefused) {
  SeededRandom random(2);
  const Bytes datagram =
      seal_link(link_key(filled(7), ServerId{3}, Epoch{4}), ServerId{3}, Epoch{4}, as_bytes("x"), random);
  for (std::size_t bit = 0; bit < datagram.size() * 8; ++bit) {
    Bytes flipped = datagram;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(open_link(filled(7), flipped)) << bit;
  }
  for (std::size_t size = 0; size < datagram.size(); ++size)
    EXPECT_FALSE(open_link(filled(7), ByteView(datagram).first(size))) << size;
}

TEST(Link, TakesWhatFitsADatagramAndNoMore) {
  SeededRandom random(3);
  const Key32 key = link_key(filled(7), ServerId{3}, Epoch{4});
  EXPECT_EQ(seal_link(key, ServerId{3}, Epoch{4}, Bytes(1200 - 57), random).size(), 1200u);
  EXPECT_TRUE(seal_link(key, ServerId{3}, Epoch{4}, Bytes(1200 - 56), random).empty());
  EXPECT_TRUE(open_link(filled(7), seal_link(key, ServerId{3}, Epoch{4}, {}, random)));
}

}  // namespace orrery::wire::test
