#include "wire_sim/network.h"

#include <algorithm>

namespace orrery::wire_sim {
namespace {

constexpr std::size_t recorded_max = 3000;
/// What a replay takes most often: something that may still be on its way elsewhere.
constexpr std::size_t recent = 60;

}  // namespace

void Network::attach(const Address& address, Receiver receiver) { receivers_[address] = std::move(receiver); }

bool Network::is_cut(const Address& address) const {
  const auto found = cut_until_.find(address);
  return found != cut_until_.end() && world_.now() < found->second;
}

void Network::send(PacketPtr packet) {
  if (recorded_.size() < recorded_max) {
    recorded_.push_back(packet);
  } else {
    recorded_[next_record_] = packet;
  }
  next_record_ = (next_record_ + 1) % recorded_max;
  int copies = 1;
  if (world_.chance.happens(weather_.duplicate)) {
    copies += 1 + static_cast<int>(world_.chance.below(2));
    world_.count("datagrams duplicated");
  }
  for (; copies > 0; --copies) fly(packet, packet->from, packet->to, true);
}

void Network::fly(const PacketPtr& packet, const Address& from, const Address& to, bool may_alter) {
  if (is_cut(from) || is_cut(to)) return world_.count("datagrams cut off");
  if (world_.chance.happens(weather_.loss)) return world_.count("datagrams lost");
  Arrived arrived{packet, from, packet->bytes, false};
  if (may_alter && world_.chance.happens(weather_.corrupt)) alter(arrived);
  // Most come at the usual time; some take as long as they may.
  Duration delay = weather_.delay;
  if (weather_.jitter > 0ns)
    delay += world_.chance.happens(0.3) ? world_.chance.between(0ns, weather_.jitter)
                                        : world_.chance.between(0ns, weather_.jitter / 8);
  ++in_flight_;
  world_.timeline.in(delay, [this, to, arrived = std::move(arrived)]() mutable {
    --in_flight_;
    if (is_cut(to)) return world_.count("datagrams cut off");
    const auto receiver = receivers_.find(to);
    if (receiver == receivers_.end()) return world_.count("datagrams to where nobody is");
    // A copy: it may be detached by what it is told.
    const Receiver call = receiver->second;
    call(std::move(arrived));
  });
}

void Network::alter(Arrived& arrived) {
  Bytes& bytes = arrived.bytes;
  if (bytes.empty()) return;
  world_.count("datagrams corrupted");
  switch (world_.chance.below(4)) {
    case 0:
      bytes.resize(world_.chance.below(bytes.size() + 1));
      break;
    case 1:
      bytes.resize(bytes.size() + 1 + world_.chance.below(20));
      break;
    default:
      // Half of them where the headers are.
      for (std::size_t n = 1 + world_.chance.below(3); n > 0; --n) {
        const std::size_t at =
            world_.chance.below(world_.chance.happens(0.5) ? std::min<std::size_t>(bytes.size(), 80) : bytes.size());
        bytes[at] ^= static_cast<std::uint8_t>(1u << world_.chance.below(8));
      }
  }
  arrived.altered = bytes != arrived.packet->bytes;
}

void Network::cut(const Address& address, Duration how_long) {
  Time& until = cut_until_[address];
  until = std::max(until, world_.now() + how_long);
}

void Network::heal() {
  cut_until_.clear();
  weather_ = Weather{};
}

void Network::replay() {
  if (recorded_.empty()) return;
  const std::size_t count = recorded_.size();
  const std::size_t newest = (next_record_ + count - 1) % count;
  const std::size_t back = world_.chance.below(world_.chance.happens(0.7) ? std::min(recent, count) : count);
  const PacketPtr packet = recorded_[(newest + count - back) % count];
  Address from = packet->from, to = packet->to;
  const std::size_t how = world_.chance.below(10);
  if (how == 0) {
    std::swap(from, to);  // back to its sender
  } else if (how < 5) {
    // A victim who has sent nothing himself, or one who has been made to seem to before.
    const auto number = world_.chance.happens(0.5) ? ++strangers_ : 1 + world_.chance.below(strangers_ + 1);
    from = *Address::parse("203.0.113.200", static_cast<std::uint16_t>(1000 + number % 60000));
  }
  world_.count(how == 0 ? "datagrams reflected" : how < 5 ? "datagrams replayed from elsewhere" : "datagrams replayed");
  fly(packet, from, to, false);
}

}  // namespace orrery::wire_sim
