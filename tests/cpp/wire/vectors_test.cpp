// docs/vectors/wire.json: what the code makes of its inputs, in the shape of tests/conformance/VECTORS.md. Who changes
// the format changes that file on purpose: ORRERY_WRITE_VECTORS=1 writes it anew; tests/conformance/test_vectors.py
// holds it to docs/protocol.md.
#include <gtest/gtest.h>
#include <sodium.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "orrery.pb.h"
#include "wire/connection.h"
#include "wire/cookie.h"
#include "wire/endpoint.h"
#include "wire/link.h"
#include "wire/noise.h"
#include "wire/session_keys.h"

namespace orrery::wire {
namespace {

using Json = nlohmann::ordered_json;

/// The bytes that a name stands for: all vectors come from names.
template <std::size_t N>
std::array<std::uint8_t, N> bytes_of(std::string_view name) {
  std::array<std::uint8_t, N> out;
  crypto_generichash(out.data(), out.size(), as_bytes(name).data(), name.size(), nullptr, 0);
  return out;
}
Key32 key_of(std::string_view name) { return bytes_of<32>(name); }

class Fixed final : public Random {
 public:
  explicit Fixed(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
  void fill(std::span<std::uint8_t> out) override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = bytes_[i % bytes_.size()];
  }

 private:
  Bytes bytes_;
};

std::string ed25519(const Key32& seed, std::string_view context, const Hash64& hash, Key32& public_key) {
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  crypto_sign_seed_keypair(public_key.data(), secret.data(), seed.data());
  Bytes text(as_bytes(context).begin(), as_bytes(context).end());
  text.insert(text.end(), hash.begin(), hash.end());
  std::array<std::uint8_t, crypto_sign_BYTES> signature;
  crypto_sign_detached(signature.data(), nullptr, text.data(), text.size(), secret.data());
  return to_hex(signature);
}

/// A payload that is built frame by frame, with what it holds in words.
class Payload {
 public:
  explicit Payload(std::optional<Ack> ack = {}) {
    put(std::uint8_t{ack ? std::uint8_t{1} : std::uint8_t{0}});
    json_["ack"] = nullptr;
    json_["frames"] = Json::array();
    if (!ack) return;
    put(ack->largest);
    put(ack->bitmap);
    put(ack->delay_ms);
    json_["ack"] = Json{{"largest", ack->largest}, {"bitmap", ack->bitmap}, {"delay_ms", ack->delay_ms}};
  }
  Payload& message(std::uint8_t channel, ByteView bytes) {
    put(std::uint8_t{1});
    put(channel);
    put(static_cast<std::uint16_t>(bytes.size()));
    return add({{"type", "message"}, {"channel", channel}, {"bytes", to_hex(bytes)}}, bytes);
  }
  Payload& piece(std::uint8_t channel, std::uint32_t sequence, std::uint8_t more, ByteView bytes) {
    put(std::uint8_t{2});
    put(channel);
    put(sequence);
    put(more);
    put(static_cast<std::uint16_t>(bytes.size()));
    return add(
        {{"type", "piece"}, {"channel", channel}, {"sequence", sequence}, {"more", more}, {"bytes", to_hex(bytes)}},
        bytes);
  }
  Payload& ping() {
    put(std::uint8_t{3});
    return add({{"type", "ping"}}, {});
  }
  Payload& close(CloseReason reason) {
    put(std::uint8_t{4});
    put(static_cast<std::uint8_t>(reason));
    return add({{"type", "close"}, {"reason", static_cast<int>(reason)}}, {});
  }
  Payload& challenge(ByteView bytes) {
    put(std::uint8_t{5});
    return add({{"type", "challenge"}, {"bytes", to_hex(bytes)}}, bytes);
  }
  Payload& response(ByteView bytes) {
    put(std::uint8_t{6});
    return add({{"type", "response"}, {"bytes", to_hex(bytes)}}, bytes);
  }
  const Bytes& bytes() const { return bytes_; }
  const Json& json() const { return json_; }

