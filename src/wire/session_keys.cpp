#include "wire/session_keys.h"

#include <sodium.h>

#include <algorithm>

#include "wire/endpoint.h"

namespace orrery::wire {

static Mac16 first16(const Key32& full) {
  Mac16 mac;
  std::copy_n(full.begin(), mac.size(), mac.begin());
  return mac;
}

Key32 session_key(const Key32& root, SessionId session, ServerId server, Epoch epoch) {
  return hmac_sha256(
      root, {as_bytes("orrery/1"), big_endian(session.value), big_endian(server.value), big_endian(epoch.value)});
}

Key32 public_key(const Key32& static_key) {
  Key32 out;
  crypto_scalarmult_curve25519_base(out.data(), static_key.data());
  return out;
}

KeyId key_id(const Key32& public_key) {
  Key32 hash;
  crypto_generichash(hash.data(), hash.size(), public_key.data(), public_key.size(), nullptr, 0);
  KeyId id;
  std::copy_n(hash.begin(), id.size(), id.begin());
  return id;
}

Mac16 attach_mac(const Key32& k, ByteView before_mac) {
  return first16(hmac_sha256(k, {as_bytes("attach"), before_mac}));
}

Mac16 attached_mac(const Key32& k, const Key32& client_random, ByteView before_mac) {
  return first16(hmac_sha256(k, {as_bytes("attached"), client_random, before_mac}));
}

TrafficKeys server_traffic_keys(const Key32& k, const Key32& client_random, const Key32& server_random) {
  return {.send = hmac_sha256(k, {as_bytes("s2c"), client_random, server_random}),
          .receive = hmac_sha256(k, {as_bytes("c2s"), client_random, server_random})};
}

TrafficKeys client_traffic_keys(const Key32& k, const Key32& client_random, const Key32& server_random) {
  const TrafficKeys keys = server_traffic_keys(k, client_random, server_random);
  return {.send = keys.receive, .receive = keys.send};
}

Bytes login_prologue(std::string_view cluster) {
  const ByteView name = as_bytes("orrery");
  Bytes prologue(name.begin(), name.end());
  prologue.push_back(protocol_version);
  prologue.insert(prologue.end(), cluster.begin(), cluster.end());
  return prologue;
}

}  // namespace orrery::wire
