#include "client/game_message.h"

#include <algorithm>

namespace orrery::client {

namespace {
constexpr std::uint8_t kind_input = 1;
constexpr std::uint8_t kind_snapshot = 2;
constexpr std::size_t input_bytes = 4 + 1 + 1 + 1;
constexpr std::size_t entity_bytes = 4 + 4 + 4 + 2 + 2 + 1;
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

std::optional<Snapshot> decode_snapshot(ByteView bytes) {
  Reader reader(bytes);
  if (reader.take<std::uint8_t>() != kind_snapshot) return std::nullopt;
  Snapshot snapshot{};
  snapshot.tick = reader.take<std::uint32_t>();
  snapshot.last_input = reader.take<std::uint32_t>();
  reader.take<std::uint16_t>();  // input delay, ms: for clients that predict
  snapshot.self = reader.take<std::uint32_t>();
  const auto count = reader.take<std::uint16_t>();
  // The length is checked before anything is allocated for what `count` claims.
  if (!reader.ok() || reader.remaining() != count * entity_bytes) return std::nullopt;
  snapshot.entities.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    Entity entity{};
    entity.entity = reader.take<std::uint32_t>();
    entity.x_cm = reader.take<std::int32_t>();
    entity.y_cm = reader.take<std::int32_t>();
    entity.vx_cm_s = reader.take<std::int16_t>();
    entity.vy_cm_s = reader.take<std::int16_t>();
    entity.kind = reader.take<std::uint8_t>();
    snapshot.entities.push_back(entity);
  }
  return snapshot;
}

}  // namespace orrery::client
