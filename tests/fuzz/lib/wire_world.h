// An Endpoint and several Dialers on virtual time, over a network that the input drives: what is lost, doubled, bent,
// late, sent back or sent from elsewhere is its choice. What must hold whatever happens is checked after each step.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "input.h"
#include "wire/dialer.h"
#include "wire/endpoint.h"

namespace orrery::fuzz {

class WireWorld {
 public:
  explicit WireWorld(std::uint64_t seed);
  /// One step of the program.
  void step(Input& input);
  /// Everybody falls silent: the endpoint must forget all of it.
  void end();

 private:
  static constexpr std::size_t player_count = 4;

  /// What travels one way over one connection, from when it opens until it ends or opens anew.
  struct Stream {
    std::array<std::uint32_t, wire::channel_count> sent{}, heard{};  // reliable
    std::uint32_t sent_unreliable = 0;
    std::set<std::uint32_t> heard_unreliable{};
  };
  struct Player {
    Address address;
    SessionId session;
    Epoch epoch;
    std::optional<wire::Dialer> dialer;
    std::uint32_t stream = 0;  // of what it sends
    std::uint32_t hears = 0;   // the server's; 0: nothing yet
    bool closed = false;       // told so, or closed by itself
  };
  struct Peer {
    SessionId session;
    std::uint32_t stream = 0;  // of what the server sends
    std::uint32_t hears = 0;
  };
  struct Flight {
    Address from, to;
    Bytes bytes;
  };
  struct Traffic {
    std::size_t in = 0, out = 0;  // bytes, as the server counts
    bool reached = false;         // something sent there came to a player who was there
  };

  void dial(Player& player, bool login);
  void deliver(const Flight& flight);
  void give_server(const Address& from, ByteView bytes);
  void settle();
  void collect_server();
  void collect(Player& player);
  std::optional<Bytes> message(std::uint32_t stream, std::uint32_t sequence, wire::Channel channel, std::size_t size);
  void hear(std::uint32_t& hears, const wire::Message& message);
  Flight take(std::size_t i);

  SeededRandom random_;
  Instant now_{std::chrono::hours{1}};
  wire::Endpoint endpoint_;
  std::array<Player, player_count> players_;
  std::map<wire::ConnectionId, Peer> peers_;
  std::set<wire::ConnectionId> gone_;
  std::map<std::uint32_t, Stream> streams_;
  std::uint32_t last_stream_ = 0;
  std::deque<Flight> flying_;
  std::deque<Flight> recorded_;
  std::map<Address, Traffic> traffic_;
  std::size_t allocated_before_;
};

}  // namespace orrery::fuzz
