// Deadlines of many things, each named by a small index and present at most once.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace orrery {

class DeadlineHeap {
 public:
  bool empty() const { return heap_.empty(); }
  Instant first_at() const { return heap_.front().at; }
  std::uint32_t first() const { return heap_.front().index; }
  /// Sets or changes the deadline of `index`.
  void set(std::uint32_t index, Instant at) {
    if (index >= place_.size()) place_.resize(index + 1, absent);
    if (place_[index] == absent) {
      place_[index] = static_cast<std::uint32_t>(heap_.size());
      heap_.push_back({at, index});
    } else {
      heap_[place_[index]].at = at;
    }
    down(up(place_[index]));
  }
  /// As set, but leaves an earlier deadline as it is: cheap where deadlines mostly move later.
  void bring_forward(std::uint32_t index, Instant at) {
    if (index >= place_.size() || place_[index] == absent || at < heap_[place_[index]].at) set(index, at);
  }
  void remove(std::uint32_t index) {
    if (index >= place_.size() || place_[index] == absent) return;
    const std::uint32_t hole = place_[index];
    exchange(hole, static_cast<std::uint32_t>(heap_.size() - 1));
    heap_.pop_back();
    place_[index] = absent;
    if (hole < heap_.size()) down(up(hole));
  }

 private:
  struct Entry {
    Instant at;
    std::uint32_t index;
  };
  static constexpr std::uint32_t absent = UINT32_MAX;

  void exchange(std::uint32_t a, std::uint32_t b) {
    std::swap(heap_[a], heap_[b]);
    place_[heap_[a].index] = a;
    place_[heap_[b].index] = b;
  }
  std::uint32_t up(std::uint32_t at) {
    while (at > 0 && heap_[at].at < heap_[(at - 1) / 2].at) {
      exchange(at, (at - 1) / 2);
      at = (at - 1) / 2;
    }
    return at;
  }
  void down(std::uint32_t at) {
    for (;;) {
      std::uint32_t least = at;
      for (std::uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap_.size(); ++child)
        if (heap_[child].at < heap_[least].at) least = child;
      if (least == at) return;
      exchange(at, least);
      at = least;
    }
  }

  std::vector<Entry> heap_;
  std::vector<std::uint32_t> place_;  // by index
};

}  // namespace orrery
