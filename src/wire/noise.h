// Noise_NK_25519_ChaChaPoly_BLAKE2b (noiseprotocol.org, revision 34): the handshake of a login, as values without I/O.
#pragma once

#include <array>
#include <optional>

#include "base/bytes.h"
#include "wire/crypto.h"
#include "wire/types.h"

namespace orrery::wire {

/// What a Noise message adds to its payload: ephemeral public key and tag.
inline constexpr std::size_t noise_overhead = 32 + tag_bytes;

/// One side of one handshake. The initiator calls write_first and read_second, the responder read_first and
/// write_second; then both call split. A read that fails leaves the state useless: read into a copy where a later
/// message may still be the right one. Wiped when it ends.
class NoiseNk {
 public:
  static NoiseNk initiator(ByteView prologue, const Key32& responder_public, const Key32& ephemeral_private);
  static NoiseNk responder(ByteView prologue, const Key32& static_private, const Key32& ephemeral_private);
  /// The same for who knows the public half already.
  static NoiseNk responder(ByteView prologue, const Key32& static_private, const Key32& static_public,
                           const Key32& ephemeral_private);
  ~NoiseNk();
  NoiseNk(const NoiseNk&) = default;
  NoiseNk& operator=(const NoiseNk&) = default;

  /// payload.size() + noise_overhead bytes; nothing when the responder's key is a point of low order.
  std::optional<Bytes> write_first(ByteView payload);
  /// The payload; nothing when the message was not made for this responder and prologue.
  std::optional<Bytes> read_first(ByteView message);
  std::optional<Bytes> write_second(ByteView payload);
  std::optional<Bytes> read_second(ByteView message);

  /// The caller's sending and receiving keys.
  TrafficKeys split() const;
  const Hash64& handshake_hash() const { return h_; }

 private:
  NoiseNk(ByteView prologue, const Key32& responder_public, const Key32& ephemeral_private, bool initiator);
  void mix_hash(ByteView data);
  bool mix_key(const Key32& private_key, const Key32& public_key);
  void encrypt_and_hash(ByteView payload, Bytes& message);
  std::optional<Bytes> decrypt_and_hash(ByteView sealed);
  std::optional<Bytes> write(ByteView payload, const Key32& peer);
  std::optional<Bytes> read(ByteView message, const Key32& own_private);

  Hash64 h_{};
  Hash64 chaining_{};
  Key32 key_{};
  Key32 ephemeral_private_{};
  Key32 static_private_{};  // responder only
  Key32 peer_{};            // initiator: responder's static key; responder: initiator's ephemeral key
  bool initiator_ = false;
};

/// HMAC-BLAKE2b (block 128, hash 64), which libsodium lacks.
Hash64 hmac_blake2b(ByteView key, ByteView data);

}  // namespace orrery::wire
