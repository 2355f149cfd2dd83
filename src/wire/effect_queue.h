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

  /// Room for `size` bytes at the end of the block; any later allocation moves it.
  std::span<std::uint8_t> allocate(std::size_t size);
  std::size_t used() const { return block_.size(); }
  /// Gives back what was allocated since used() was `size`.
  void give_back(std::size_t size) { block_.resize(size); }

  void push(Effect effect);
  /// A message whose bytes lie in the block, or anywhere else, whence they are copied.
  void push_message(ConnectionId connection, Channel channel, Delivery delivery, ByteView bytes);
  /// Forgets what is queued of a connection.
  void drop(ConnectionId connection);
  bool poll(Effect& effect);

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
