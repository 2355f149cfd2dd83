// A queue in one block of memory that doubles as it grows; what a burst made it grow to is given back when it is empty.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace orrery::wire {

template <class T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& front() { return slots_[head_]; }
  const T& front() const { return slots_[head_]; }

  void push_back(T value) {
    if (size_ == slots_.size()) grow();
    slots_[(head_ + size_) & (slots_.size() - 1)] = std::move(value);
    ++size_;
  }
  void pop_front() {
    head_ = (head_ + 1) & (slots_.size() - 1);
    --size_;
    if (size_ == 0 && slots_.size() > kept_max) *this = Ring{};
  }

 private:
  /// Slots that an empty queue keeps, so that an even load allocates nothing.
  static constexpr std::size_t kept_max = 1024;

  void grow() {
    std::vector<T> larger(slots_.empty() ? 4 : slots_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(slots_[(head_ + i) & (slots_.size() - 1)]);
    slots_ = std::move(larger);
    head_ = 0;
  }

  std::vector<T> slots_;  // a power of two long
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace orrery::wire
