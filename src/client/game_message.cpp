#include "client/game_message.h"

#include <algorithm>

namespace orrery::client {

namespace {
constexpr std::uint8_t kind_input = 1;
constexpr std::uint8_t kind_snapshot = 2;
constexpr std::size_t input_bytes = 4 + 1 + 1 + 1;
constexpr std::size_t entity_bytes = 4 + 2 + 2 + 1 + 1 + 1 + 1;
constexpr std::size_t gone_bytes = 4;
constexpr std::int32_t velocity_unit_cm_s = 50;
/// Who was not told of for so many ticks is gone.
constexpr std::uint32_t forgotten_after = 64;

/// What is meant by `low`, the lower 16 bits of a position in units: the place nearest to `own`.
std::int32_t place_of(std::uint16_t low, std::int32_t own_cm, std::int64_t unit_cm) {
  const std::int64_t own = own_cm >= 0 ? own_cm / unit_cm : -((unit_cm - 1 - std::int64_t{own_cm}) / unit_cm);
  const auto off = static_cast<std::int16_t>(static_cast<std::uint16_t>(low - static_cast<std::uint16_t>(own)));
  const std::int64_t cm = (own + off) * unit_cm + unit_cm / 2;
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(cm, INT32_MIN, INT32_MAX));
}
}  // namespace

Bytes encode_inputs(std::span<const Input> inputs) {
  const std::size_t count = std::min(inputs.size(), inputs_per_message_max);
  Bytes bytes(2 + count * input_bytes);
  Writer writer(bytes);
  writer.put(kind_input);
  writer.put(static_cast<std::uint8_t>(count));
  for (const Input& input : inputs.first(count)) {
    writer.put(input.sequence);
    writer.put(input.move_x);
    writer.put(input.move_y);
    writer.put(input.buttons);
  }
  return bytes;
}

std::optional<SnapshotMessage> decode_snapshot(ByteView bytes) {
  Reader reader(bytes);
  if (reader.take<std::uint8_t>() != kind_snapshot) return std::nullopt;
  SnapshotMessage snapshot{};
  snapshot.tick = reader.take<std::uint32_t>();
  snapshot.last_input = reader.take<std::uint32_t>();
  reader.take<std::uint16_t>();  // input delay, ms: for clients that predict
  const auto unit_cm = reader.take<std::uint16_t>();
  Entity& self = snapshot.self;
  self.entity = reader.take<std::uint32_t>();
  self.x_cm = reader.take<std::int32_t>();
  self.y_cm = reader.take<std::int32_t>();
  self.vx_cm_s = reader.take<std::int16_t>();
  self.vy_cm_s = reader.take<std::int16_t>();
  self.kind = reader.take<std::uint8_t>();
  self.state = reader.take<std::uint8_t>();
  const std::size_t count = reader.take<std::uint8_t>();
  const std::size_t gone = reader.take<std::uint8_t>();
  // The length is checked before anything is allocated for what the counts claim.
  if (!reader.ok() || unit_cm == 0 || reader.remaining() != count * entity_bytes + gone * gone_bytes)
    return std::nullopt;
  snapshot.entities.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    Entity entity{};
    entity.entity = reader.take<std::uint32_t>();
    entity.x_cm = place_of(reader.take<std::uint16_t>(), self.x_cm, unit_cm);
    entity.y_cm = place_of(reader.take<std::uint16_t>(), self.y_cm, unit_cm);
    entity.vx_cm_s = static_cast<std::int16_t>(reader.take<std::int8_t>() * velocity_unit_cm_s);
    entity.vy_cm_s = static_cast<std::int16_t>(reader.take<std::int8_t>() * velocity_unit_cm_s);
    entity.kind = reader.take<std::uint8_t>();
    entity.state = reader.take<std::uint8_t>();
    snapshot.entities.push_back(entity);
  }
  for (std::size_t i = 0; i < gone; ++i) snapshot.gone.push_back(reader.take<std::uint32_t>());
  return snapshot;
}

std::optional<Snapshot> Sight::take(ByteView bytes) {
  const auto message = decode_snapshot(bytes);
  if (!message || (last_tick_ && static_cast<std::int32_t>(message->tick - *last_tick_) <= 0)) return std::nullopt;
  last_tick_ = message->tick;
  for (const auto& entity : message->entities) {
    if (others_.size() < others_max || others_.contains(entity.entity))
      others_.insert_or_assign(entity.entity, Other{entity, message->tick});
  }
  for (const std::uint32_t entity : message->gone) others_.erase(entity);
  std::erase_if(others_, [&](const auto& one) { return message->tick - one.second.told_at >= forgotten_after; });
  Snapshot seen{message->tick, message->last_input, message->self.entity, {message->self}};
  seen.entities.reserve(1 + others_.size());
  for (const auto& [id, other] : others_) seen.entities.push_back(other.entity);
  return seen;
}

}  // namespace orrery::client
