#include "wire/replay_window.h"

namespace orrery::wire {

static std::size_t word_of(std::uint64_t counter) { return (counter % ReplayWindow::size) / 64; }
static std::uint64_t bit_of(std::uint64_t counter) { return std::uint64_t{1} << (counter % 64); }

bool ReplayWindow::is_fresh(std::uint64_t counter) const {
  if (counter == UINT64_MAX) return false;  // next_ could not follow it
  if (counter >= next_) return true;
  if (next_ - counter > size) return false;
  return (bits_[word_of(counter)] & bit_of(counter)) == 0;
}

void ReplayWindow::take(std::uint64_t counter) {
  if (counter >= next_) {
    if (counter - next_ >= size)
      bits_.fill(0);
    else
      for (std::uint64_t skipped = next_; skipped < counter; ++skipped) bits_[word_of(skipped)] &= ~bit_of(skipped);
    next_ = counter + 1;
  }
  bits_[word_of(counter)] |= bit_of(counter);
}

}  // namespace orrery::wire
