// What both ends of a connection share: datagrams, channels, effects, limits. The layouts are docs/protocol.md's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
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
/// Static keys that a login server accepts at once, and that a client may know: enough for a key that goes, the one in
/// use, and one that comes, with one to spare.
inline constexpr std::size_t static_keys_max = 4;

using Hash64 = std::array<std::uint8_t, 64>;
/// Names a server's static key in an Init.
using KeyId = std::array<std::uint8_t, 4>;

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

/// What a receiver holds of each channel at most, in full pieces (docs/protocol.md, Data): together what 64 KiB a
/// connection leave beside its send queues.
inline constexpr std::array<std::uint8_t, channel_count> window_full_pieces{12, 12, 4};
/// The same for what a server takes on a login connection, which anyone may open without credentials.
inline constexpr std::uint8_t login_window_full_pieces = 4;
constexpr std::size_t message_bytes_max_of(std::uint8_t window) { return std::size_t{window} * 1024; }
/// A reliable message's greatest length; from client to server of a login connection it is login_message_bytes_max.
constexpr std::size_t message_bytes_max(Channel channel) {
  return message_bytes_max_of(window_full_pieces[static_cast<std::size_t>(channel)]);
}
inline constexpr std::size_t login_message_bytes_max = message_bytes_max_of(login_window_full_pieces);

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

/// How one end of a connection keeps time and measure. Everything must be positive.
struct Timing {
  /// Having sent nothing that asks for an ack for so long, it pings.
  Duration keepalive = std::chrono::milliseconds{2500};
  Duration lapse = std::chrono::seconds{10};
  /// What it sends at most, but for a burst and for acks, pings and the like: 64 kb/s, what the poorest path carries.
  std::uint32_t client_rate_bytes_s = 8000;
};
/// A client's: so often that two seconds of silence mean that the server is out of reach.
inline constexpr Timing client_timing{.keepalive = std::chrono::seconds{1}};

// What an endpoint tells its owner, one by one, through poll_effect.

/// A login handshake is complete and the client has proved it holds the keys.
struct LoginOpened {
  ConnectionId connection;
  Address from;
  /// Noise's h after message 2, the same on both ends and on no other connection: what is signed binds to it.
  Hash64 handshake_hash;
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

/// Counters since start, of everything behind one socket.
struct Statistics {
  std::uint64_t datagrams_received = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t datagrams_sent = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t dropped_malformed = 0;  // no known packet
  std::uint64_t dropped_unknown = 0;    // no such receiver, session, cookie or static key
  std::uint64_t dropped_sealed = 0;     // did not open
  std::uint64_t dropped_replayed = 0;
  std::uint64_t dropped_limited = 0;  // a table or an address quota full, or a piece that there is no room to hold
  std::uint64_t pieces_resent = 0;
  std::uint64_t packets_acked = 0;       // of those that asked for an ack and are decided
  std::uint64_t packets_lost = 0;        // the rest of them
  std::uint64_t unreliable_dropped = 0;  // messages that gave way to newer ones before they left
};

/// How a connection fares, for who decides what to send on it.
struct Quality {
  std::uint8_t level = 0;  // 0: full rate, 1: half, 2: a quarter
  std::uint32_t loss_permille = 0;
  std::optional<Duration> rtt;  // smoothed; nothing before the first ack
  std::size_t bytes_free = 0;   // of the bucket; 0: what is sent waits
  std::size_t queued = 0;       // of reliable messages, as Endpoint::send counts them
};

/// Of one connection, since it opened (a session's: since its last Attach).
struct ConnectionStatistics {
  std::uint64_t datagrams_in = 0;  // opened
  std::uint64_t bytes_in = 0;
  std::uint64_t datagrams_out = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t pieces_resent = 0;
  std::uint64_t packets_lost = 0;   // of those sent that asked for an ack
  std::uint64_t packets_acked = 0;  // likewise
  std::uint64_t unreliable_dropped = 0;
  std::uint64_t replayed = 0;
  std::optional<Duration> rtt, rtt_least;  // smoothed
  std::uint32_t loss_permille = 0;         // when last judged
  std::uint8_t level = 0;
};

}  // namespace orrery::wire
