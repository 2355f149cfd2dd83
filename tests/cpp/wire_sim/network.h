// The network between the processes: by seed it loses, delays, reorders, duplicates, corrupts and replays datagrams,
// cuts addresses off, and knows where an address leads now.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "wire_sim/world.h"

namespace orrery::wire_sim {

/// A datagram as its sender gave it away.
struct Packet {
  std::uint64_t sender = 0;  // process
  Address from, to;
  Bytes bytes;
  std::uint64_t mark = 0;  // the checkers' own number for it
};
using PacketPtr = std::shared_ptr<const Packet>;

/// A datagram as it arrives.
struct Arrived {
  PacketPtr packet;  // what it was
  Address from;      // as the receiver sees it
  Bytes bytes;
  bool altered = false;
};

struct Weather {
  double loss = 0, duplicate = 0, corrupt = 0;
  Duration delay = 5ms, jitter = 0ms;  // jitter reorders
};

class Network {
 public:
  using Receiver = std::function<void(Arrived)>;

  explicit Network(World& world) : world_(world) {}

  /// From now on `address` leads there; nothing: nowhere.
  void attach(const Address& address, Receiver receiver);
  void detach(const Address& address) { receivers_.erase(address); }
  void send(PacketPtr packet);

  void set(const Weather& weather) { weather_ = weather; }
  void cut(const Address& address, Duration how_long);
  /// No cut, no weather.
  void heal();
  /// Sends again what somebody recorded: whole, from where it came or from somewhere else, to where it went or back.
  void replay();
  std::size_t in_flight() const { return in_flight_; }

 private:
  void fly(const PacketPtr& packet, const Address& from, const Address& to, bool may_alter);
  void alter(Arrived& arrived);
  bool is_cut(const Address& address) const;

  World& world_;
  Weather weather_;
  std::map<Address, Receiver> receivers_;
  std::map<Address, Time> cut_until_;
  std::vector<PacketPtr> recorded_;  // a ring
  std::size_t next_record_ = 0, in_flight_ = 0, strangers_ = 0;
};

}  // namespace orrery::wire_sim
