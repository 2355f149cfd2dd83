#include "sessiond/zone_core.h"

#include <algorithm>
#include <array>

namespace orrery::sessiond {
namespace {

/// Ticks that a zone which fell behind catches up at once; those beyond are skipped.
constexpr int catch_up_max = 5;
constexpr std::int64_t cm_per_m = 100;

}  // namespace

Status ZoneCore::on_started(const Json& info, Instant now) {
  for (const char* name : {"zone_tick_hz", "zone_visible", "zone_view_m"})
    if (host_.setting(name) <= 0) return Error{std::string("the database gave no setting ") + name};
  const auto world = info.find("world");
  const std::string text = world != info.end() && world->is_object() ? to_text(*world) : "{}";
  auto made = space::World::make(text, host_.random().next<std::uint64_t>());
  if (!made) return made.error();
  world_ = std::move(*made);
  const auto view_cm = std::min<std::int64_t>(host_.setting("zone_view_m") * cm_per_m, INT32_MAX);
  const auto visible = std::min(static_cast<std::size_t>(host_.setting("zone_visible")), snapshot_entities_max);
  visibility_.emplace(world_->size_cm(), static_cast<std::int32_t>(view_cm), visible);
  period_ = std::chrono::duration_cast<Duration>(std::chrono::seconds{1}) / host_.setting("zone_tick_hz");
  next_tick_ = now + period_;
  host_.role_ready();
  return ok();
}

void ZoneCore::on_attached(Session& session, Instant) {
  auto [found, fresh] = players_.try_emplace(session.id);
  // Attached anew: the entity stays, the client counts its inputs afresh.
  const space::EntityId entity = fresh ? world_->enter(session.id, session.name, session.state) : found->second.entity;
  found->second = Player{};
  found->second.entity = entity;
}

std::optional<std::string> ZoneCore::leave(Session& session, Instant) {
  const auto found = players_.find(session.id);
  // One that never attached keeps the state with which it came.
  if (found == players_.end()) return std::nullopt;
  std::string state = world_->leave(found->second.entity);
  players_.erase(found);
  return state;
}

void ZoneCore::on_message(const wire::Message& message, Session* session, Instant now) {
  if (session == nullptr || message.channel != wire::Channel::game) return;
  const auto player = players_.find(session->id);
  if (player != players_.end()) take_inputs(player->second, message.bytes, now);
}

void ZoneCore::take_inputs(Player& player, ByteView bytes, Instant now) {
  struct Input {
    std::uint32_t sequence;
    std::int8_t move_x, move_y;
    std::uint8_t buttons;
  };
  std::array<Input, inputs_per_message_max> inputs{};
  Reader reader(bytes);
  const auto kind = reader.take<std::uint8_t>();
  const std::size_t count = reader.take<std::uint8_t>();
  if (kind != game_input || count == 0 || count > inputs.size()) {
    ++inputs_malformed_;
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    inputs[i].sequence = reader.take<std::uint32_t>();
    inputs[i].move_x = reader.take<std::int8_t>();
    inputs[i].move_y = reader.take<std::int8_t>();
    inputs[i].buttons = reader.take<std::uint8_t>();
  }
  if (!reader.ok() || reader.remaining() != 0) {
    ++inputs_malformed_;
    return;
  }
  // Newest first on the wire; oldest first here.
  for (std::size_t i = count; i-- > 0;) {
    const Input& input = inputs[i];
    // Sequences wrap; what is not after the last one taken is a repetition.
    if (player.has_input && static_cast<std::int32_t>(input.sequence - player.last_input) <= 0) continue;
    player.has_input = true;
    player.last_input = input.sequence;
    player.last_input_at = now;
    world_->input(player.entity, input.move_x, input.move_y, input.buttons);
  }
}

void ZoneCore::advance(Instant now) {
  if (!next_tick_ || now < *next_tick_) return;
  int steps = 0;
  while (*next_tick_ <= now && steps < catch_up_max) {
    if (now - *next_tick_ >= period_) ++ticks_late_;
    world_->step(period_);
    ++tick_;
    ++steps;
    *next_tick_ += period_;
  }
  if (*next_tick_ <= now) {
    const auto behind = (now - *next_tick_) / period_ + 1;
    ticks_skipped_ += static_cast<std::uint64_t>(behind);
    *next_tick_ += behind * period_;
  }
  send_snapshots(now);
}

void ZoneCore::send_snapshots(Instant now) {
  if (host_.connections().empty()) return;
  const auto entities = world_->entities();
  visibility_->fill(entities);
  index_of_.clear();
  for (std::size_t i = 0; i < entities.size(); ++i) index_of_[entities[i].id] = static_cast<std::uint32_t>(i);

  std::array<std::uint8_t, snapshot_bytes_max> buffer;
  for (const auto& [connection, session] : host_.connections()) {
    if (session == nullptr) continue;
    const auto found = players_.find(session->id);
    if (found == players_.end()) continue;
    const Player& player = found->second;
    const auto index = index_of_.find(player.entity);
    if (index == index_of_.end()) continue;
    // A path that loses packets, or is slow, gets every second or fourth; and while nothing may leave, the next one
    // will be newer than one that waits.
    const auto quality = host_.endpoint().quality(connection);
    const std::uint64_t each = std::uint64_t{1} << (quality ? quality->level : 0);
    if ((tick_ + session->id.value) % each != 0 || (quality && quality->bytes_free == 0)) continue;
    const auto seen = visibility_->seen_by(index->second);
    const auto delay_ms =
        player.has_input ? std::chrono::duration_cast<std::chrono::milliseconds>(now - player.last_input_at).count()
                         : 0;
    Writer writer(buffer);
    writer.put(game_snapshot);
    writer.put(tick_);
    writer.put(player.last_input);
    writer.put(static_cast<std::uint16_t>(std::min<std::int64_t>(delay_ms, UINT16_MAX)));
    writer.put(player.entity);
    writer.put(static_cast<std::uint16_t>(seen.size()));
    for (const auto at : seen) {
      const auto& entity = entities[at];
      writer.put(entity.id);
      writer.put(entity.x_cm);
      writer.put(entity.y_cm);
      writer.put(entity.vx_cm_s);
      writer.put(entity.vy_cm_s);
      writer.put(entity.kind);
    }
    if (writer.ok())
      (void)host_.endpoint().send(connection, wire::Channel::game, wire::Delivery::unreliable, writer.written());
  }
}

std::string ZoneCore::statistics() {
  return "tick " + std::to_string(tick_) + ", " + std::to_string(players_.size()) + " players, " +
         std::to_string(ticks_late_) + " ticks late, " + std::to_string(ticks_skipped_) + " skipped, " +
         std::to_string(inputs_malformed_) + " bad inputs";
}

}  // namespace orrery::sessiond
