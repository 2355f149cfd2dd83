#include "wire/half_open.h"

#include <algorithm>

#include "wire/session_keys.h"

namespace orrery::wire {

HalfOpenTable::HalfOpenTable(const EndpointConfig& config, const Key32& static_key, const std::string& cluster,
                             Random& random)
    : config_(config),
      static_key_(static_key),
      prologue_(login_prologue(cluster)),
      cookies_(config.cookie_for, random),
      limit_(config.inits_per_second_max, random) {}

HalfOpenTable::~HalfOpenTable() {
  wipe(static_key_);
  for (Entry& entry : entries_) wipe(entry.keys);
}

ByteView HalfOpenTable::on_init(const Init& init, const Address& from, Instant now, ReceiverTable& receivers,
                                Random& random, Statistics& statistics) {
  if (!cookies_.accepts(init.cookie, from, now)) {
    ++statistics.dropped_unknown;
    return {};
  }
  const auto known = by_address_.find(from);
  if (known != by_address_.end()) {
    const Entry& entry = entries_[known->second];
    if (entry.init.client_id == init.client_id && entry.init.noise == init.noise) return entry.reply;
  }
  const bool full = known == by_address_.end() && by_address_.size() >= config_.half_open_max;
  // Entries that were opened or replaced leave their deadline behind for a while; that too is bounded.
  if (full || ends_.size() >= ends_max || !limit_.charge(from, now)) {
    ++statistics.dropped_limited;
    return {};
  }
  Key32 ephemeral;
  random.fill(ephemeral);
  NoiseNk noise = NoiseNk::responder(prologue_, static_key_, ephemeral);
  wipe(ephemeral);
  const auto opened = noise.read_first(init.noise);
  const auto answer = opened ? noise.write_second({}) : std::nullopt;
  if (!answer || !opened->empty()) {
    ++statistics.dropped_sealed;
    return {};
  }
  if (known != by_address_.end()) {
    const std::uint32_t old = known->second;
    receivers.remove(entries_[old].receiver);
    take(old);
  }
  std::uint32_t index;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Entry& entry = entries_[index];
  entry.from = from;
  entry.init = init;
  entry.keys = noise.split();
  entry.receiver = receivers.add({ReceiverTable::Kind::half_open, index}, random);
  Reply reply{init.client_id, entry.receiver, {}};
  std::copy(answer->begin(), answer->end(), reply.noise.begin());
  encode(reply, entry.reply);
  by_address_[from] = index;
  ends_.push_back({now + config_.half_open_for, entry.receiver});
  return entry.reply;
}

void HalfOpenTable::take(std::uint64_t index) {
  Entry& entry = entries_[index];
  by_address_.erase(entry.from);
  wipe(entry.keys);
  entry = {};
  free_.push_back(static_cast<std::uint32_t>(index));
}

void HalfOpenTable::expire(Instant now, ReceiverTable& receivers) {
  while (!ends_.empty() && ends_.front().at <= now) {
    const std::uint32_t receiver = ends_.front().receiver;
    const auto target = receivers.find(receiver);
    if (target.kind == ReceiverTable::Kind::half_open) {
      take(target.value);
      receivers.remove(receiver);
    }
    ends_.pop_front();
  }
}

std::optional<Instant> HalfOpenTable::next_deadline() const {
  if (ends_.empty()) return std::nullopt;
  return ends_.front().at;
}

}  // namespace orrery::wire
