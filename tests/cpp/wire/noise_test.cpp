// Noise_NK_25519_ChaChaPoly_BLAKE2b against the published vectors, and against an independent implementation's.
#include "wire/noise.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "wire/endpoint.h"
#include "wire/session_keys.h"

namespace orrery::wire::test {

static Bytes hex(const std::string& text) { return *from_hex(text); }

static Key32 counting(std::uint8_t first) {
  Key32 key;
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(first + i);
  return key;
}

static std::filesystem::path vectors_path() {
  if (const char* path = std::getenv("ORRERY_VECTORS")) return path;
  return std::filesystem::path(__FILE__).parent_path() /
         "../../../../shared/vectors/noise-nk-25519-chachapoly-blake2b.json";
}

/// Runs both sides through a vector's handshake and transport messages and compares every byte.
static void check(const nlohmann::json& vector) {
  const auto field = [&](const char* name) { return vector.at(name).get<std::string>(); };
  auto client = NoiseNk::initiator(hex(field("init_prologue")), *key_from_hex(field("init_remote_static")),
                                   *key_from_hex(field("init_ephemeral")));
  auto server = NoiseNk::responder(hex(field("resp_prologue")), *key_from_hex(field("resp_static")),
                                   *key_from_hex(field("resp_ephemeral")));
  const auto& messages = vector.at("messages");
  const auto payload = [&](std::size_t i) { return hex(messages.at(i).at("payload").get<std::string>()); };
  const auto ciphertext = [&](std::size_t i) { return hex(messages.at(i).at("ciphertext").get<std::string>()); };
  EXPECT_EQ(client.write_first(payload(0)), ciphertext(0));
  EXPECT_EQ(server.read_first(ciphertext(0)), payload(0));
  EXPECT_EQ(server.write_second(payload(1)), ciphertext(1));
  EXPECT_EQ(client.read_second(ciphertext(1)), payload(1));
  const Bytes hash(client.handshake_hash().begin(), client.handshake_hash().end());
  EXPECT_EQ(to_hex(hash), field("handshake_hash"));
  EXPECT_EQ(client.handshake_hash(), server.handshake_hash());
  for (std::size_t i = 2; i < messages.size(); ++i) {
    const Key32 key = (i % 2 == 0 ? client : server).split().send;
    Bytes sealed(payload(i).size() + tag_bytes);
    seal(key, (i - 2) / 2, {}, payload(i), sealed);
    EXPECT_EQ(sealed, ciphertext(i)) << "message " << i;
    Bytes plain(payload(i).size());
    EXPECT_TRUE(open((i % 2 == 0 ? server : client).split().receive, (i - 2) / 2, {}, sealed, plain));
    EXPECT_EQ(plain, payload(i));
  }
}

TEST(Noise, AgreesWithThePublishedVectors) {
  crypto_ready();
  std::ifstream file(vectors_path());
  if (!file) {
    std::cout << "published vectors are not at " << vectors_path() << "; only the independent vector is checked\n";
    RecordProperty("published_vectors", "absent");
    return;
  }
  const auto document = nlohmann::json::parse(file);
  std::size_t checked = 0;
  for (const auto& vector : document.at("vectors")) {
    if (vector.at("protocol_name") != "Noise_NK_25519_ChaChaPoly_BLAKE2b") continue;
    check(vector);
    ++checked;
  }
  EXPECT_GT(checked, 0u);
}

// Made by a separate Python implementation (hashlib, hmac, cryptography) that reproduces the published vectors.
TEST(Noise, AgreesWithAnIndependentImplementation) {
  crypto_ready();
  const Bytes prologue = login_prologue("dev");
  const Key32 server_key = counting(0);
  auto client = NoiseNk::initiator(prologue, public_key(server_key), counting(32));
  auto server = NoiseNk::responder(prologue, server_key, counting(64));
  const auto first = client.write_first({});
  ASSERT_TRUE(first);
  EXPECT_EQ(to_hex(*first),
            "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"
            "5c58ebed7a30ffa3bf7a82159d4c3ebc");
  ASSERT_TRUE(server.read_first(*first));
  const auto second = server.write_second({});
  ASSERT_TRUE(second);
  EXPECT_EQ(to_hex(*second),
            "79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a"
            "90abb22a47f8c3fe30ba099b9389025f");
  ASSERT_TRUE(client.read_second(*second));
  EXPECT_EQ(to_hex(client.handshake_hash()),
            "523228d832847886bf647fe42f4f254bee02b876b5ecff6d42dbba90b08ae22f"
            "e15a41ab3c7a2f29f0f4c2b84b09d443c18bdbd77a21f29597f8a55f393955dc");
  EXPECT_EQ(to_hex(client.split().send), "cab403af677a4bd36497c4df7a676e288dc730ebe1475417de57d2520e560d29");
  EXPECT_EQ(to_hex(client.split().receive), "004faaf1b958ce20e5c1992352fbfbd9551622938e8836804287fbd82460d62d");
  EXPECT_EQ(client.split().send, server.split().receive);
  EXPECT_EQ(client.split().receive, server.split().send);
}

TEST(Noise, HmacBlake2bAgreesWithPython) {
  EXPECT_EQ(to_hex(hmac_blake2b(as_bytes("key"), as_bytes("The quick brown fox"))),
            "5c169e8a18362381efbc0f688fa1d48e99f2bd5885a19c29943e28b43d566f33"
            "0555d6c37a277cd4cbb1deca561f377c02f0d5388c6e1efd6e97de2bd8b2d678");
  EXPECT_EQ(to_hex(hmac_blake2b(as_bytes(std::string(200, 'k')), as_bytes("long"))),
            "6a485a4c448ec00562ba6a82bbecb1b93d427470434cddb84857017039b00f2b"
            "f511b6b4a0f4c5bd22491e1e4932a13c0f205c2cced1df7809a58a4c3bd693ee");
}

TEST(Noise, SessionKeyAgreesWithPython) {
  EXPECT_EQ(to_hex(session_key(Key32{}, SessionId{9}, ServerId{77}, Epoch{(std::uint64_t{5} << 32) | 1})),
            "3ff09945ede7efbc8ab28f6d35a83b5aeab24b754b8230d9b5fd4d8dd093584d");
}

TEST(Noise, AnotherPrologueKeyOrBitDoesNotOpen) {
  crypto_ready();
  const Key32 server_key = counting(0);
  auto client = NoiseNk::initiator(login_prologue("dev"), public_key(server_key), counting(32));
  const Bytes first = *client.write_first(as_bytes("hello"));
  EXPECT_FALSE(NoiseNk::responder(login_prologue("live"), server_key, counting(64)).read_first(first));
  EXPECT_FALSE(NoiseNk::responder(login_prologue("dev"), counting(1), counting(64)).read_first(first));
  for (std::size_t bit = 0; bit < first.size() * 8; ++bit) {
    Bytes flipped = first;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    // X25519 ignores the top bit of a public key, but the hash of the handshake does not.
    EXPECT_FALSE(NoiseNk::responder(login_prologue("dev"), server_key, counting(64)).read_first(flipped)) << bit;
  }
  for (std::size_t size = 0; size < first.size(); ++size)
    EXPECT_FALSE(
        NoiseNk::responder(login_prologue("dev"), server_key, counting(64)).read_first(ByteView(first).first(size)));
}

TEST(Noise, PointsOfLowOrderAreRefused) {
  crypto_ready();
  Key32 one{};
  one[0] = 1;
  for (const Key32& low : {Key32{}, one}) {
    EXPECT_FALSE(NoiseNk::initiator({}, low, counting(32)).write_first({}));
    Bytes message(low.begin(), low.end());
    message.resize(noise_overhead);
    EXPECT_FALSE(NoiseNk::responder({}, counting(0), counting(64)).read_first(message));
  }
}

}  // namespace orrery::wire::test
