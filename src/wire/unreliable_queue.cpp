#include "wire/unreliable_queue.h"

namespace orrery::wire {

std::size_t UnreliableQueue::front_size() const {
  return static_cast<std::size_t>(block_[head_ + 1] | block_[head_ + 2] << 8);
}

std::size_t UnreliableQueue::push(Channel channel, ByteView bytes) {
  std::size_t lost = 0;
  for (; !empty() && block_.size() - head_ + header_bytes + bytes.size() > waiting_bytes_max; ++lost) pop();
  if (head_ > 0) {
    block_.erase(block_.begin(), block_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  // To the byte: sizes differ little from one message to the next.
  if (const std::size_t needed = block_.size() + header_bytes + bytes.size(); needed > block_.capacity())
    block_.reserve(needed);
  const auto size = static_cast<std::uint16_t>(bytes.size());
  block_.push_back(static_cast<std::uint8_t>(channel));
  block_.push_back(static_cast<std::uint8_t>(size & 0xff));
  block_.push_back(static_cast<std::uint8_t>(size >> 8));
  block_.insert(block_.end(), bytes.begin(), bytes.end());
  ++count_;
  return lost;
}

std::optional<UnreliableQueue::Waiting> UnreliableQueue::front() const {
  if (empty()) return std::nullopt;
  return Waiting{static_cast<Channel>(block_[head_]), ByteView(block_).subspan(head_ + header_bytes, front_size())};
}

void UnreliableQueue::pop() {
  head_ += static_cast<std::uint32_t>(header_bytes + front_size());
  --count_;
  if (empty()) {
    block_.clear();
    head_ = 0;
  }
}

std::size_t UnreliableQueue::cut() {
  std::size_t lost = 0;
  const auto framed = [&] { return block_.size() - head_ + count_ * (frame_header_bytes - header_bytes); };
  for (; framed() > unreliable_bytes_max + frame_header_bytes; ++lost) pop();
  return lost;
}

void UnreliableQueue::release() {
  if (empty()) block_ = Bytes();
}

}  // namespace orrery::wire
