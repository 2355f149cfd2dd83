// What lets a player in without a password: the key of a device, and the token of a session. Both are wiped when they
// end; who writes them down keeps them where only the player reads them.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "wire/types.h"

namespace orrery::client {

using Signature = std::array<std::uint8_t, 64>;

/// An Ed25519 key pair, as its seed.
class DeviceKey {
 public:
  DeviceKey() = default;
  explicit DeviceKey(const Key32& seed) : seed_(seed) {}
  static DeviceKey make(Random& random);
  ~DeviceKey();
  DeviceKey(const DeviceKey&) = default;
  DeviceKey& operator=(const DeviceKey&) = default;

  Key32 public_key() const;
  /// Of a login, and of the enrolment of this key: proofs of having it, good for one connection only.
  Signature sign_login(const wire::Hash64& handshake_hash) const;
  Signature sign_enrolment(const wire::Hash64& handshake_hash) const;

  /// 64 hex digits: the secret.
  std::string to_text() const;
  static Result<DeviceKey> parse(const std::string& text);

 private:
  Signature sign(std::string_view context, const wire::Hash64& handshake_hash) const;
  Key32 seed_{};
};

/// A live session and its root secret.
struct Token {
  SessionId session;
  Key32 root{};
  /// How long it is good for, if that was said, when it was asked for; a client that takes it up asks anew.
  std::optional<Duration> expires_in{};

  Token() = default;
  Token(SessionId of, const Key32& secret, std::optional<Duration> life = {})
      : session(of), root(secret), expires_in(life) {}
  ~Token();
  Token(const Token&) = default;
  Token& operator=(const Token&) = default;

  /// "session:hexroot": the secret.
  std::string to_text() const;
  static Result<Token> parse(const std::string& text);
};

/// Says that one knows `root`, on one connection only. Made from HMAC(root, label), which is all that the database
/// keeps of the root of a session that has ended.
Key32 resolve_proof(const Key32& root, const wire::Hash64& handshake_hash);

}  // namespace orrery::client
