// Effects that wait for their owner, and the one block that their messages' bytes lie in.
#pragma once

#include <span>
#include <vector>

#include "wire/types.h"

namespace orrery::wire {

class EffectQueue {
 public:
  /// Before a batch of datagrams: what the owner has taken is freed.
  void begin_batch();

  void push(Effect effect);
  /// A message made of `parts`, which are copied.
  void push_message(ConnectionId connection, Channel channel, Delivery delivery, std::span<const ByteView> parts);
  /// Forgets what is queued of a connection.
  void drop(ConnectionId connection);
  bool poll(Effect& effect);
  bool empty() const { return head_ == entries_.size(); }

 private:
  struct Entry {
    Effect effect;
    std::size_t offset = 0;  // of a message's bytes in the block
    bool dropped = false;
  };
  Bytes block_;
  std::vector<Entry> entries_;
  std::size_t head_ = 0;
};

}  // namespace orrery::wire
