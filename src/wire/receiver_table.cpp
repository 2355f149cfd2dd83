#include "wire/receiver_table.h"

namespace orrery::wire {

std::uint32_t ReceiverTable::add(Target target, Random& random) {
  std::uint32_t index;
  if (free_.empty()) {
    if (entries_.size() > index_mask) return 0;
    index = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  std::uint32_t id = 0;
  while (id >> index_bits == 0) id = (random.next<std::uint32_t>() & ~index_mask) | index;
  entries_[index] = {id, target};
  return id;
}

ReceiverTable::Target ReceiverTable::find(std::uint32_t id) const {
  const std::uint32_t index = id & index_mask;
  if (index >= entries_.size() || entries_[index].id != id) return {};
  return entries_[index].target;
}

void ReceiverTable::set(std::uint32_t id, Target target) { entries_[id & index_mask].target = target; }

void ReceiverTable::remove(std::uint32_t id) {
  entries_[id & index_mask] = {};
  free_.push_back(id & index_mask);
}

}  // namespace orrery::wire
