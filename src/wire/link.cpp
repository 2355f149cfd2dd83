#include "wire/link.h"

#include <sodium.h>

#include "wire/crypto.h"
#include "wire/packet.h"

namespace orrery::wire {

static constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
static_assert(link_header_bytes == 1 + 8 + 8 + nonce_bytes);

Key32 link_key(const Key32& link_root, ServerId source, Epoch source_epoch) {
  return hmac_sha256(link_root, {big_endian(source.value), big_endian(source_epoch.value)});
}

Bytes seal_link(const Key32& key, ServerId source, Epoch source_epoch, ByteView payload, Random& random) {
  crypto_ready();
  if (payload.size() > datagram_bytes_max - link_header_bytes - tag_bytes) return {};
  Bytes datagram(link_header_bytes + payload.size() + tag_bytes);
  std::array<std::uint8_t, nonce_bytes> nonce;
  random.fill(nonce);
  Writer writer(datagram);
  writer.put(static_cast<std::uint8_t>(PacketType::link));
  writer.put(source.value);
  writer.put(source_epoch.value);
  writer.put_bytes(nonce);
  crypto_aead_xchacha20poly1305_ietf_encrypt(datagram.data() + link_header_bytes, nullptr, payload.data(),
                                             payload.size(), datagram.data(), link_header_bytes, nullptr, nonce.data(),
                                             key.data());
  return datagram;
}

std::optional<LinkPayload> open_link(const Key32& link_root, ByteView datagram) {
  crypto_ready();
  if (datagram.size() < link_header_bytes + tag_bytes || datagram.size() > datagram_bytes_max ||
      datagram[0] != static_cast<std::uint8_t>(PacketType::link))
    return std::nullopt;
  Reader reader(datagram.subspan(1));
  LinkPayload link;
  link.source.value = reader.take<std::uint64_t>();
  link.source_epoch.value = reader.take<std::uint64_t>();
  const ByteView nonce = reader.take_bytes(nonce_bytes);
  const ByteView sealed = reader.rest();
  link.payload.resize(sealed.size() - tag_bytes);
  Key32 key = link_key(link_root, link.source, link.source_epoch);
  const int failed =
      crypto_aead_xchacha20poly1305_ietf_decrypt(link.payload.data(), nullptr, nullptr, sealed.data(), sealed.size(),
                                                 datagram.data(), link_header_bytes, nonce.data(), key.data());
  wipe(key);
  if (failed != 0) return std::nullopt;
  return link;
}

}  // namespace orrery::wire
