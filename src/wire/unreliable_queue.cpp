#include "wire/unreliable_queue.h"

namespace orrery::wire {

std::size_t UnreliableQueue::front_size() const {
  return static_cast<std::size_t>(block_[head_ + 1] | block_[head_ + 2] << 8);
}

void UnreliableQueue::push(Channel channel, ByteView bytes) {
  while (!empty() && block_.size() - head_ + header_bytes + bytes.size() > waiting_bytes_max) pop();
  if (head_ > 0) {
    block_.erase(block_.begin(), block_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  const auto size = static_cast<std::uint16_t>(bytes.size());
  block_.push_back(static_cast<std::uint8_t>(channel));
  block_.push_back(static_cast<std::uint8_t>(size & 0xff));
  block_.push_back(static_cast<std::uint8_t>(size >> 8));
  block_.insert(block_.end(), bytes.begin(), bytes.end());
}

std::optional<UnreliableQueue::Waiting> UnreliableQueue::front() const {
  if (empty()) return std::nullopt;
  return Waiting{static_cast<Channel>(block_[head_]), ByteView(block_).subspan(head_ + header_bytes, front_size())};
}

void UnreliableQueue::pop() {
  head_ += header_bytes + front_size();
  if (empty()) {
    block_.clear();
    head_ = 0;
  }
}

}  // namespace orrery::wire
