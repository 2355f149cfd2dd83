// A socket for each bot, as players have it.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "client/udp_socket.h"
#include "network.h"

namespace orrery::bots {

class OwnSockets final : public Network {
 public:
  static Result<std::unique_ptr<Network>> make();
  ~OwnSockets() override;
  OwnSockets(const OwnSockets&) = delete;
  OwnSockets& operator=(const OwnSockets&) = delete;

  Status open(std::size_t seat) override;
  void close(std::size_t seat) override;
  wire::Slot slot() override { return {{}, out_, 0}; }
  void send(std::size_t seat, const wire::Slot& slot) override;
  void flush() override {}
  bool receive(const Take& take) override;
  int fd() const override { return epoll_; }
  std::uint64_t unsent() const override { return unsent_; }
  std::uint64_t overflown() const override { return 0; }

 private:
  explicit OwnSockets(int epoll) : epoll_(epoll) {}
  int epoll_;
  std::vector<std::optional<client::UdpSocket>> sockets_;  // by seat
  std::array<std::uint8_t, wire::datagram_bytes_max> out_{};
  std::uint64_t unsent_ = 0;
};

}  // namespace orrery::bots
