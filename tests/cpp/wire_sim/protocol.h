// docs/protocol.md once more, written from the document and on libsodium alone: layouts, derivations and frames, by
// which the checkers read what the wire sends. Shares nothing with src/wire.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace orrery::wire_sim::protocol {

inline constexpr std::uint8_t type_hello = 0x01, type_cookie = 0x02, type_init = 0x03, type_reply = 0x04,
                              type_attach = 0x05, type_attached = 0x06, type_version = 0x07, type_data = 0x10;
inline constexpr std::size_t data_header = 13, tag = 16;
/// Whether an Init names the server key that it is for.
inline constexpr bool init_has_key_id = true;

// Where the fields of handshake packets are.
struct InitFields {
  std::uint32_t client_id;
  Bytes cookie;  // time and mac
  Bytes noise;
};
struct ReplyFields {
  std::uint32_t client_id, server_id;
  Bytes noise;
};
struct AttachFields {
  std::uint32_t client_id;
  std::uint64_t session, server, epoch;
  Key32 random;
};
struct AttachedFields {
  std::uint32_t client_id, server_id;
  Key32 random;
};
std::optional<InitFields> read_init(ByteView packet);
std::optional<ReplyFields> read_reply(ByteView packet);
std::optional<AttachFields> read_attach(ByteView packet);
std::optional<AttachedFields> read_attached(ByteView packet);

Key32 hmac(ByteView key, std::initializer_list<ByteView> parts);
Key32 public_of(const Key32& secret);
/// K of a session at a server.
Key32 session_key(const Key32& root, std::uint64_t session, std::uint64_t server, std::uint64_t epoch);
bool attach_mac_holds(const Key32& k, ByteView packet);
bool attached_mac_holds(const Key32& k, const Key32& client_random, ByteView packet);

struct Traffic {
  Key32 client_to_server{}, server_to_client{};
};
Traffic attach_traffic(const Key32& k, const Key32& client_random, const Key32& server_random);
/// Noise_NK as the responder computes it; nothing when these messages are not of one handshake.
std::optional<Traffic> noise_traffic(const std::string& cluster, const Key32& static_secret,
                                     const Key32& ephemeral_secret, ByteView first, ByteView second);

// Data packets.
struct Header {
  std::uint32_t receiver;
  std::uint64_t counter;
};
std::optional<Header> read_header(ByteView packet);
/// The payload; nothing when it was not sealed under `key`.
std::optional<Bytes> open(const Key32& key, ByteView packet);

struct Ack {
  std::uint32_t largest, bitmap;
};
struct PieceFrame {
  std::uint8_t channel;
  std::uint32_t sequence;
  bool more;
  ByteView bytes;
};
struct Payload {
  std::optional<Ack> ack;
  std::vector<PieceFrame> pieces;
  std::vector<std::array<std::uint8_t, 8>> challenges, responses;
  std::size_t messages = 0, pings = 0, closes = 0;
  bool has_only_challenges() const {
    return !ack && pieces.empty() && responses.empty() && messages + pings + closes == 0;
  }
};
/// `bytes` must outlive what is given; nothing when it is malformed.
std::optional<Payload> read_payload(ByteView bytes);

}  // namespace orrery::wire_sim::protocol
