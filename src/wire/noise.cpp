#include "wire/noise.h"

#include <sodium.h>

#include <algorithm>

namespace orrery::wire {

static constexpr std::string_view protocol_name = "Noise_NK_25519_ChaChaPoly_BLAKE2b";
static constexpr std::size_t block_bytes = 128;

static Hash64 blake2b(ByteView first, ByteView second) {
  crypto_generichash_state state;
  Hash64 out;
  crypto_generichash_init(&state, nullptr, 0, out.size());
  crypto_generichash_update(&state, first.data(), first.size());
  crypto_generichash_update(&state, second.data(), second.size());
  crypto_generichash_final(&state, out.data(), out.size());
  wipe(state);
  return out;
}

Hash64 hmac_blake2b(ByteView key, ByteView data) {
  std::array<std::uint8_t, block_bytes> inner{};
  if (key.size() > block_bytes) {
    const Hash64 hashed = blake2b(key, {});
    std::copy(hashed.begin(), hashed.end(), inner.begin());
  } else {
    std::copy(key.begin(), key.end(), inner.begin());
  }
  std::array<std::uint8_t, block_bytes> outer = inner;
  for (auto& byte : inner) byte ^= 0x36;
  for (auto& byte : outer) byte ^= 0x5c;
  Hash64 within = blake2b(inner, data);
  const Hash64 out = blake2b(outer, within);
  wipe(within);
  wipe(inner);
  wipe(outer);
  return out;
}

/// HKDF of the Noise specification with two outputs.
static std::pair<Hash64, Hash64> hkdf(const Hash64& chaining, ByteView input) {
  std::pair<Hash64, Hash64> out;
  Hash64 secret = hmac_blake2b(chaining, input);
  const std::uint8_t one = 1;
  out.first = hmac_blake2b(secret, {&one, 1});
  std::array<std::uint8_t, 65> data;
  std::copy(out.first.begin(), out.first.end(), data.begin());
  data[64] = 2;
  out.second = hmac_blake2b(secret, data);
  wipe(secret);
  wipe(data);
  return out;
}

static Key32 public_of(const Key32& private_key) {
  Key32 out;
  crypto_scalarmult_curve25519_base(out.data(), private_key.data());
  return out;
}

NoiseNk NoiseNk::initiator(ByteView prologue, const Key32& responder_public, const Key32& ephemeral_private) {
  NoiseNk noise(prologue, responder_public, ephemeral_private, true);
  noise.peer_ = responder_public;
  return noise;
}

NoiseNk NoiseNk::responder(ByteView prologue, const Key32& static_private, const Key32& ephemeral_private) {
  return responder(prologue, static_private, public_of(static_private), ephemeral_private);
}

NoiseNk NoiseNk::responder(ByteView prologue, const Key32& static_private, const Key32& static_public,
                           const Key32& ephemeral_private) {
  NoiseNk noise(prologue, static_public, ephemeral_private, false);
  noise.static_private_ = static_private;
  return noise;
}

NoiseNk::NoiseNk(ByteView prologue, const Key32& responder_public, const Key32& ephemeral_private, bool initiator)
    : ephemeral_private_(ephemeral_private), initiator_(initiator) {
  std::copy(protocol_name.begin(), protocol_name.end(), h_.begin());
  chaining_ = h_;
  mix_hash(prologue);
  mix_hash(responder_public);
}

NoiseNk::~NoiseNk() {
  wipe(chaining_);
  wipe(key_);
  wipe(ephemeral_private_);
  wipe(static_private_);
}

void NoiseNk::mix_hash(ByteView data) { h_ = blake2b(h_, data); }

bool NoiseNk::mix_key(const Key32& private_key, const Key32& public_key) {
  Key32 shared;
  // Fails when the result is all zeros: the peer's key is a point of low order.
  if (crypto_scalarmult_curve25519(shared.data(), private_key.data(), public_key.data()) != 0) return false;
  auto [chaining, key] = hkdf(chaining_, shared);
  chaining_ = chaining;
  std::copy_n(key.begin(), key_.size(), key_.begin());
  wipe(shared);
  wipe(chaining);
  wipe(key);
  return true;
}

void NoiseNk::encrypt_and_hash(ByteView payload, Bytes& message) {
  const std::size_t offset = message.size();
  message.resize(offset + payload.size() + tag_bytes);
  const auto sealed = std::span(message).subspan(offset);
  seal(key_, 0, h_, payload, sealed);  // every message of NK begins with a new key, so the counter is always 0
  mix_hash(sealed);
}

std::optional<Bytes> NoiseNk::decrypt_and_hash(ByteView sealed) {
  if (sealed.size() < tag_bytes) return std::nullopt;
  Bytes payload(sealed.size() - tag_bytes);
  if (!open(key_, 0, h_, sealed, payload)) return std::nullopt;
  mix_hash(sealed);
  return payload;
}

std::optional<Bytes> NoiseNk::write(ByteView payload, const Key32& peer) {
  const Key32 ephemeral = public_of(ephemeral_private_);
  mix_hash(ephemeral);
  if (!mix_key(ephemeral_private_, peer)) return std::nullopt;
  Bytes message(ephemeral.begin(), ephemeral.end());
  encrypt_and_hash(payload, message);
  return message;
}

std::optional<Bytes> NoiseNk::read(ByteView message, const Key32& own_private) {
  if (message.size() < noise_overhead) return std::nullopt;
  Key32 ephemeral;
  std::copy_n(message.begin(), ephemeral.size(), ephemeral.begin());
  mix_hash(ephemeral);
  if (!mix_key(own_private, ephemeral)) return std::nullopt;
  peer_ = ephemeral;
  return decrypt_and_hash(message.subspan(ephemeral.size()));
}

std::optional<Bytes> NoiseNk::write_first(ByteView payload) { return write(payload, peer_); }
std::optional<Bytes> NoiseNk::read_first(ByteView message) { return read(message, static_private_); }
std::optional<Bytes> NoiseNk::write_second(ByteView payload) { return write(payload, peer_); }
std::optional<Bytes> NoiseNk::read_second(ByteView message) { return read(message, ephemeral_private_); }

TrafficKeys NoiseNk::split() const {
  auto [first, second] = hkdf(chaining_, {});
  TrafficKeys keys;
  std::copy_n((initiator_ ? first : second).begin(), keys.send.size(), keys.send.begin());
  std::copy_n((initiator_ ? second : first).begin(), keys.receive.size(), keys.receive.begin());
  wipe(first);
  wipe(second);
  return keys;
}

}  // namespace orrery::wire
