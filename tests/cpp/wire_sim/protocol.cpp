#include "wire_sim/protocol.h"

#include <sodium.h>

#include <algorithm>

namespace orrery::wire_sim::protocol {
namespace {

using Hash = std::array<std::uint8_t, 64>;

template <std::size_t N>
std::array<std::uint8_t, N> take(Reader& reader) {
  std::array<std::uint8_t, N> out{};
  const ByteView field = reader.take_bytes(N);
  std::copy(field.begin(), field.end(), out.begin());
  return out;
}
Bytes take_some(Reader& reader, std::size_t size) {
  const ByteView field = reader.take_bytes(size);
  return {field.begin(), field.end()};
}

Hash blake2b(std::initializer_list<ByteView> parts) {
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, sizeof(Hash));
  for (const ByteView part : parts) crypto_generichash_update(&state, part.data(), part.size());
  Hash out;
  crypto_generichash_final(&state, out.data(), out.size());
  return out;
}

Hash hmac_blake2b(const Hash& key, ByteView data) {
  std::array<std::uint8_t, 128> inner{}, outer{};
  for (std::size_t i = 0; i < inner.size(); ++i) {
    const std::uint8_t byte = i < key.size() ? key[i] : std::uint8_t{0};
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  return blake2b({outer, blake2b({inner, data})});
}

std::pair<Hash, Hash> hkdf(const Hash& chaining, ByteView input) {
  const Hash secret = hmac_blake2b(chaining, input);
  const std::uint8_t one = 1;
  const Hash first = hmac_blake2b(secret, ByteView(&one, 1));
  Bytes rest(first.begin(), first.end());
  rest.push_back(2);
  return {first, hmac_blake2b(secret, rest)};
}

Key32 first_half(const Hash& hash) {
  Key32 key;
  std::copy_n(hash.begin(), key.size(), key.begin());
  return key;
}

bool decrypt(const Key32& key, std::uint64_t counter, ByteView associated, ByteView sealed, Bytes& plain) {
  if (sealed.size() < tag) return false;
  std::array<std::uint8_t, 12> nonce{};
  for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<std::uint8_t>(counter >> (8 * i));
  plain.resize(sealed.size() - tag);
  return crypto_aead_chacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr, sealed.data(), sealed.size(),
                                                   associated.data(), associated.size(), nonce.data(), key.data()) == 0;
}

bool begins_with(const Key32& mac, ByteView field) { return std::equal(field.begin(), field.end(), mac.begin()); }

}  // namespace

std::optional<ReplyFields> read_reply(ByteView packet) {
  Reader reader(packet);
  if (reader.take<std::uint8_t>() != type_reply) return std::nullopt;
  ReplyFields out{reader.take<std::uint32_t>(), reader.take<std::uint32_t>(), take_some(reader, 48)};
  return reader.ok() ? std::optional(out) : std::nullopt;
}

std::optional<InitFields> read_init(ByteView packet) {
  Reader reader(packet);
  if (reader.take<std::uint8_t>() != type_init) return std::nullopt;
  reader.take<std::uint8_t>();
  InitFields out;
  out.client_id = reader.take<std::uint32_t>();
  out.cookie = take_some(reader, 24);
  if (init_has_key_id) reader.take<std::uint32_t>();
  out.noise = take_some(reader, 48);
  return reader.ok() ? std::optional(out) : std::nullopt;
}

std::optional<AttachFields> read_attach(ByteView packet) {
  Reader reader(packet);
  if (packet.size() != 78 || reader.take<std::uint8_t>() != type_attach) return std::nullopt;
  reader.take<std::uint8_t>();
  AttachFields out{};
  out.client_id = reader.take<std::uint32_t>();
  out.session = reader.take<std::uint64_t>();
  out.server = reader.take<std::uint64_t>();
  out.epoch = reader.take<std::uint64_t>();
  out.random = take<32>(reader);
  return out;
}

std::optional<AttachedFields> read_attached(ByteView packet) {
  Reader reader(packet);
  if (packet.size() != 57 || reader.take<std::uint8_t>() != type_attached) return std::nullopt;
  AttachedFields out{};
  out.client_id = reader.take<std::uint32_t>();
  out.server_id = reader.take<std::uint32_t>();
  out.random = take<32>(reader);
  return out;
}

Key32 hmac(ByteView key, std::initializer_list<ByteView> parts) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key.data(), key.size());
  for (const ByteView part : parts) crypto_auth_hmacsha256_update(&state, part.data(), part.size());
  Key32 out;
  crypto_auth_hmacsha256_final(&state, out.data());
  return out;
}

