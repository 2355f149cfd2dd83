// The client side of the wire, sans-IO: one connection to one server, by login handshake or by Attach. Single-threaded.
// Driven like an Endpoint. Retries by itself until it is open or `give_up_after` has passed (then Closed{lapse}).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "wire/types.h"

namespace orrery::wire {

struct LoginTarget {
  Address server;
  std::string cluster;
  std::vector<Key32> server_keys;  // up to static_keys_max; tried in turn, since a key may have been rotated
};
struct AttachTarget {
  Address server;
  SessionId session;
  ServerId server_id;
  Epoch epoch;
  Key32 k;
};

class Dialer {
 public:
  /// `random` must outlive the dialer. `timing`: client_timing, where nothing else is wanted. Nothing is sent before
  /// the first poll_transmit.
  Dialer(LoginTarget target, Timing timing, Duration give_up_after, Random& random, Instant now);
  Dialer(AttachTarget target, Timing timing, Duration give_up_after, Random& random, Instant now);
  ~Dialer();
  Dialer(Dialer&&) noexcept;
  Dialer& operator=(Dialer&&) noexcept;

  bool is_open() const;
  /// Nothing will be sent or told any more; after close() only once its close frames have left.
  bool is_closed() const;
  /// Nothing opened from the server for how long (since the start, before anything did).
  Duration silence(Instant now) const;
  Address server() const;

  Status send(Channel channel, Delivery delivery, ByteView bytes);
  void close(CloseReason reason);

  void on_datagram(ByteView bytes, Instant now);
  bool poll_transmit(Slot& slot, Instant now);
  /// LoginOpened or Attached when it opens, then Message, at the end Closed (but for the owner's own close).
  bool poll_effect(Effect& effect);
  std::optional<Instant> next_deadline() const;

  const Statistics& statistics() const;
  std::optional<Duration> rtt() const;
  /// Both nothing before it has opened.
  std::optional<Quality> quality() const;
  std::optional<ConnectionStatistics> connection_statistics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery::wire
