// An endpoint with a healthy session beside which everything hostile is tried, on virtual time and without a network:
// the test hands over each packet itself and sees at once what becomes of it.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "wire/dialer.h"
#include "wire/endpoint.h"
#include "wire/packet.h"
#include "wire/sealer.h"
#include "wire/virtual_network.h"

namespace orrery::wire::test {

inline Key32 key(std::uint8_t fill) {
  Key32 k;
  k.fill(fill);
  return k;
}

/// Each way in which a packet may be dropped.
inline std::uint64_t dropped(const Statistics& s) {
  return s.dropped_malformed + s.dropped_unknown + s.dropped_sealed + s.dropped_replayed + s.dropped_limited;
}

/// What became of one packet.
struct Outcome {
  std::vector<Bytes> answers;  // to where it came from
  Statistics before, after;
  std::vector<Seen> effects;

  std::size_t answered_bytes() const;
  std::uint64_t drops() const { return dropped(after) - dropped(before); }
  /// Not answered, nothing told, counted once.
  bool is_dropped() const { return answers.empty() && effects.empty() && drops() == 1; }
  bool is_malformed() const { return is_dropped() && after.dropped_malformed > before.dropped_malformed; }
  bool is_unknown() const { return is_dropped() && after.dropped_unknown > before.dropped_unknown; }
  bool is_unsealed() const { return is_dropped() && after.dropped_sealed > before.dropped_sealed; }
  bool is_replayed() const { return is_dropped() && after.dropped_replayed > before.dropped_replayed; }
  bool is_limited() const { return is_dropped() && after.dropped_limited > before.dropped_limited; }
  std::string to_string() const;
};

/// What is tried is never refused for its number.
EndpointConfig unlimited();

class Lab {
 public:
  enum class Family { v4, v6 };
  static constexpr ServerId self{77};
  static constexpr SessionId hostile_session{1}, healthy_session{2};
  static constexpr Epoch epoch{5};

  explicit Lab(Family family = Family::v4, const EndpointConfig& config = unlimited(), std::uint64_t seed = 1);

  /// Hostile clients, which the test drives packet by packet.
  Dialer login() { return login(public_key(static_key)); }
  Dialer login(const Key32& server_key);
  Dialer attach(Epoch at_epoch = epoch, const Key32& k = key(1), ServerId server_id = self,
                SessionId session = hostile_session);

  /// The next packet that a client sends now; empty when there is none.
  Bytes next(Dialer& dialer) const;
  /// Hands a packet to the endpoint, or to a client.
  Outcome give(const Address& from, ByteView bytes);
  Outcome give(ByteView bytes) { return give(home, bytes); }
  Outcome give(Dialer& dialer, ByteView bytes) const;
  /// What the endpoint answers; fails the test when that is not exactly one packet.
  Bytes answer(ByteView bytes);

  /// Lets the client and the endpoint talk, for `time`; what is told is kept in `told` and `seen`.
  void run(Dialer& dialer, Duration time, std::vector<Seen>& told, std::vector<Seen>& seen);
  /// Both are open, or come to be, and each message comes to the other side, once.
  void expect_served(Dialer& dialer);
  /// The healthy session has gone on as if nothing had been.
  void expect_healthy();

  /// Attaches a client of the hostile session, and gives what seals under its keys.
  struct Broken {
    Dialer dialer;
    ConnectionId connection;
    Sealer to_server, to_client;
  };
  Broken break_in(SessionId session = hostile_session);

  SeededRandom random;
  Instant now{seconds{1000}};
  Key32 static_key = key(9);
  Address server, home, elsewhere, healthy_home;
  Endpoint endpoint;

 private:
  void pump_healthy();

  std::optional<Dialer> healthy_;
  ConnectionId healthy_id_;
  std::vector<Seen> healthy_told_, healthy_seen_;
};

/// A payload of one piece.
Bytes piece_payload(Channel channel, std::uint32_t sequence, bool more, ByteView bytes);

}  // namespace orrery::wire::test