Key32 public_of(const Key32& secret) {
  Key32 out;
  crypto_scalarmult_curve25519_base(out.data(), secret.data());
  return out;
}

Key32 session_key(const Key32& root, std::uint64_t session, std::uint64_t server, std::uint64_t epoch) {
  return hmac(root, {as_bytes("orrery/1"), big_endian(session), big_endian(server), big_endian(epoch)});
}

bool attach_mac_holds(const Key32& k, ByteView packet) {
  return begins_with(hmac(k, {as_bytes("attach"), packet.first(62)}), packet.subspan(62));
}

bool attached_mac_holds(const Key32& k, const Key32& client_random, ByteView packet) {
  return begins_with(hmac(k, {as_bytes("attached"), client_random, packet.first(41)}), packet.subspan(41));
}

Traffic attach_traffic(const Key32& k, const Key32& client_random, const Key32& server_random) {
  return {hmac(k, {as_bytes("c2s"), client_random, server_random}),
          hmac(k, {as_bytes("s2c"), client_random, server_random})};
}

std::optional<Traffic> noise_traffic(const std::string& cluster, const Key32& static_secret,
                                     const Key32& ephemeral_secret, ByteView first, ByteView second) {
  Hash h{};
  const ByteView name = as_bytes("Noise_NK_25519_ChaChaPoly_BLAKE2b");
  std::copy(name.begin(), name.end(), h.begin());
  Hash chaining = h;
  Key32 key{};
  Bytes prologue;
  for (const char c : std::string("orrery\x01") + cluster) prologue.push_back(static_cast<std::uint8_t>(c));
  h = blake2b({h, prologue});
  h = blake2b({h, public_of(static_secret)});
  const auto mix = [&](const Key32& secret, ByteView peer) {
    Key32 shared;
    if (crypto_scalarmult_curve25519(shared.data(), secret.data(), peer.data()) != 0) return false;
    const auto [next, derived] = hkdf(chaining, shared);
    chaining = next;
    key = first_half(derived);
    return true;
  };
  Bytes nothing;
  h = blake2b({h, first.first(32)});
  if (!mix(static_secret, first.first(32)) || !decrypt(key, 0, h, first.subspan(32), nothing)) return std::nullopt;
  h = blake2b({h, first.subspan(32)});
  h = blake2b({h, second.first(32)});
  if (!mix(ephemeral_secret, first.first(32)) || !decrypt(key, 0, h, second.subspan(32), nothing)) return std::nullopt;
  const auto [c2s, s2c] = hkdf(chaining, {});
  return Traffic{first_half(c2s), first_half(s2c)};
}

std::optional<Header> read_header(ByteView packet) {
  if (packet.size() < data_header + tag + 1 || packet[0] != type_data) return std::nullopt;
  Reader reader(packet.subspan(1));
  const auto receiver = reader.take<std::uint32_t>();
  return Header{receiver, reader.take<std::uint64_t>()};
}

std::optional<Bytes> open(const Key32& key, ByteView packet) {
  const auto header = read_header(packet);
  Bytes plain;
  if (!header || !decrypt(key, header->counter, packet.first(data_header), packet.subspan(data_header), plain))
    return std::nullopt;
  return plain;
}

std::optional<Payload> read_payload(ByteView bytes) {
  Reader reader(bytes);
  Payload out;
  const auto flags = reader.take<std::uint8_t>();
  if (flags > 1) return std::nullopt;
  if (flags == 1) {
    const auto largest = reader.take<std::uint32_t>();
    out.ack = Ack{largest, reader.take<std::uint32_t>()};
    reader.take<std::uint16_t>();
  }
  while (reader.ok() && reader.remaining() > 0) {
    switch (reader.take<std::uint8_t>()) {
      case 1:
        reader.take<std::uint8_t>();
        reader.take_bytes(reader.take<std::uint16_t>());
        ++out.messages;
        break;
      case 2: {
        PieceFrame piece{};
        piece.channel = reader.take<std::uint8_t>();
        piece.sequence = reader.take<std::uint32_t>();
        piece.more = reader.take<std::uint8_t>() != 0;
        piece.bytes = reader.take_bytes(reader.take<std::uint16_t>());
        if (piece.channel > 2) return std::nullopt;
        out.pieces.push_back(piece);
        break;
      }
      case 3:
        ++out.pings;
        break;
      case 4:
        reader.take<std::uint8_t>();
        ++out.closes;
        break;
      case 5:
        out.challenges.push_back(take<8>(reader));
        break;
      case 6:
        out.responses.push_back(take<8>(reader));
        break;
      default:
        return std::nullopt;
    }
  }
  return reader.ok() ? std::optional(out) : std::nullopt;
}

}  // namespace orrery::wire_sim::protocol
