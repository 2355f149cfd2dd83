// The server side of the wire, sans-IO: many connections behind one UDP socket. Single-threaded; does no I/O, reads no
// clock.
//
//   per received batch:  endpoint.on_datagrams(batch, now); while (endpoint.poll_effect(e)) …
//   then, and whenever next_deadline() has passed or something was sent:  while (endpoint.poll_transmit(slot, now))
//   send(slot)
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "base/result.h"
#include "wire/types.h"

namespace orrery::wire {

struct EndpointConfig {
  Timing timing;
  std::size_t half_open_max = 1024;
  Duration half_open_for = std::chrono::seconds{5};
  Duration cookie_for = std::chrono::seconds{10};
  /// Inits a second from one /32 (IPv4) or /64 (IPv6).
  std::uint32_t inits_per_second_max = 200;
  /// Login connections at once: anyone may open one without credentials. Who goes when they are many is the owner's
  /// to say; what is beyond is dropped.
  std::size_t logins_max = 16384;
  /// Pieces of unfinished messages that all connections hold together: a thousand connections' whole windows twice
  /// over.
  std::size_t held_bytes_max = 64 * 1024 * 1024;
};

class Endpoint {
 public:
  /// `random` must outlive the endpoint.
  Endpoint(EndpointConfig config, Random& random);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  /// Accepts login handshakes under these X25519 private keys (at most static_keys_max; what is beyond is ignored), for
  /// the cluster that the prologue names. Again replaces them; what is half open or open stays.
  void accept_logins(std::span<const Key32> static_keys, const std::string& cluster);
  /// Lets the client of a session attach to this server under K. Again with a higher epoch replaces; with a lower is
  /// ignored. An Attach that came up to 250 ms before is answered by the next poll_transmit.
  void expect(SessionId session, Epoch epoch, ServerId self, const Key32& k);
  /// Ends what `expect` began; closes the session's connection, if any, telling the client why.
  void forget(SessionId session, CloseReason reason);
  /// Ends what `expect` began, but for the session's connection: it stays until it is closed, and is the session's no
  /// more.
  void let_go(SessionId session);

  /// Queues a message. Fails when the connection is gone (ENOTCONN), or `bytes` is too long (EMSGSIZE; unreliable: must
  /// fit one packet; reliable: message_bytes_max of its channel), or too much reliable waits (ENOBUFS: 24 KiB on all
  /// channels together, 16 on game and chat, 80 bytes more counted for each piece). An unreliable one may give way to
  /// newer ones before it leaves. `bytes` are copied.
  Status send(ConnectionId connection, Channel channel, Delivery delivery, ByteView bytes);
  /// Sends what reliable messages are queued once, then close frames; the connection is gone for the owner at once.
  void close(ConnectionId connection, CloseReason reason);

  /// A `now` before that of an earlier call counts as that one, here and below.
  void on_datagrams(std::span<const Datagram> batch, Instant now);
  /// Fills one datagram to send; false when there is none now. Also runs what next_deadline() was for.
  bool poll_transmit(Slot& slot, Instant now);
  /// Next effect; false when there is none. Closed effects may also appear after poll_transmit.
  bool poll_effect(Effect& effect);
  /// When poll_transmit must be called next, if nothing happens before.
  std::optional<Instant> next_deadline() const;

  const Statistics& statistics() const;
  std::size_t connection_count() const;
  /// Smoothed round-trip time; nothing before the first ack.
  std::optional<Duration> rtt(ConnectionId connection) const;
  /// Nothing when the connection is gone; so for the next.
  std::optional<Quality> quality(ConnectionId connection) const;
  std::optional<ConnectionStatistics> connection_statistics(ConnectionId connection) const;
  /// Held by all connections for messages that are not whole, with 48 bytes for each piece.
  std::size_t held_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// K of a session at a server: HMAC-SHA256(root, "orrery/1" ‖ session ‖ server ‖ epoch).
Key32 session_key(const Key32& root, SessionId session, ServerId server, Epoch epoch);
/// X25519 public key of a private one.
Key32 public_key(const Key32& static_key);
/// Names a public key in an Init: the first bytes of its BLAKE2b-256.
KeyId key_id(const Key32& public_key);

}  // namespace orrery::wire
