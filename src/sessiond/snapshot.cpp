#include "sessiond/snapshot.h"

#include <algorithm>
#include <utility>

namespace orrery::sessiond {
namespace {

constexpr std::int32_t velocity_unit_cm_s = 50;
/// Snapshots may be lost: who is gone is told so often in a row, and forgotten by a client that heard none of them.
constexpr std::uint8_t gone_times = 3;
constexpr std::size_t gone_per_snapshot = 16;
/// A client that is told of more has been away for long: what is beyond it forgets by itself.
constexpr std::size_t gone_max = 256;
/// Of those that are seen at most a fifth, the nearest, are told in each snapshot, half in each second, all in each
/// fourth.
constexpr std::size_t near_share = 5;
constexpr std::size_t middle_share = 2;
constexpr std::uint8_t near_each = 1, middle_each = 2, far_each = 4;

std::uint8_t velocity(std::int16_t cm_s) {
  return static_cast<std::uint8_t>(std::clamp(cm_s / velocity_unit_cm_s, -128, 127));
}

}  // namespace

EntityTable::EntityTable(std::int32_t view_cm)
    // The view reaches a quarter farther for who is seen: half of 2^16 units, and a little.
    : unit_cm_(
          static_cast<std::uint16_t>(std::min(std::int64_t{view_cm} * 5 / 4 / 32000 + 1, std::int64_t{UINT16_MAX}))) {}

std::uint32_t EntityTable::take_slot(space::EntityId entity) {
  const auto [known, fresh] = slot_of_.try_emplace(entity, 0);
  if (!fresh) return known->second;
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(places_.size()));
    places_.emplace_back();
    views_.emplace_back();
    encoded_.emplace_back();
    updated_.emplace_back();
  }
  known->second = free_.back();
  free_.pop_back();
  return known->second;
}

void EntityTable::encode(const space::EntityView& view, std::uint32_t slot) {
  Writer writer(encoded_[slot]);
  writer.put(view.id);
  writer.put(static_cast<std::uint16_t>(view.x_cm / unit_cm_));
  writer.put(static_cast<std::uint16_t>(view.y_cm / unit_cm_));
  writer.put(velocity(view.vx_cm_s));
  writer.put(velocity(view.vy_cm_s));
  writer.put(view.kind);
  writer.put(view.state);
}

void EntityTable::update(std::span<const space::EntityView> entities) {
  ++update_;
  slots_.resize(entities.size(), 0);
  for (std::size_t i = 0; i < entities.size(); ++i) {
    const auto& view = entities[i];
    // In the order of the last update, but for those that came and went.
    const bool same = slots_[i] < places_.size() && places_[slots_[i]].id == view.id;
    const std::uint32_t slot = same ? slots_[i] : take_slot(view.id);
    slots_[i] = slot;
    places_[slot] = {view.id, view.x_cm, view.y_cm};
    views_[slot] = view;
    updated_[slot] = update_;
    encode(view, slot);
  }
  for (std::uint32_t slot = 0; slot < places_.size(); ++slot) {
    if (places_[slot].id == 0 || updated_[slot] == update_) continue;
    slot_of_.erase(places_[slot].id);
    places_[slot] = {};
    free_.push_back(slot);
    ++left_;
  }
}

std::optional<std::uint32_t> EntityTable::slot_of(space::EntityId entity) const {
  const auto found = slot_of_.find(entity);
  return found == slot_of_.end() ? std::nullopt : std::optional(found->second);
}

void Spectator::forget() {
  seen_.clear();
  gone_.clear();
}

void Spectator::add_gone(const Seen& seen) {
  if (seen.age != untold && gone_.size() < gone_max) gone_.push_back({seen.id, gone_times});
}

void Spectator::drop_gone(const EntityTable& table) {
  if (std::exchange(left_, table.left()) == table.left()) return;
  const auto places = table.places();
  std::erase_if(seen_, [&](const Seen& seen) {
    if (places[seen.slot].id == seen.id) return false;
    add_gone(seen);
    return true;
  });
}

void Spectator::look(std::uint32_t self, const EntityTable& table, Visibility& visibility, std::size_t visible) {
  thread_local std::vector<std::uint32_t> slots;
  thread_local std::vector<Seen> before;
  drop_gone(table);
  slots.clear();
  for (const Seen& seen : seen_) slots.push_back(seen.slot);
  before.swap(seen_);
  seen_.clear();
  for (const auto [slot, place] : visibility.look(self, slots)) {
    const std::size_t rank = seen_.size();
    Seen& seen = seen_.emplace_back();
    if (place != Visibility::none) {
      seen = before[place];
      before[place].id = 0;
    } else {
      seen = {table.places()[slot].id, slot, untold, near_each};
      std::erase_if(gone_, [&](const Gone& gone) { return gone.id == seen.id; });
    }
    seen.each = rank < visible / near_share || rank == 0 ? near_each
                : rank < visible / middle_share          ? middle_each
                                                         : far_each;
  }
  for (const Seen& seen : before)
    if (seen.id != 0) add_gone(seen);
  before.clear();
}

void Spectator::write(Writer& writer, const EntityTable& table, std::size_t bytes_max) {
  thread_local std::vector<std::uint32_t> due;
  drop_gone(table);
  std::size_t room = bytes_max < 2 ? 0 : bytes_max - 2;
  const std::size_t gone = std::min({gone_.size(), gone_per_snapshot, room / snapshot_gone_bytes});
  room -= gone * snapshot_gone_bytes;
  due.clear();
  for (std::uint32_t i = 0; i < seen_.size(); ++i) {
    Seen& seen = seen_[i];
    if (seen.age < untold - 1) ++seen.age;
    if (seen.age >= seen.each) due.push_back(i);
  }
  if (const std::size_t fit = room / snapshot_entity_bytes; due.size() > fit) {
    // Those that are most overdue by their measure; the nearer of two.
    const auto overdue = [this](std::uint32_t i) { return seen_[i].age * (far_each / seen_[i].each); };
    std::nth_element(due.begin(), due.begin() + static_cast<std::ptrdiff_t>(fit), due.end(), [&](auto a, auto b) {
      const int one = overdue(a), other = overdue(b);
      return one != other ? one > other : a < b;
    });
    due.resize(fit);
  }
  writer.put(static_cast<std::uint8_t>(due.size()));
  writer.put(static_cast<std::uint8_t>(gone));
  for (const std::uint32_t i : due) {
    Seen& seen = seen_[i];
    writer.put_bytes(table.encoded(seen.slot));
    // Its first turn after the first is anywhere, so that not all of them have theirs at once.
    seen.age = seen.age == untold ? static_cast<std::uint8_t>(seen.id % seen.each) : 0;
  }
  for (std::size_t i = 0; i < gone; ++i) {
    writer.put(gone_[i].id);
    --gone_[i].times;
  }
  // Who waits to be told comes before who is told again.
  std::rotate(gone_.begin(), gone_.begin() + static_cast<std::ptrdiff_t>(gone), gone_.end());
  std::erase_if(gone_, [](const Gone& told) { return told.times == 0; });
}

}  // namespace orrery::sessiond
