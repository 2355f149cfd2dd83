// One keyed connection, either side of it: sealed packets, replay, acks, channels, keep-alive, closing, migration.
#pragma once

#include <array>
#include <optional>

#include "base/random.h"
#include "wire/acks.h"
#include "wire/crypto.h"
#include "wire/effect_queue.h"
#include "wire/packet.h"
#include "wire/reliable.h"
#include "wire/replay_window.h"
#include "wire/unreliable_queue.h"

namespace orrery::wire {

class Connection {
 public:
  enum class Role : std::uint8_t { server, client };

  /// `peer_receiver`: the receiver id that the peer wants on what is sent to it.
  Connection(Role role, const TrafficKeys& keys, std::uint32_t peer_receiver, const Address& peer, Timing timing,
             Instant now);
  ~Connection();
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
  /// A Data packet for this connection. Messages go to `effects` under `id`.
  Received on_data(ByteView datagram, const Address& from, Instant now, ConnectionId id, EffectQueue& effects,
                   Random& random, Statistics& statistics);
  CloseReason closed_reason() const { return closed_reason_; }

  Status send(Channel channel, Delivery delivery, ByteView bytes);
  /// From now on it only sends what waits, then close frames.
  void close(CloseReason reason);
  bool is_closing() const { return closing_; }
  /// Closed, and all close frames sent.
  bool is_finished() const { return closing_ && closes_left_ == 0; }

  /// Writes the next packet that must leave now; false when there is none.
  bool poll_transmit(Slot& slot, Instant now, Statistics& statistics);
  /// When poll_transmit or has_lapsed may next say something else.
  Instant next_deadline() const;
  bool has_lapsed(Instant now) const { return !closing_ && now - opened_at_ >= timing_.lapse; }

  const Address& peer() const { return peer_; }
  Instant opened_at() const { return opened_at_; }
  std::optional<Duration> rtt() const { return round_trip_.smoothed(); }

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

  void note_address(const Address& from, std::size_t size, bool highest, Random& random, Instant now);
  bool take_payload(ByteView payload, const Address& from, Instant now, ConnectionId id, EffectQueue& effects,
                    Frames& frames);
  void take_ack(const Ack& ack, Instant now);
  bool write_challenge(Slot& slot, Instant now, Statistics& statistics);
  bool has_something(Instant now) const;
  bool close_due(Instant now) const;
  bool ping_due(Instant now) const;
  void finish(Slot& slot, const Address& to, std::size_t payload_size, bool asks, Instant now, Statistics& statistics);

  TrafficKeys keys_;
  ReplayWindow replay_;
  AckWriter acks_;
  RoundTrip round_trip_;
  std::array<ReliableSender, channel_count> senders_;
  std::array<ReliableReceiver, channel_count> receivers_;
  UnreliableQueue unreliable_;
  std::optional<Candidate> candidate_;
  std::optional<Token> response_;
  Address peer_;
  Timing timing_;
  Instant opened_at_;
  Instant sent_at_;
  Instant close_at_{};
  std::uint64_t next_counter_ = 0;
  std::uint32_t peer_receiver_;
  Duration unheard_wait_;
  std::uint8_t closes_left_ = 0;
  CloseReason closed_reason_ = CloseReason::none;
  bool heard_;  // a packet of the peer has opened
  bool ping_wanted_;
  bool closing_ = false;
};

}  // namespace orrery::wire
