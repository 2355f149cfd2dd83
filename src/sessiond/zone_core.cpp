#include "sessiond/zone_core.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"

namespace orrery::sessiond {
namespace {

/// Ticks that a zone which fell behind catches up at once; those beyond are skipped.
constexpr int catch_up_max = 5;
constexpr std::int64_t cm_per_m = 100;
/// 2 km around are 2^16 units of it; the largest world's diagonal is less.
constexpr std::int64_t view_cm_max = 200'000'000;
/// Snapshots leave each so often: long beside a wake-up's cost, short beside what a full receive buffer holds.
constexpr Duration slice_least = std::chrono::milliseconds{5};
constexpr std::int64_t slices_max = 16;
/// What of a client's rate snapshots may take; the rest is for answers, chat and acks.
constexpr std::size_t budget_share_percent = 80;
/// Lateness is judged over so many ticks, and said when more of them than a hundredth were late.
constexpr std::uint32_t window_ticks = 200;
constexpr std::uint32_t window_late_max = window_ticks / 100;

}  // namespace

ZoneCore::ZoneCore(SessionHost& host)
    : host_(host),
      commands_(host.batch([](Json entries) { return DatabaseRequest{RunCommands{std::move(entries)}}; })) {}

Status ZoneCore::on_started(const Json& info, Instant now) {
  for (const char* name : {"zone_tick_hz", "zone_visible", "zone_view_m"})
    if (host_.setting(name) <= 0) return Error{std::string("the database gave no setting ") + name};
  const auto world = info.find("world");
  Json place = world != info.end() && world->is_object() ? *world : Json::object();
  place["kind"] = host_.config().kind;
  place["key"] = host_.config().key;
  const auto saved = info.find("saved");
  auto made = space::World::make(to_text(place), saved != info.end() ? to_text(*saved) : "",
                                 host_.random().next<std::uint64_t>());
  if (!made) return made.error();
  world_ = std::move(*made);
  const auto view_cm = static_cast<std::int32_t>(std::min(host_.setting("zone_view_m") * cm_per_m, view_cm_max));
  // The player's own is one of them.
  visible_ = static_cast<std::size_t>(host_.setting("zone_visible")) - 1;
  table_.emplace(view_cm);
  visibility_.emplace(world_->size_cm(), view_cm, visible_);
  const std::int64_t hz = host_.setting("zone_tick_hz");
  period_ = std::chrono::duration_cast<Duration>(std::chrono::seconds{1}) / hz;
  slices_.resize(static_cast<std::size_t>(std::clamp(period_ / slice_least, std::int64_t{1}, slices_max)));
  slice_period_ = period_ / static_cast<std::int64_t>(slices_.size());
  const std::int64_t rate = host_.setting("client_rate_bytes_s");
  const auto rate_bytes_s = rate > 0 ? static_cast<std::size_t>(rate) : wire::Timing{}.client_rate_bytes_s;
  const std::size_t a_tick = rate_bytes_s * budget_share_percent / 100 / static_cast<std::size_t>(hz);
  // A little must fit, however poor the rate: then the bucket lets fewer leave.
  const std::size_t least = snapshot_header_bytes + 4 * snapshot_entity_bytes;
  budget_bytes_ = std::clamp(a_tick - std::min(a_tick, snapshot_frame_bytes), least, snapshot_bytes_max);
  next_tick_ = now + period_;
  next_slice_ = *next_tick_;
  if (host_.setting("zone_checkpoint_ms") > 0) {
    save_each_ = host_.setting_ms("zone_checkpoint_ms");
    // Anywhere in the first round, so that servers that start together do not save together.
    save_at_ = now + save_each_ * (1 + host_.random().next<std::uint8_t>()) / 256;
  }
  host_.role_ready();
  return ok();
}

void ZoneCore::on_attached(Session& session, Instant now) {
  auto [found, fresh] = players_.try_emplace(session.id);
  Player& player = found->second;
  if (fresh) {
    player.session = session.id;
    player.entity = world_->enter(session.id, session.name, session.state);
    const auto least = std::min_element(slices_.begin(), slices_.end(),
                                        [](const auto& a, const auto& b) { return a.size() < b.size(); });
    player.slice = static_cast<std::size_t>(least - slices_.begin());
    least->push_back(&player);
    player_of_[player.entity] = &player;
  }
  // Attached anew: the entity stays, the client counts its inputs afresh and knows nothing of the others.
  player.connection = session.connection;
  player.has_input = false;
  player.last_input = 0;
  player.look_at.reset();
  player.shown_at.reset();
  player.spectator.forget();
  arrived_.push_back(session.id);
  if (fresh) take_up_commands(player, session, now);
}

std::optional<std::string> ZoneCore::leave(Session& session, Instant) {
  const auto found = players_.find(session.id);
  // One that never attached keeps the state with which it came.
  if (found == players_.end()) return std::nullopt;
  if (session.hand_off) travels_[session.id].commands = std::move(found->second.commands);
  std::string state = world_->leave(found->second.entity);
  std::erase(slices_[found->second.slice], &found->second);
  player_of_.erase(found->second.entity);
  players_.erase(found);
  return state;
}

void ZoneCore::on_message(const wire::Message& message, Session* session, Instant now) {
  if (session == nullptr || message.channel != wire::Channel::game) return;
  const auto player = players_.find(session->id);
  if (player == players_.end()) return;
  if (message.delivery == wire::Delivery::reliable)
    take_command(player->second, message.bytes, now);
  else
    take_inputs(player->second, message.bytes, now);
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
  ++inputs_;
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

std::optional<Instant> ZoneCore::next_deadline() const {
  std::optional<Instant> next = next_tick_;
  const auto consider = [&next](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  if (!players_.empty()) consider(next_slice_);
  if (!again_.empty()) consider(again_.front().at);
  if (!saving_) consider(save_at_);
  return next;
}

void ZoneCore::advance(Instant now) {
  if (!next_tick_) return;
  if (*next_tick_ <= now) step(now);
  if (!arrived_.empty()) show_arrived(now);
  if (*next_slice_ <= now) send_slices(now);
  if (!again_.empty() && again_.front().at <= now) ask_again(now);
  if (!saving_ && save_at_ && *save_at_ <= now) save(now);
  commands_.flush();
}

void ZoneCore::step(Instant now) {
  for (int steps = 0; *next_tick_ <= now && steps < catch_up_max; ++steps) {
    const bool late = now - *next_tick_ > period_ / 4;
    ticks_late_ += late;
    window_.late += late;
    if (++window_.ticks == window_ticks) watch_lateness();
    world_->step(period_);
    ++tick_;
    *next_tick_ += period_;
  }
  if (*next_tick_ <= now) {
    const auto behind = (now - *next_tick_) / period_ + 1;
    ticks_skipped_ += static_cast<std::uint64_t>(behind);
    *next_tick_ += behind * period_;
  }
  tell_what_happened(now);
  if (!players_.empty()) survey();
}

void ZoneCore::survey() {
  table_->update(world_->entities());
  visibility_->fill(table_->places());
}

/// Who comes from another place has seen nothing since: he does not wait for his slice.
void ZoneCore::show_arrived(Instant now) {
  survey();
  for (const SessionId id : std::exchange(arrived_, {}))
    if (const auto player = players_.find(id); player != players_.end()) send_snapshot(player->second, now);
}

void ZoneCore::watch_lateness() {
  if (window_.late > window_late_max && !said_late_)
    spdlog::warn("the zone cannot keep its pace: {} of the last {} ticks began late, with {} players", window_.late,
                 window_.ticks, players_.size());
  if (window_.late == 0 && said_late_) spdlog::info("the zone keeps its pace again, with {} players", players_.size());
  said_late_ = window_.late > window_late_max || (said_late_ && window_.late > 0);
  window_ = {};
}

void ZoneCore::send_slices(Instant now) {
  // Who is behind by a whole tick sends each slice once, and goes on from there.
  const auto behind = (now - *next_slice_) / slice_period_ + 1;
  const auto due = std::min(behind, static_cast<std::int64_t>(slices_.size()));
  slices_skipped_ += static_cast<std::uint64_t>(behind - due);
  *next_slice_ += behind * slice_period_;
  for (std::int64_t i = 0; i < due; ++i) {
    for (Player* player : slices_[slice_]) send_snapshot(*player, now);
    slice_ = (slice_ + 1) % slices_.size();
  }
  // The first is the tick's own, so that what division leaves over adds up to nothing.
  if (slice_ == 0) next_slice_ = next_tick_;
}

void ZoneCore::send_snapshot(Player& player, Instant now) {
  const auto quality = host_.endpoint().quality(player.connection);
  if (!quality) return;
  // A path that loses packets, or is slow, gets every second or fourth; and while nothing may leave, the next one
  // will be newer than one that waits.
  const std::uint32_t each = 1u << quality->level;
  if ((tick_ + player.session.value) % each != 0 || quality->bytes_free == 0) return;
  if (player.shown_at == tick_) return;
  const auto slot = table_->slot_of(player.entity);
  if (!slot) return;
  if (!player.look_at || static_cast<std::int32_t>(tick_ - *player.look_at) >= 0) {
    player.spectator.look(*slot, *table_, *visibility_, visible_);
    // The first time anywhere, so that not all look in the same tick.
    const auto wait = player.look_at ? Spectator::looks_each : 1 + player.entity % Spectator::looks_each;
    player.look_at = tick_ + wait;
  }
  const auto delay_ms =
      player.has_input ? std::chrono::duration_cast<std::chrono::milliseconds>(now - player.last_input_at).count() : 0;
  std::array<std::uint8_t, snapshot_bytes_max> buffer;
  Writer writer(buffer);
  writer.put(game_snapshot);
  writer.put(tick_);
  writer.put(player.last_input);
  writer.put(static_cast<std::uint16_t>(std::min<std::int64_t>(delay_ms, UINT16_MAX)));
  writer.put(table_->unit_cm());
  const auto& self = table_->view(*slot);
  writer.put(self.id);
  writer.put(self.x_cm);
  writer.put(self.y_cm);
  writer.put(self.vx_cm_s);
  writer.put(self.vy_cm_s);
  writer.put(self.kind);
  writer.put(self.state);
  player.spectator.write(writer, *table_, budget_bytes_ - writer.size());
  player.shown_at = tick_;
  if (host_.endpoint().send(player.connection, wire::Channel::game, wire::Delivery::unreliable, writer.written()))
    ++snapshots_;
}

std::string ZoneCore::statistics() {
  return "tick " + std::to_string(tick_) + ", " + std::to_string(players_.size()) + " players, " +
         std::to_string(ticks_late_) + " ticks late, " + std::to_string(ticks_skipped_) + " skipped, " +
         std::to_string(slices_skipped_) + " slices skipped, " + std::to_string(inputs_malformed_) + " bad inputs, " +
         std::to_string(commands_taken_) + " commands, " + std::to_string(commands_malformed_) + " bad, " +
         std::to_string(saves_) + " checkpoints";
}

}  // namespace orrery::sessiond