 private:
  template <class T>
  void put(T value) {
    std::array<std::uint8_t, sizeof(T)> field;
    Writer writer(field);
    writer.put(value);
    bytes_.insert(bytes_.end(), field.begin(), field.end());
  }
  Payload& add(Json frame, ByteView bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    json_["frames"].push_back(std::move(frame));
    return *this;
  }
  Bytes bytes_;
  Json json_;
};

/// One direction's packets; each is opened by a Connection, so that what stands in the file is what the code takes.
class Direction {
 public:
  Direction(const char* name, const Key32& key, std::uint32_t receiver, Connection::Role taker, Connection::Use use)
      : name_(name),
        key_(key),
        receiver_(receiver),
        random_(bytes_of<64>("unused")),
        taker_(taker, use, TrafficKeys{.send = key_of("not used"), .receive = key}, 1, {}, {}, Instant{}) {}

  Json packet(std::uint64_t counter, const Payload& payload,
              Connection::Received taken = Connection::Received::opened) {
    Bytes datagram(data_header_bytes + payload.bytes().size() + tag_bytes);
    encode(DataHeader{receiver_, counter}, datagram);
    seal(key_, counter, ByteView(datagram).first(data_header_bytes), payload.bytes(),
         std::span(datagram).subspan(data_header_bytes));
    EXPECT_EQ(taker_.on_data(datagram, {}, Instant{}, ConnectionId{1}, 1 << 20, effects_, random_, statistics_), taken)
        << payload.json();
    Json json{{"direction", name_}, {"counter", counter}};
    json.update(payload.json());
    json["plaintext"] = to_hex(payload.bytes());
    json["packet"] = to_hex(datagram);
    return json;
  }

