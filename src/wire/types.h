// What both ends of a connection share: datagrams, channels, effects, limits. The layouts are docs/protocol.md's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"

namespace orrery::wire {

inline constexpr std::uint8_t protocol_version = 1;
/// UDP payload that every path carries (IPv6's least MTU less headers, rounded down).
inline constexpr std::size_t datagram_bytes_max = 1200;
inline constexpr std::size_t message_bytes_max = 64 * 1024;

/// A received datagram; the bytes are borrowed for the call.
struct Datagram {
  Address from;
  ByteView bytes;
};

/// Where one datagram to send is written; the caller owns the buffer of datagram_bytes_max.
struct Slot {
  Address to;
  std::span<std::uint8_t> buffer;
  std::size_t size = 0;
};

enum class Channel : std::uint8_t { control = 0, game = 1, chat = 2 };
inline constexpr std::size_t channel_count = 3;
enum class Delivery : std::uint8_t { unreliable, reliable };

enum class CloseReason : std::uint8_t {
  none = 0,
  logout = 1,
  lapse = 2,
  shutdown = 3,
  moved = 4,
  refused = 5,
  protocol = 6,
  superseded = 7,
  kicked = 8,
};
const char* to_string(CloseReason reason);

/// Handle of a connection within one endpoint; never used again for another.
using ConnectionId = Id<struct ConnectionTag>;

struct Timing {
  Duration keepalive = std::chrono::milliseconds{2500};
  Duration lapse = std::chrono::seconds{10};
};

// What an endpoint tells its owner, one by one, through poll_effect.

/// A login handshake is complete and the client has proved it holds the keys.
struct LoginOpened {
  ConnectionId connection;
  Address from;
};
/// A session's client has attached, or attached anew (then `connection` is the same and its channels start afresh).
struct Attached {
  ConnectionId connection;
  SessionId session;
  Epoch epoch;
  Address from;
};
/// A whole message. `bytes` are borrowed until the next on_datagrams.
struct Message {
  ConnectionId connection;
  Channel channel;
  Delivery delivery;
  ByteView bytes;
};
/// The connection is gone: closed by the peer, or lapsed. Not told of what the owner closed itself.
struct Closed {
  ConnectionId connection;
  SessionId session;  // 0 for a login connection
  CloseReason reason;
};
using Effect = std::variant<LoginOpened, Attached, Message, Closed>;

/// Counters since start.
struct Statistics {
  std::uint64_t datagrams_received = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t datagrams_sent = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t dropped_malformed = 0;  // no known packet
  std::uint64_t dropped_unknown = 0;    // no such receiver, session or cookie
  std::uint64_t dropped_sealed = 0;     // did not open
  std::uint64_t dropped_replayed = 0;
  std::uint64_t dropped_limited = 0;  // half-open table or address quota full
  std::uint64_t pieces_resent = 0;
};

}  // namespace orrery::wire
