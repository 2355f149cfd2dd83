// The few primitives the wire needs beyond libsodium's own calls: keyed hashes over parts, and packet sealing.
#pragma once

#include <initializer_list>
#include <span>

#include "base/bytes.h"
#include "base/random.h"

namespace orrery::wire {

inline constexpr std::size_t tag_bytes = 16;

/// Makes libsodium ready; ends the process when it cannot be. Cheap to call again.
void crypto_ready();

/// HMAC-SHA256 under a key of any length over the concatenation of `parts`.
Key32 hmac_sha256(ByteView key, std::initializer_list<ByteView> parts);

/// Compares in constant time; false when the lengths differ.
bool equal_secret(ByteView a, ByteView b);

/// Overwrites a secret.
void wipe_bytes(std::span<std::uint8_t> secret);
template <class T>
requires std::is_trivially_copyable_v<T>
void wipe(T& secret) { wipe_bytes({reinterpret_cast<std::uint8_t*>(&secret), sizeof(secret)}); }

/// The two traffic keys of one side; every copy is wiped when it ends.
struct TrafficKeys {
  Key32 send{};
  Key32 receive{};
  ~TrafficKeys() {
    wipe(send);
    wipe(receive);
  }
};

/// ChaCha20-Poly1305 (IETF) with nonce 4 zero bytes ‖ counter, little-endian. `sealed` is plain.size() + tag_bytes long
/// and may begin where `plain` does.
void seal(const Key32& key, std::uint64_t counter, ByteView associated, ByteView plain, std::span<std::uint8_t> sealed);
/// The reverse; `plain` is sealed.size() - tag_bytes long. False when it was not sealed so; `plain` is then
/// meaningless.
bool open(const Key32& key, std::uint64_t counter, ByteView associated, ByteView sealed, std::span<std::uint8_t> plain);

}  // namespace orrery::wire
