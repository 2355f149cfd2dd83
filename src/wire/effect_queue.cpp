#include "wire/effect_queue.h"

#include <functional>

namespace orrery::wire {

void EffectQueue::begin_batch() {
  constexpr std::size_t kept_bytes_max = 1 << 20;
  if (head_ != entries_.size()) return;
  head_ = 0;
  entries_.clear();
  block_.clear();
  if (block_.capacity() > kept_bytes_max) block_.shrink_to_fit();
}

std::span<std::uint8_t> EffectQueue::allocate(std::size_t size) {
  const std::size_t offset = block_.size();
  block_.resize(offset + size);
  return std::span(block_).subspan(offset);
}

void EffectQueue::push(Effect effect) { entries_.push_back({std::move(effect)}); }

void EffectQueue::push_message(ConnectionId connection, Channel channel, Delivery delivery, ByteView bytes) {
  const std::less<const std::uint8_t*> before;
  std::size_t offset = block_.size();
  if (!bytes.empty()) {
    if (!before(bytes.data(), block_.data()) && before(bytes.data(), block_.data() + block_.size()))
      offset = static_cast<std::size_t>(bytes.data() - block_.data());
    else
      block_.insert(block_.end(), bytes.begin(), bytes.end());
  }
  entries_.push_back({Message{connection, channel, delivery, bytes}, offset});
}

void EffectQueue::drop(ConnectionId connection) {
  for (std::size_t i = head_; i < entries_.size(); ++i)
    std::visit([&](const auto& effect) { entries_[i].dropped |= effect.connection == connection; }, entries_[i].effect);
}

bool EffectQueue::poll(Effect& effect) {
  while (head_ < entries_.size()) {
    Entry& entry = entries_[head_++];
    if (entry.dropped) continue;
    if (auto* message = std::get_if<Message>(&entry.effect))
      message->bytes = ByteView(block_).subspan(entry.offset, message->bytes.size());
    effect = entry.effect;
    return true;
  }
  return false;
}

}  // namespace orrery::wire
