// One unconnected, non-blocking UDP socket that reaches IPv4 and IPv6 alike.
#pragma once

#include <optional>
#include <span>

#include "base/address.h"
#include "base/result.h"
#include "wire/types.h"

namespace orrery::client {

/// Owns its descriptor; movable. Single-threaded.
class UdpSocket {
 public:
  /// Bound to any port of all addresses. On a machine without IPv6 it speaks IPv4 only. Error: code is the errno's
  /// name.
  static Result<UdpSocket> open();
  ~UdpSocket();
  UdpSocket(UdpSocket&& other) noexcept;
  UdpSocket& operator=(UdpSocket&& other) noexcept;

  /// For poll and the like.
  int fd() const { return fd_; }
  /// Sends one datagram. False when it could not be sent: as lost on the way, which the wire bears. errno says why.
  bool send(const wire::Slot& slot);
  /// Next datagram into `buffer`, which it borrows; nothing when none waits. A datagram longer than `buffer` is cut.
  std::optional<wire::Datagram> receive(std::span<std::uint8_t> buffer);

 private:
  UdpSocket(int fd, bool is_v6) : fd_(fd), is_v6_(is_v6) {}
  int fd_ = -1;
  bool is_v6_ = false;
};

}  // namespace orrery::client