 private:
  const char* name_;
  Key32 key_;
  std::uint32_t receiver_;
  Fixed random_;
  Connection taker_;
  EffectQueue effects_;
  Statistics statistics_;
};

Json packets_of_each_frame(Direction& direction) {
  const auto token = bytes_of<8>("token");
  const Bytes full(unreliable_bytes_max, 0xa5);
  Json list = Json::array();
  list.push_back(direction.packet(0, Payload{}.ping()));
  list.push_back(direction.packet(1, Payload{Ack{3, 0b101, 7}}.message(1, as_bytes("snapshot"))));
  list.push_back(direction.packet(2, Payload{Ack{4, 0b1011, 65535}}.piece(0, 0, 1, Bytes(piece_bytes_max, 0x5a))));
  list.push_back(direction.packet(
      3, Payload{}.piece(0, 1, 0, as_bytes("whole")).piece(2, 0, 0, as_bytes("")).message(1, as_bytes(""))));
  list.push_back(direction.packet(4, Payload{}.challenge(token)));
  list.push_back(direction.packet(5, Payload{Ack{0xfffffffe, 0, 25}}.response(token)));
  list.push_back(direction.packet(6, Payload{Ack{5, 0, 0}}.message(1, full)));
  list.push_back(direction.packet(7, Payload{Ack{5, 0, 1}}));
  list.push_back(direction.packet(0x1'0000'0001, Payload{}.message(2, as_bytes("late"))));
  list.push_back(direction.packet(0x1'0000'0002, Payload{}.piece(1, 0, 0, as_bytes("last")).close(CloseReason::moved),
                                  Connection::Received::closed));
  return list;
}

Json login_vectors() {
  const std::string cluster = "production";
  const Key32 static_private = key_of("static"), static_public = public_key(static_private);
  const Key32 client_ephemeral = key_of("client ephemeral"), server_ephemeral = key_of("server ephemeral");
  const std::uint32_t client_id = 0x11223344, server_id = 0xa1b2c3d4;
  const Key32 cookie_secret = key_of("cookie");
  Address address = *Address::parse("203.0.113.7:40001");
  const std::uint64_t time_ms = 0x0102030405;
  Fixed random(cookie_secret);
  const CookieJar jar(std::chrono::seconds{10}, random);
  const Cookie cookie = jar.bake(address, Instant{std::chrono::milliseconds{time_ms}});

  std::array<std::uint8_t, datagram_bytes_max> buffer;
  const auto packet = [&](std::size_t size) { return to_hex(ByteView(buffer).first(size)); };
  NoiseNk client = NoiseNk::initiator(login_prologue(cluster), static_public, client_ephemeral);
  NoiseNk server = NoiseNk::responder(login_prologue(cluster), static_private, server_ephemeral);
  const Bytes first = *client.write_first({});
  EXPECT_TRUE(server.read_first(first));
  const Bytes second = *server.write_second({});
  EXPECT_TRUE(client.read_second(second));
  EXPECT_EQ(client.handshake_hash(), server.handshake_hash());
  const TrafficKeys keys = client.split();

  Json json{{"cluster", cluster},
            {"static_private", to_hex(static_private)},
            {"static_public", to_hex(static_public)},
            {"client_ephemeral", to_hex(client_ephemeral)},
            {"server_ephemeral", to_hex(server_ephemeral)},
            {"client_id", client_id},
            {"server_id", server_id},
            {"cookie_secret", to_hex(cookie_secret)},
            {"family", 4},
            {"address", to_hex(address.ip)},
            {"port", address.port},
            {"time_ms", time_ms}};
  json["hello"] = packet(encode_hello(buffer));
  json["cookie"] = packet(encode(cookie, buffer));
  json["prologue"] = to_hex(login_prologue(cluster));
  json["key_id"] = to_hex(key_id(static_public));
  json["message_1"] = to_hex(first);
  json["message_2"] = to_hex(second);
  Init init{client_id, cookie, key_id(static_public), {}};
  std::copy(first.begin(), first.end(), init.noise.begin());
  json["init"] = packet(encode(init, buffer));
  Reply reply{client_id, server_id, {}};
  std::copy(second.begin(), second.end(), reply.noise.begin());
  json["reply"] = packet(encode(reply, buffer));
  json["handshake_hash"] = to_hex(client.handshake_hash());
  json["key_c2s"] = to_hex(keys.send);
  json["key_s2c"] = to_hex(keys.receive);
  Direction up("c2s", keys.send, server_id, Connection::Role::server, Connection::Use::login);
  Direction down("s2c", keys.receive, client_id, Connection::Role::client, Connection::Use::login);
  json["data"] = packets_of_each_frame(up);
  for (auto& each : packets_of_each_frame(down)) json["data"].push_back(each);
  return json;
}

Json attach_vectors() {
  const Key32 root = key_of("root");
  const SessionId session{0x0102030405060708};
  const ServerId server{0x1112131415161718};
  const Epoch epoch{0x2122232425262728};
  const Key32 k = session_key(root, session, server, epoch);
  const std::uint32_t client_id = 0x01020304, server_id = 0x80706050;
  const Key32 client_random = key_of("client random"), server_random = key_of("server random");
  std::array<std::uint8_t, attach_bytes> attach_packet;
  Attach attach{client_id, session, server, epoch, client_random, {}};
  encode(attach, attach_packet);
  attach.mac = attach_mac(k, ByteView(attach_packet).first(attach_mac_at));
  encode(attach, attach_packet);
  std::array<std::uint8_t, attached_bytes> attached_packet;
  AttachedPacket attached{client_id, server_id, server_random, {}};
  encode(attached, attached_packet);
  attached.mac = attached_mac(k, client_random, ByteView(attached_packet).first(attached_mac_at));
  encode(attached, attached_packet);
  const TrafficKeys keys = client_traffic_keys(k, client_random, server_random);
  Direction up("c2s", keys.send, server_id, Connection::Role::server, Connection::Use::session);
  Direction down("s2c", keys.receive, client_id, Connection::Role::client, Connection::Use::session);
  return {{"root", to_hex(root)},
          {"session", session.value},
          {"server", server.value},
          {"epoch", epoch.value},
          {"k", to_hex(k)},
          {"client_id", client_id},
          {"server_id", server_id},
          {"client_random", to_hex(client_random)},
          {"server_random", to_hex(server_random)},
          {"attach", to_hex(attach_packet)},
          {"attached", to_hex(attached_packet)},
          {"key_c2s", to_hex(keys.send)},
          {"key_s2c", to_hex(keys.receive)},
          {"data", Json::array({up.packet(0, Payload{}.ping()), down.packet(0, Payload{Ack{0, 0, 3}}.ping())})}};
}

Json device_vectors() {
  const Key32 seed = key_of("device");
  const Hash64 hash = bytes_of<64>("handshake hash");
  Key32 key;
  const std::string login = ed25519(seed, "orrery/1 device", hash, key),
                    enrol = ed25519(seed, "orrery/1 enrol", hash, key);
  return {{"seed", to_hex(seed)},
          {"public_key", to_hex(key)},
          {"handshake_hash", to_hex(hash)},
          {"login_signature", login},
          {"enrol_signature", enrol}};
}

Json resolve_vectors() {
  const Key32 root = key_of("root");
  const Hash64 hash = bytes_of<64>("handshake hash");
  const std::uint64_t session = 0x8000000000000001;
  const Key32 proof = hmac_sha256(hmac_sha256(root, {as_bytes("orrery/1 resolve")}), {hash});
  proto::ClientControl message;
  message.mutable_resolve()->set_session_id(session);
  message.mutable_resolve()->set_proof(proof.data(), proof.size());
  return {{"root", to_hex(root)},
          {"handshake_hash", to_hex(hash)},
          {"session", session},
          {"proof", to_hex(proof)},
          {"message", to_hex(as_bytes(message.SerializeAsString()))}};
}

Json link_vectors() {
  const Key32 secret = key_of("link secret");
  const ServerId source{0x0a0b0c0d0e0f1011}, target{0x3132333435363738};
  const Epoch source_epoch{0x4142434445464748}, target_epoch{0x5152535455565758};
  const Key32 root =
      hmac_sha256(secret, {as_bytes("orrery/1 link"), big_endian(target.value), big_endian(target_epoch.value)});
  const Key32 key = link_key(root, source, source_epoch);
  const auto nonce = bytes_of<24>("nonce");
  Fixed random(nonce);
  proto::LinkMessage message;
  message.mutable_arrival()->set_session_id(0x6162636465666768);
  message.mutable_arrival()->set_epoch(0x7172737475767778);
  const std::string plain = message.SerializeAsString();
  const Bytes packet = seal_link(key, source, source_epoch, as_bytes(plain), random);
  const auto opened = open_link(root, packet);
  EXPECT_TRUE(opened && as_text(opened->payload) == plain);
  return {{"secret", to_hex(secret)},
          {"source", source.value},
          {"source_epoch", source_epoch.value},
          {"target", target.value},
          {"target_epoch", target_epoch.value},
          {"link_root", to_hex(root)},
          {"link_key", to_hex(key)},
          {"nonce", to_hex(nonce)},
          {"session", message.arrival().session_id()},
          {"epoch", message.arrival().epoch()},
          {"plaintext", to_hex(as_bytes(plain))},
          {"packet", to_hex(packet)}};
}

Json version_vectors() {
  std::array<std::uint8_t, datagram_bytes_max> hello{static_cast<std::uint8_t>(PacketType::hello), 2};
  Fixed random(key_of("unused"));
  Endpoint endpoint({}, random);
  const Datagram datagram{*Address::parse("203.0.113.7:40001"), hello};
  endpoint.on_datagrams({&datagram, 1}, Instant{});
  std::array<std::uint8_t, datagram_bytes_max> buffer;
  Slot slot{{}, buffer};
  EXPECT_TRUE(endpoint.poll_transmit(slot, Instant{}));
  return {{"hello", to_hex(hello)},
          {"lowest", protocol_version},
          {"highest", protocol_version},
          {"version", to_hex(ByteView(buffer).first(slot.size))}};
}

}  // namespace

TEST(Vectors, AreWhatTheCodeMakesOfTheirInputs) {
  crypto_ready();
  const Json made{{"login", login_vectors()},     {"attach", attach_vectors()}, {"device", device_vectors()},
                  {"resolve", resolve_vectors()}, {"link", link_vectors()},     {"version", version_vectors()}};
  const std::string path = std::string(ORRERY_SOURCE_DIR) + "/docs/vectors/wire.json";
  if (std::getenv("ORRERY_WRITE_VECTORS") != nullptr) std::ofstream(path) << made.dump(1) << "\n";
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  const Json kept = Json::parse(file);
  for (const auto& [name, vectors] : made.items()) EXPECT_EQ(kept.at(name), vectors) << name;
}

}  // namespace orrery::wire
