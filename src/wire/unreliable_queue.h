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
  /// Takes a message of at most unreliable_bytes_max. Where too many wait the oldest are lost: how many.
  std::size_t push(Channel channel, ByteView bytes);
  std::optional<Waiting> front() const;
  void pop();
  bool empty() const { return head_ == block_.size(); }
  /// Keeps the newest that fit one packet together; how many were lost.
  std::size_t cut();
  /// Gives the block back when nothing waits.
  void release();

 private:
  /// Three packets' worth: what a poll that comes late may find, and no more than 64 KiB a connection leave.
  static constexpr std::size_t waiting_bytes_max = 3 * 1024 + 512;
  static constexpr std::size_t header_bytes = 3;  // channel 1, length 2
  static constexpr std::size_t frame_header_bytes = 4;
  std::size_t front_size() const;

  Bytes block_;
  std::uint32_t head_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace orrery::wire
