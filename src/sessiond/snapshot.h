// Snapshots as bytes (docs/protocol.md, Game messages): each entity encoded once a tick, copied for each who sees it;
// the near ones more often than the far ones, within a budget.
#pragma once

#include <array>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "sessiond/visibility.h"
#include "space/world.h"
#include "wire/types.h"

namespace orrery::sessiond {

inline constexpr std::uint8_t game_snapshot = 2;
inline constexpr std::size_t snapshot_header_bytes = 1 + 4 + 4 + 2 + 2 + (4 + 4 + 4 + 2 + 2 + 1 + 1) + 1 + 1;
inline constexpr std::size_t snapshot_entity_bytes = 4 + 2 + 2 + 1 + 1 + 1 + 1;
inline constexpr std::size_t snapshot_gone_bytes = 4;
/// What seals and frames a snapshot: packet header 13, tag 16, flags and ack 11, frame header 4.
inline constexpr std::size_t snapshot_frame_bytes = 44;
inline constexpr std::size_t snapshot_bytes_max = wire::datagram_bytes_max - snapshot_frame_bytes;
inline constexpr std::size_t snapshot_entities_max =
    (snapshot_bytes_max - snapshot_header_bytes) / snapshot_entity_bytes;

/// The entities of this tick by slot: an entity keeps its slot as long as it is there.
class EntityTable {
 public:
  /// `view_cm`: how far anyone sees.
  explicit EntityTable(std::int32_t view_cm);

  /// Takes and encodes the entities of a tick.
  void update(std::span<const space::EntityView> entities);
  /// Of the last update.
  std::optional<std::uint32_t> slot_of(space::EntityId entity) const;
  std::span<const Place> places() const { return places_; }
  const space::EntityView& view(std::uint32_t slot) const { return views_[slot]; }
  ByteView encoded(std::uint32_t slot) const { return encoded_[slot]; }
  /// How many have left so far: while it is the same nobody looks for those who are gone.
  std::uint64_t left() const { return left_; }
  /// What positions in snapshots are counted in: 2^16 of them are more than twice what anyone sees.
  std::uint16_t unit_cm() const { return unit_cm_; }

 private:
  std::uint32_t take_slot(space::EntityId entity);
  void encode(const space::EntityView& view, std::uint32_t slot);

  std::uint16_t unit_cm_;
  std::uint32_t update_ = 0;
  std::uint64_t left_ = 0;
  std::vector<Place> places_;
  std::vector<space::EntityView> views_;
  std::vector<std::array<std::uint8_t, snapshot_entity_bytes>> encoded_;
  std::vector<std::uint32_t> updated_;  // by slot: the last update that had it
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> slots_;  // of the entities in the last update's order
  std::unordered_map<space::EntityId, std::uint32_t> slot_of_;
};

/// What one client was told of the entities around its own.
class Spectator {
 public:
  /// The client knows nothing.
  void forget();
  /// Chooses whom it sees from now on; to be called each `looks_each` snapshots. `visible`: at most so many.
  void look(std::uint32_t self, const EntityTable& table, Visibility& visibility, std::size_t visible);
  static constexpr std::uint32_t looks_each = 4;
  /// Writes count, gone and both lists, in no more than `bytes_max`. One whose turn does not come for want of bytes has
  /// a better one the next time.
  void write(Writer& writer, const EntityTable& table, std::size_t bytes_max);
  std::size_t seen() const { return seen_.size(); }

 private:
  struct Seen {
    space::EntityId id;
    std::uint32_t slot;
    std::uint8_t age;   // snapshots since it was told; `untold`: never
    std::uint8_t each;  // it is to be told each so many
  };
  struct Gone {
    space::EntityId id;
    std::uint8_t times;  // still to be told
  };
  static constexpr std::uint8_t untold = UINT8_MAX;
  void drop_gone(const EntityTable& table);
  void add_gone(const Seen& seen);

  std::vector<Seen> seen_;  // from the nearest on, as of the last look
  std::vector<Gone> gone_;
  std::uint64_t left_ = 0;  // of the table, when those who are gone were dropped last
};

}  // namespace orrery::sessiond
