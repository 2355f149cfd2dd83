// The packets of docs/protocol.md as values: encoding and decoding, no meaning. Decoders check type and length.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "wire/noise.h"
#include "wire/types.h"

namespace orrery::wire {

enum class PacketType : std::uint8_t {
  hello = 0x01,
  cookie = 0x02,
  init = 0x03,
  reply = 0x04,
  attach = 0x05,
  attached = 0x06,
  version = 0x07,
  data = 0x10,
  link = 0x20,
};

using Mac16 = std::array<std::uint8_t, 16>;
using NoiseMessage = std::array<std::uint8_t, noise_overhead>;

inline constexpr std::size_t hello_bytes = datagram_bytes_max;
inline constexpr std::size_t cookie_bytes = 26;
inline constexpr std::size_t init_bytes = datagram_bytes_max;
inline constexpr std::size_t reply_bytes = 57;
inline constexpr std::size_t attach_bytes = 78;
inline constexpr std::size_t attached_bytes = 57;
inline constexpr std::size_t version_bytes = 3;
inline constexpr std::size_t data_header_bytes = 13;
inline constexpr std::size_t data_bytes_min = data_header_bytes + 1 + tag_bytes;
inline constexpr std::size_t link_header_bytes = 41;
/// An Attach and an Attached less their mac, which covers the rest.
inline constexpr std::size_t attach_mac_at = attach_bytes - 16;
inline constexpr std::size_t attached_mac_at = attached_bytes - 16;

/// The proof that an address is the sender's own: the server's milliseconds and a mac.
struct Cookie {
  std::uint64_t time_ms = 0;
  Mac16 mac{};
};
struct Init {
  std::uint32_t client_id = 0;
  Cookie cookie;
  KeyId key_id{};
  NoiseMessage noise{};
};
struct Reply {
  std::uint32_t client_id = 0;
  std::uint32_t server_id = 0;
  NoiseMessage noise{};
};
struct Attach {
  std::uint32_t client_id = 0;
  SessionId session;
  ServerId server;
  Epoch epoch;
  Key32 client_random{};
  Mac16 mac{};
};
struct AttachedPacket {
  std::uint32_t client_id = 0;
  std::uint32_t server_id = 0;
  Key32 server_random{};
  Mac16 mac{};
};
struct VersionRange {
  std::uint8_t lowest = 0;
  std::uint8_t highest = 0;
};
struct DataHeader {
  std::uint32_t receiver = 0;
  std::uint64_t counter = 0;
};

// Each writes its packet's whole length into `buffer`, which must have room, and returns that length.
std::size_t encode_hello(std::span<std::uint8_t> buffer);
std::size_t encode(const Cookie& cookie, std::span<std::uint8_t> buffer);
std::size_t encode(const Init& init, std::span<std::uint8_t> buffer);
std::size_t encode(const Reply& reply, std::span<std::uint8_t> buffer);
std::size_t encode(const Attach& attach, std::span<std::uint8_t> buffer);
std::size_t encode(const AttachedPacket& attached, std::span<std::uint8_t> buffer);
std::size_t encode(const VersionRange& range, std::span<std::uint8_t> buffer);
/// The header alone.
std::size_t encode(const DataHeader& header, std::span<std::uint8_t> buffer);

// Nothing unless the datagram has this packet's type, version (where it has one), exact length and zero padding.
bool is_hello(ByteView datagram);
std::optional<Cookie> decode_cookie(ByteView datagram);
std::optional<Init> decode_init(ByteView datagram);
std::optional<Reply> decode_reply(ByteView datagram);
std::optional<Attach> decode_attach(ByteView datagram);
std::optional<AttachedPacket> decode_attached(ByteView datagram);
std::optional<VersionRange> decode_version(ByteView datagram);
std::optional<DataHeader> decode_data_header(ByteView datagram);

/// A whole Hello of a version that this side does not speak.
bool is_hello_of_other_version(ByteView datagram);

}  // namespace orrery::wire
