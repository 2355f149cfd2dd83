// A bound UDP socket with batched, non-blocking receiving and sending.
#pragma once

#include <memory>
#include <span>

#include "base/result.h"
#include "wire/types.h"

namespace orrery::sessiond {

/// Owns a descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return fd_; }

 private:
  int fd_;
};

class UdpSocket {
 public:
  static constexpr std::size_t batch_max = 64;

  /// Binds; datagrams are never fragmented (DF). A receive buffer that the kernel refuses is logged, not an error.
  static Result<UdpSocket> bind(const Address& address);
  UdpSocket(UdpSocket&&) noexcept;
  UdpSocket& operator=(UdpSocket&&) noexcept;
  ~UdpSocket();

  int fd() const;
  /// Up to batch_max datagrams that wait; borrowed until the next call. Longer ones than the wire has are given cut at
  /// one byte more than its limit.
  std::span<const wire::Datagram> receive();
  /// A slot for the next datagram to send; flush() sends what was committed. A full batch is flushed by itself.
  wire::Slot slot();
  void commit(const wire::Slot& slot);
  void flush();
  /// One datagram, at once.
  void send(const Address& to, ByteView bytes);

  /// Datagrams that the kernel dropped because the receive buffer was full.
  std::uint64_t kernel_drops() const;
  /// Datagrams that could not be sent.
  std::uint64_t send_drops() const;

 private:
  struct Buffers;
  UdpSocket(Descriptor fd, bool v6);
  Descriptor fd_;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace orrery::sessiond
