// One socket for all bots, each with an address of its own in 127.0.0.0/8: thousands of players of a server on this
// machine, who are no more one address to it than real ones, for little more than the price of their datagrams.
#pragma once

#include <memory>
#include <vector>

#include "base/address.h"
#include "network.h"

namespace orrery::bots {

class Multiplexed final : public Network {
 public:
  static constexpr std::size_t batch_max = 64;

  /// `first`: the number of the bot in seat 0, by which processes side by side have addresses that differ. Error: code
  /// is the errno's name.
  static Result<std::unique_ptr<Network>> make(unsigned first);
  /// Whether it can send there: only the loopback takes datagrams of such senders.
  static bool reaches(const Address& server);
  ~Multiplexed() override;
  Multiplexed(const Multiplexed&) = delete;
  Multiplexed& operator=(const Multiplexed&) = delete;

  Status open(std::size_t seat) override;
  void close(std::size_t seat) override;
  wire::Slot slot() override;
  void send(std::size_t seat, const wire::Slot& slot) override;
  void flush() override;
  bool receive(const Take& take) override;
  int fd() const override { return fd_; }
  std::uint64_t unsent() const override { return unsent_; }
  std::uint64_t overflown() const override { return overflown_; }

 private:
  struct Buffers;
  Multiplexed(int fd, unsigned first);
  std::uint32_t address_of(std::size_t seat) const;
  int fd_;
  unsigned first_;
  std::vector<bool> is_open_;  // by seat
  std::unique_ptr<Buffers> buffers_;
  std::uint64_t unsent_ = 0, overflown_ = 0;
};

}  // namespace orrery::bots
