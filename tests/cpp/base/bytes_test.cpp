#include "base/bytes.h"

#include <gtest/gtest.h>

namespace orrery::test {

TEST(Bytes, HexGoesThereAndBackAndRefusesNonsense) {
  const Bytes bytes{0x00, 0x7f, 0xab, 0xff};
  EXPECT_EQ(to_hex(bytes), "007fabff");
  EXPECT_EQ(from_hex("007fABff"), bytes);
  EXPECT_EQ(from_hex(""), Bytes{});
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0g"));
  EXPECT_FALSE(key_from_hex(std::string(62, '0')));
  ASSERT_TRUE(key_from_hex(std::string(64, 'a')));
  EXPECT_EQ(key_from_hex(std::string(64, 'a'))->front(), 0xaa);
}

TEST(Bytes, BigEndianPutsTheHighByteFirst) {
  EXPECT_EQ(big_endian(0x0102030405060708), (std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(Bytes, WriterAndReaderAgreeOnLittleEndian) {
  std::array<std::uint8_t, 15> buffer;
  Writer writer(buffer);
  writer.put<std::uint8_t>(1);
  writer.put<std::uint16_t>(0x0302);
  writer.put<std::int32_t>(-2);
  writer.put<std::uint64_t>(0x1122334455667788);
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(to_hex(writer.written()), "010203feffffff8877665544332211");
  Reader reader(writer.written());
  EXPECT_EQ(reader.take<std::uint8_t>(), 1);
  EXPECT_EQ(reader.take<std::uint16_t>(), 0x0302);
  EXPECT_EQ(reader.take<std::int32_t>(), -2);
  EXPECT_EQ(reader.take<std::uint64_t>(), 0x1122334455667788u);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(Bytes, ReadingPastTheEndGivesZeroAndStaysSo) {
  const Bytes bytes{1, 2, 3};
  Reader reader(bytes);
  EXPECT_EQ(reader.take<std::uint32_t>(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.take<std::uint8_t>(), 0);
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_TRUE(reader.take_bytes(0).empty());
}

TEST(Bytes, WritingPastTheEndWritesNothing) {
  std::array<std::uint8_t, 3> buffer{9, 9, 9};
  Writer writer(buffer);
  writer.put<std::uint16_t>(0);
  writer.put<std::uint16_t>(0);
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(writer.size(), 2u);
  writer.put<std::uint8_t>(0);
  EXPECT_EQ(buffer[2], 9);
}

}  // namespace orrery::test
