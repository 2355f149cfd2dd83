#include "wire/effect_queue.h"

namespace orrery::wire {

void EffectQueue::begin_batch() {
  // What a flood made it grow to is given back; an even load allocates nothing.
  constexpr std::size_t kept_bytes_max = 1 << 20;
  constexpr std::size_t kept_entries_max = 4096;
  if (head_ != entries_.size()) return;
  head_ = 0;
  entries_.clear();
  block_.clear();
  if (entries_.capacity() > kept_entries_max) entries_.shrink_to_fit();
  if (block_.capacity() > kept_bytes_max) block_.shrink_to_fit();
}

void EffectQueue::push(Effect effect) { entries_.push_back({std::move(effect)}); }

void EffectQueue::push_message(ConnectionId connection, Channel channel, Delivery delivery,
                               std::span<const ByteView> parts) {
  const std::size_t offset = block_.size();
  for (const ByteView part : parts) block_.insert(block_.end(), part.begin(), part.end());
  // Where the block lies when the message is taken is not known yet; its length is.
  const ByteView bytes = ByteView(block_).subspan(offset);
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
  // The block stays: its messages are borrowed until the next batch.
  entries_.clear();
  head_ = 0;
  return false;
}

}  // namespace orrery::wire
