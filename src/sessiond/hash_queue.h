// Who hashes next: fair between networks, bounded, and with an idea of how long it takes.
//
// Networks (/32, /64) take turns, whatever each has waiting, so that one that floods delays another's login by one hash
// a turn and no more. When all places are taken, a newcomer of a network with fewer waiting takes that of the last
// comer of the one that has most. Nothing is kept free for nobody: one network alone may fill the queue.
#pragma once

#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "wire/types.h"

namespace orrery::sessiond {

class HashQueue {
 public:
  /// `threads` hash at once; `waiting_max` wait beyond those.
  HashQueue(std::size_t threads, std::size_t waiting_max) : threads_(threads), waiting_max_(waiting_max) {}

  struct Added {
    bool taken = false;
    std::optional<wire::ConnectionId> displaced{};  // waits no more: to be told to come again
  };
  /// `who` must not be in the queue or under way.
  Added add(wire::ConnectionId who, const Address& from);
  /// Whether add would take it.
  bool takes(const Address& from) const;
  /// Whose turn it is, when a thread is idle: to be hashed now.
  std::optional<wire::ConnectionId> next(Instant now);
  /// What next() gave is hashed.
  void done(wire::ConnectionId who, Instant now);
  /// No longer wants to be hashed; nothing happens when it is under way.
  void cancel(wire::ConnectionId who, const Address& from);

  /// Until all that wait now are hashed.
  Duration wait() const;
  /// Of one, as measured: a moving mean.
  Duration hash_time() const { return hash_time_; }
  std::size_t waiting() const { return waiting_; }
  std::size_t under_way() const { return under_way_.size(); }

 private:
  using Line = std::deque<wire::ConnectionId>;
  const Address* longest() const;
  void drop_line_if_empty(const Address& network);

  std::size_t threads_, waiting_max_;
  std::unordered_map<Address, Line> lines_;  // by network; none is empty
  std::deque<Address> turns_;                // each network that waits, once
  std::size_t waiting_ = 0;
  std::unordered_map<wire::ConnectionId, Instant> under_way_;
  Duration hash_time_ = std::chrono::milliseconds{100};  // until the first is measured
};

}  // namespace orrery::sessiond
