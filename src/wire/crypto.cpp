#include "wire/crypto.h"

#include <sodium.h>

#include <cstdlib>

namespace orrery::wire {

void crypto_ready() {
  if (sodium_init() < 0) std::abort();
}

Key32 hmac_sha256(ByteView key, std::initializer_list<ByteView> parts) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key.data(), key.size());
  for (const ByteView part : parts) crypto_auth_hmacsha256_update(&state, part.data(), part.size());
  Key32 out;
  crypto_auth_hmacsha256_final(&state, out.data());
  wipe(state);
  return out;
}

bool equal_secret(ByteView a, ByteView b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe_bytes(std::span<std::uint8_t> secret) { sodium_memzero(secret.data(), secret.size()); }

using Nonce = std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES>;

static Nonce nonce_of(std::uint64_t counter) {
  Nonce nonce{};
  Writer writer(std::span<std::uint8_t>(nonce).subspan(4));
  writer.put(counter);
  return nonce;
}

void seal(const Key32& key, std::uint64_t counter, ByteView associated, ByteView plain,
          std::span<std::uint8_t> sealed) {
  const Nonce nonce = nonce_of(counter);
  crypto_aead_chacha20poly1305_ietf_encrypt(sealed.data(), nullptr, plain.data(), plain.size(), associated.data(),
                                            associated.size(), nullptr, nonce.data(), key.data());
}

bool open(const Key32& key, std::uint64_t counter, ByteView associated, ByteView sealed,
          std::span<std::uint8_t> plain) {
  if (sealed.size() < tag_bytes) return false;
  const Nonce nonce = nonce_of(counter);
  return crypto_aead_chacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr, sealed.data(), sealed.size(),
                                                   associated.data(), associated.size(), nonce.data(), key.data()) == 0;
}

}  // namespace orrery::wire
