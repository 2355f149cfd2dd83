// Unreliable messages that wait for a packet, in one block that is used again: no allocation a message.
#pragma once

#include <optional>

#include "wire/types.h"

namespace orrery::wire {

/// What fits a packet beside flags, an ack and the frame's own header.
inline constexpr std::size_t unreliable_bytes_max = 1156;

class UnreliableQueue {
 public:
  struct Waiting {
    Channel channel;
    ByteView bytes;
  };
  /// Takes a message of at most unreliable_bytes_max; where too many wait, the oldest are lost.
  void push(Channel channel, ByteView bytes);
  std::optional<Waiting> front() const;
  void pop();
  bool empty() const { return head_ == block_.size(); }

 private:
  static constexpr std::size_t waiting_bytes_max = 16 * 1024;
  static constexpr std::size_t header_bytes = 3;  // channel 1, length 2
  std::size_t front_size() const;

  Bytes block_;
  std::size_t head_ = 0;
};

}  // namespace orrery::wire
