// What carries the bots' datagrams. A bot has a seat, from 0 on, and does not know what is behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/result.h"
#include "client/client.h"

namespace orrery::bots {

/// Single-threaded.
class Network {
 public:
  using Take = std::function<void(std::size_t seat, const wire::Datagram& datagram)>;

  virtual ~Network() = default;

  /// A seat can send and receive from here on, under an address that no other has.
  virtual Status open(std::size_t seat) = 0;
  /// What comes for it is lost from here on, as for a program that is gone. It may be opened again.
  virtual void close(std::size_t seat) = 0;

  /// Where the next datagram is written; good until the next call.
  virtual wire::Slot slot() = 0;
  /// Sends what slot() was filled with, at once or by flush(). What cannot be sent is lost, and counted.
  virtual void send(std::size_t seat, const wire::Slot& slot) = 0;
  virtual void flush() = 0;

  /// Hands over some of what has come, its bytes borrowed for the call; false when no more waits.
  virtual bool receive(const Take& take) = 0;
  /// Readable when something waits.
  virtual int fd() const = 0;

  /// Datagrams that could not be sent, and those that the kernel is known to have dropped for want of room.
  virtual std::uint64_t unsent() const = 0;
  virtual std::uint64_t overflown() const = 0;
};

}  // namespace orrery::bots
