// One keyed connection, either side of it: sealed packets, replay, acks, channels, keep-alive, closing, migration.
#pragma once

#include <array>
#include <optional>

#include "base/random.h"
#include "wire/acks.h"
#include "wire/congestion.h"
#include "wire/crypto.h"
#include "wire/effect_queue.h"
#include "wire/packet.h"
#include "wire/reliable.h"
#include "wire/replay_window.h"
#include "wire/unreliable_queue.h"

namespace orrery::wire {

/// Send queues, as ReliableSender counts cost: of all channels together, and of game and chat, which leave the rest to
/// control. With every window full and the unreliable queue a connection stays below 64 KiB.
inline constexpr std::size_t queued_bytes_max = 24 * 1024;
inline constexpr std::size_t queued_bytes_max_beside_control = 16 * 1024;

class Connection {
 public:
  enum class Role : std::uint8_t { server, client };
  enum class Use : std::uint8_t { login, session };

  /// `peer_receiver`: the receiver id that the peer wants on what is sent to it.
  Connection(Role role, Use use, const TrafficKeys& keys, std::uint32_t peer_receiver, const Address& peer,
             Timing timing, Instant now);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  Connection(Connection&&) = default;
  Connection& operator=(Connection&&) = default;

  /// Whether a Data packet was sealed under `keys`.
  static bool opens(const TrafficKeys& keys, ByteView datagram);

  enum class Received : std::uint8_t {
    dropped,
    opened,
    closed,    // the peer closed; see closed_reason()
    violation  // opened, and nonsense inside
  };
  /// A Data packet for this connection. Messages go to `effects` under `id`. `held_room`: how much held_bytes() may
  /// grow.
  Received on_data(ByteView datagram, const Address& from, Instant now, ConnectionId id, std::size_t held_room,
                   EffectQueue& effects, Random& random, Statistics& statistics);
  CloseReason closed_reason() const { return closed_reason_; }

  Status send(Channel channel, Delivery delivery, ByteView bytes, Statistics& statistics);
  /// From now on it only sends what waits, then close frames.
  void close(CloseReason reason);
  /// The same, but what waits is dropped: the peer is silent, or not to be trusted.
  void abandon(CloseReason reason);
  bool is_closing() const { return closing_; }
  /// Closed, and all close frames sent.
  bool is_finished() const { return closing_ && closes_left_ == 0; }

  /// Writes the next packet that must leave now; false when there is none.
  bool poll_transmit(Slot& slot, Instant now, Statistics& statistics);
  /// When poll_transmit or expired may next say something else: after poll_transmit has said false it is later than its
  /// `now`, unless the connection has expired.
  Instant next_deadline() const;
  /// Why it must be given up now: nothing was heard for too long, or a message does not become whole.
  std::optional<CloseReason> expired(Instant now) const;

  const Address& peer() const { return peer_; }
  Instant opened_at() const { return opened_at_; }
  std::optional<Duration> rtt() const { return round_trip_.smoothed(); }
  /// Of all channels, for messages that are not whole.
  std::size_t held_bytes() const;
  Quality quality(Instant now) const;
  ConnectionStatistics statistics() const;

 private:
  using Token = std::array<std::uint8_t, 8>;
  /// A new address of the peer, until it has proved that it receives there.
  struct Candidate {
    Address address;
    std::size_t bytes_in = 0;
    std::size_t bytes_out = 0;
    Token token{};
    Instant challenged_at{};
    bool challenge_due = true;
  };
  struct Frames {
    bool asks = false;
    bool refused = false;
    bool closed = false;
  };
  /// Where a payload goes.
  struct Sink {
    ConnectionId id;
    EffectQueue& effects;
    Statistics& statistics;
    std::size_t held_max;  // of held_bytes()
  };

  std::size_t queued() const;
  void note_address(const Address& from, std::size_t size, bool highest, Random& random, Instant now);
  bool take_payload(ByteView payload, const Address& from, Instant now, Sink& sink, Frames& frames);
  bool take_piece(std::uint8_t channel, const Piece& piece, Instant now, Sink& sink, Frames& frames);
  void take_ack(const Ack& ack, Instant now, Statistics& statistics);
  bool write_challenge(Slot& slot, Instant now, Statistics& statistics);
  ReliableSender* next_due(Instant now, std::optional<Piece>& piece);
  bool write_pieces(Writer& writer, Instant now, Statistics& statistics);
  void write_messages(Writer& writer);
  bool may_spend(Instant now) const { return closing_ || congestion_.may_send(now); }
  bool has_something(Instant now, bool spends) const;
  bool close_due(Instant now) const;
  Instant ping_at() const;
  bool ping_due(Instant now) const { return !closing_ && ping_at() <= now; }
  void count_dropped(std::size_t messages, Statistics& statistics);
  void finish(Slot& slot, const Address& to, std::size_t payload_size, bool asks, Instant now, Statistics& statistics);

  struct Figures {
    std::uint64_t datagrams_in = 0, bytes_in = 0, datagrams_out = 0, bytes_out = 0;
    std::uint64_t resent = 0, lost = 0, acked = 0, unreliable_dropped = 0, replayed = 0;
  };

  TrafficKeys keys_;
  ReplayWindow replay_;
  AckWriter acks_;
  RoundTrip round_trip_;
  Congestion congestion_;
  std::array<ReliableSender, channel_count> senders_;
  std::array<ReliableReceiver, channel_count> receivers_;
  UnreliableQueue unreliable_;
  Figures figures_;
  std::optional<Candidate> candidate_;
  std::optional<Token> response_;
  Address peer_;
  Timing timing_;
  Instant opened_at_;
  Instant asked_at_;    // when a packet that asks for an ack last left
  Instant message_at_;  // when an unreliable message last waited
  Instant close_at_{};
  std::uint64_t next_counter_ = 0;
  std::uint32_t peer_receiver_;
  std::uint32_t next_order_ = 0;  // of what is queued
  Duration unheard_wait_;
  std::uint8_t closes_left_ = 0;
  std::uint8_t turn_ = 0;  // of packets that had to leave something behind
  CloseReason closed_reason_ = CloseReason::none;
  bool heard_;  // a packet of the peer has opened
  bool ping_wanted_;
  bool closing_ = false;
};

}  // namespace orrery::wire
