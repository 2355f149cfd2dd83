#include "wire/parse.h"

#include <gtest/gtest.h>

#include <string>

namespace orrery::wire {
namespace {

/// A member that says it is `length` long, and what it then holds.
std::string member(int field, std::uint32_t length, const std::string& held) {
  std::string out{static_cast<char>(field << 3 | 2)};
  for (; length >= 0x80; length >>= 7) out += static_cast<char>(length | 0x80);
  return out + static_cast<char>(length) + held;
}
std::string member(int field, const std::string& held) {
  return member(field, static_cast<std::uint32_t>(held.size()), held);
}

constexpr std::uint32_t much = 100'000'000;
constexpr std::size_t little = 1000;

TEST(Parse, NothingIsReservedForWhatIsNotThere) {
  proto::ClientControl client;
  EXPECT_FALSE(parse(as_bytes(member(1, 2 * much, member(1, much, "pat"))), client));
  EXPECT_LT(client.credentials().name().capacity(), little);
  EXPECT_FALSE(parse(as_bytes(member(1, member(1, much, "pat"))), client));
  EXPECT_LT(client.credentials().name().capacity(), little);

  proto::ServerControl server;
  EXPECT_FALSE(parse(as_bytes(member(1, member(3, 2 * much, member(2, much, "pat")))), server));
  for (const auto& character : server.login_result().characters()) EXPECT_LT(character.name().capacity(), little);
  EXPECT_FALSE(parse(as_bytes(member(4, member(1, 2 * much, member(3, much, "127.0.0.1")))), server));
  for (const auto& target : server.redirect().targets()) EXPECT_LT(target.host().capacity(), little);

  proto::ClientChat chat;
  EXPECT_FALSE(parse(as_bytes(member(1, 2 * much, member(4, much, "hello"))), chat));
  EXPECT_LT(chat.say().text().capacity(), little);
}

TEST(Parse, WhatFitsIsTaken) {
  proto::ServerControl sent, taken;
  auto& result = *sent.mutable_login_result();
  result.set_session_id(7);
  result.set_root_secret(std::string(32, '\xff'));  // no message, whatever it looks like
  result.add_characters()->set_name("Pat");
  ASSERT_TRUE(parse(as_bytes(sent.SerializeAsString()), taken));
  EXPECT_EQ(taken.SerializeAsString(), sent.SerializeAsString());
  EXPECT_TRUE(parse({}, taken)) << "no member is a message too";

  // Members that nobody knows, of each wire type.
  const std::string unknown = "\x98\x06\x01" +
                              std::string(
                                  "\x99\x06"
                                  "12345678") +
                              "\x9d\x06"
                              "1234" +
                              member(15, "x");
  proto::ClientControl client;
  ASSERT_TRUE(parse(as_bytes(unknown + member(3, "")), client));
  EXPECT_TRUE(client.has_logout());
  for (std::size_t size = 1; size < 3; ++size)
    EXPECT_FALSE(parse(as_bytes(unknown.substr(0, size)), client)) << "cut off after " << size;
  EXPECT_FALSE(parse(as_bytes(std::string("\x9b\x06\x9c\x06")), client)) << "a group";
}

}  // namespace
}  // namespace orrery::wire
