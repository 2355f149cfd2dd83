#include "wire/half_open.h"

#include <algorithm>

#include "wire/session_keys.h"

namespace orrery::wire {

HalfOpenTable::HalfOpenTable(const EndpointConfig& config, Random& random)
    : config_(config), cookies_(config.cookie_for, random), limit_(config.inits_per_second_max, random) {
  entries_.reserve(config_.half_open_max);  // growing would leave copies of keys behind
}

HalfOpenTable::~HalfOpenTable() { forget_keys(); }

void HalfOpenTable::set_keys(std::span<const Key32> static_keys, const std::string& cluster) {
  forget_keys();
  keys_.reserve(static_keys_max);
  for (const Key32& secret : static_keys.first(std::min(static_keys.size(), static_keys_max))) {
    const Key32 open = public_key(secret);
    keys_.push_back({key_id(open), secret, open});
  }
  prologue_ = login_prologue(cluster);
}

void HalfOpenTable::forget_keys() {
  for (StaticKey& key : keys_) wipe(key.secret);
  keys_.clear();
}

const HalfOpenTable::StaticKey* HalfOpenTable::find_key(const KeyId& id) const {
  const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const StaticKey& key) { return key.id == id; });
  return found == keys_.end() ? nullptr : &*found;
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
    if (entry.init.client_id == init.client_id && entry.init.key_id == init.key_id && entry.init.noise == init.noise)
      return entry.reply;
  }
  const StaticKey* key = find_key(init.key_id);
  if (!key) {
    ++statistics.dropped_unknown;
    return {};
  }
  std::optional<std::uint32_t> leaves;
  if (known != by_address_.end()) leaves = known->second;
  const bool is_full = !leaves && by_address_.size() >= config_.half_open_max;
  // Not one that has hardly more, so that the work of Diffie-Hellman stays bounded by the places that get free.
  if (const auto place = is_full ? shares_.gives_way_to(from, 1) : std::nullopt)
    leaves = static_cast<std::uint32_t>(*place & UINT32_MAX);
  if ((is_full && !leaves) || !limit_.charge(from, now)) {
    ++statistics.dropped_limited;
    return {};
  }
  Key32 ephemeral;
  random.fill(ephemeral);
  NoiseNk noise = NoiseNk::responder(prologue_, key->secret, key->open, ephemeral);
  wipe(ephemeral);
  const auto opened = noise.read_first(init.noise);
  const auto answer = opened ? noise.write_second({}) : std::nullopt;
  if (!answer || !opened->empty()) {
    ++statistics.dropped_sealed;
    return {};
  }
  if (leaves) {
    receivers.remove(entries_[*leaves].receiver);
    take(*leaves);
  }
  const std::uint32_t receiver = receivers.add({}, random);
  if (receiver == 0) {
    ++statistics.dropped_limited;
    return {};
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
  entry.handshake_hash = noise.handshake_hash();
  entry.receiver = receiver;
  entry.place = ++last_begun_ << 32 | index;
  receivers.set(receiver, {ReceiverTable::Kind::half_open, index});
  Reply reply{init.client_id, entry.receiver, {}};
  std::copy(answer->begin(), answer->end(), reply.noise.begin());
  encode(reply, entry.reply);
  by_address_[from] = index;
  shares_.add(from, entry.place);
  ends_.set(index, now + config_.half_open_for);
  return entry.reply;
}

void HalfOpenTable::take(std::uint64_t index) {
  Entry& entry = entries_[index];
  by_address_.erase(entry.from);
  shares_.remove(entry.from, entry.place);
  entry = {};
  free_.push_back(static_cast<std::uint32_t>(index));
  ends_.remove(static_cast<std::uint32_t>(index));
}

void HalfOpenTable::expire(Instant now, ReceiverTable& receivers) {
  while (!ends_.empty() && ends_.first_at() <= now) {
    receivers.remove(entries_[ends_.first()].receiver);
    take(ends_.first());
  }
}

std::optional<Instant> HalfOpenTable::next_deadline() const {
  return ends_.empty() ? std::nullopt : std::optional(ends_.first_at());
}

}  // namespace orrery::wire
