#include "client/secrets.h"

#include <sodium.h>

#include <algorithm>
#include <charconv>

#include "wire/crypto.h"

namespace orrery::client {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

}  // namespace

DeviceKey DeviceKey::make(Random& random) {
  DeviceKey key;
  random.fill(key.seed_);
  return key;
}

DeviceKey::~DeviceKey() { wire::wipe(seed_); }

Key32 DeviceKey::public_key() const {
  wire::crypto_ready();
  Key32 open;
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  crypto_sign_seed_keypair(open.data(), secret.data(), seed_.data());
  wire::wipe(secret);
  return open;
}

Signature DeviceKey::sign_login(const wire::Hash64& handshake_hash) const {
  return sign("orrery/1 device", handshake_hash);
}

Signature DeviceKey::sign_enrolment(const wire::Hash64& handshake_hash) const {
  return sign("orrery/1 enrol", handshake_hash);
}

Signature DeviceKey::sign(std::string_view context, const wire::Hash64& handshake_hash) const {
  wire::crypto_ready();
  Bytes message(context.begin(), context.end());
  message.insert(message.end(), handshake_hash.begin(), handshake_hash.end());
  Key32 open;
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> secret;
  crypto_sign_seed_keypair(open.data(), secret.data(), seed_.data());
  Signature signature;
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), secret.data());
  wire::wipe(secret);
  return signature;
}

std::string DeviceKey::to_text() const { return to_hex(seed_); }

Result<DeviceKey> DeviceKey::parse(const std::string& text) {
  const auto seed = key_from_hex(trimmed(text));
  if (!seed) return Error{"no device key", "EINVAL", "it is the 64 hex digits that an enrolment gave"};
  return DeviceKey(*seed);
}

Token::~Token() { wire::wipe(root); }

std::string Token::to_text() const { return std::to_string(session.value) + ":" + to_hex(root); }

Result<Token> Token::parse(const std::string& text) {
  const Error malformed{"no token", "EINVAL", "it is SESSION:SECRET as a client gave it"};
  const std::string_view rest = trimmed(text);
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos) return malformed;
  std::uint64_t session = 0;
  const auto [end, fault] = std::from_chars(rest.data(), rest.data() + colon, session);
  const auto root = key_from_hex(rest.substr(colon + 1));
  if (fault != std::errc{} || end != rest.data() + colon || session == 0 || !root) return malformed;
  return Token(SessionId{session}, *root);
}

Key32 resolve_proof(const Key32& root, const wire::Hash64& handshake_hash) {
  Key32 kept = wire::hmac_sha256(root, {as_bytes("orrery/1 resolve")});
  const Key32 proof = wire::hmac_sha256(kept, {handshake_hash});
  wire::wipe(kept);
  return proof;
}

}  // namespace orrery::client
