// ZoneCore's half of what lasts: players' commands, the database's answers, travel, events, checkpoints.
#include <algorithm>

#include "base/log.h"
#include "sessiond/zone_core.h"

namespace orrery::sessiond {
namespace {

/// A call whose answer was lost is repeated after so long.
constexpr Duration again_after = std::chrono::milliseconds{250};
constexpr Duration save_again_after = std::chrono::seconds{1};
constexpr std::size_t sessions_per_save = 200;
/// What a player's last answers may take: whoever asks again asks soon.
constexpr std::size_t answered_max = commands_waiting_max;
constexpr std::size_t answered_bytes_max = 16 * 1024;
/// Commands beyond which no wish of the world is taken: a database that is away must not let them pile up.
constexpr std::size_t wishes_beside_max = 64;
/// Ids of the world's own commands: beyond those that clients count up to, and at random, so that a server that starts
/// anew meets none of before.
constexpr std::uint64_t wish_ids_from = std::uint64_t{1} << 62;

std::string refusal(const std::string& text) { return to_text(Json{{"text", text}}); }

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= command_name_max &&
         std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

/// A JSON object that is not nested too deep, and that PostgreSQL can hold: one that it cannot would have the commands
/// of others, which are asked in the same call, asked one by one.
bool are_args(std::string_view text) {
  bool good = true;
  const Json args = Json::parse(
      text,
      [&good](int depth, Json::parse_event_t, const Json& parsed) {
        const auto* words = parsed.get_ptr<const std::string*>();
        good = good && depth <= command_args_depth_max && (!words || words->find('\0') == std::string::npos);
        return good;
      },
      false);
  return good && args.is_object();
}

/// Says that nothing was done; anything else may have been, or may be yet. Of a session that is not this server's any
/// more, OR007, nothing is said: what became of it is the next server's to answer.
bool is_refusal(const Error& error) {
  return (error.code.starts_with("OR") && error.code != "OR007") || is_bad_data(error);
}

}  // namespace

void ZoneCore::take_command(Player& player, ByteView bytes, Instant now) {
  Reader reader(bytes);
  const auto kind = reader.take<std::uint8_t>();
  Command command;
  command.id = reader.take<std::uint64_t>();
  command.name = as_text(reader.take_bytes(reader.take<std::uint8_t>()));
  command.args = as_text(reader.rest());
  if (command.args.empty()) command.args = "{}";
  if (!reader.ok() || kind != game_command || command.id == 0 || command.id > INT64_MAX || !is_name(command.name) ||
      command.args.size() > command_args_bytes_max || !are_args(command.args)) {
    ++commands_malformed_;
    return;
  }
  ++commands_taken_;
  const auto same = [id = command.id](const auto& other) { return other.id == id; };
  auto& [waiting, asked, answered] = player.commands;
  if ((asked && same(*asked)) || std::ranges::any_of(waiting, same)) return;
  const auto travel = travels_.find(player.session);
  if (travel != travels_.end() && travel->second.command == command.id) return;
  if (const auto known = std::ranges::find_if(answered, same); known != answered.end())
    return send_result(player, *known);
  if (waiting.size() >= commands_waiting_max)
    return send_result(player, {command.id, false, refusal("Too many commands wait.")});
  waiting.push_back(std::move(command));
  run_commands(player, now);
}

/// It stays, or goes on here until its target is ready: so does what it had ordered. Nobody took an answer that came
/// while it was frozen: the database is asked again.
void ZoneCore::take_up_commands(Player& player, const Session& session, Instant now) {
  const auto travel = travels_.find(player.session);
  if (travel == travels_.end()) return;
  if (!session.hand_off) {
    travels_.erase(travel);  // it has been elsewhere
    return;
  }
  player.commands = std::exchange(travel->second.commands, {});
  if (player.commands.asked) ask(player);
  run_commands(player, now);
}

void ZoneCore::run_commands(Player& player, Instant now) {
  auto& [waiting, asked, answered] = player.commands;
  while (!asked && !waiting.empty()) {
    const Command command = std::move(waiting.front());
    waiting.erase(waiting.begin());
    auto outcome = command.is_wish ? space::Outcome(space::Durable{command.name, command.args})
                                   : world_->command(player.entity, command.name, command.args);
    if (auto* done = std::get_if<space::Done>(&outcome)) {
      answer(player, command.id, true, std::move(done->result));
    } else if (const auto* refused = std::get_if<space::Refused>(&outcome)) {
      answer(player, command.id, false, refusal(refused->text));
    } else if (const auto* where = std::get_if<space::Travel>(&outcome)) {
      if (!travel(player, command.id, *where, now)) answer(player, command.id, false, refusal("You are on your way."));
    } else if (auto* durable = std::get_if<space::Durable>(&outcome)) {
      asked = Asked{command.id, std::move(*durable), command.is_wish};
      ask(player);
    }
  }
}

bool ZoneCore::travel(Player& player, std::uint64_t command, const space::Travel& where, Instant now) {
  const auto is_on_its_way = [this](SessionId id) {
    const Session* session = host_.find(id);
    return session != nullptr && session->hand_off;
  };
  if (is_on_its_way(player.session)) return false;
  std::erase_if(travels_, [&](const auto& one) { return !is_on_its_way(one.first); });
  host_.hand_off(player.session, where.kind, where.key, now);
  if (!is_on_its_way(player.session)) return false;
  travels_[player.session] = {command};
  return true;
}

void ZoneCore::on_hand_off_failed(Session& session, const std::string& text, Instant now) {
  const auto player = players_.find(session.id);
  const auto travel = travels_.find(session.id);
  if (travel == travels_.end()) return;
  const std::uint64_t command = travel->second.command;
  travels_.erase(travel);
  if (player == players_.end()) return;
  if (command != 0) answer(player->second, command, false, refusal(text));
  run_commands(player->second, now);
}

void ZoneCore::on_news(const Json& body, Instant) { world_->news(to_text(body)); }

void ZoneCore::ask(Player& player) {
  const Session* session = host_.find(player.session);
  if (session == nullptr) return;
  const Asked& asked = *player.commands.asked;
  commands_.add(Json{{"session_id", session->id.value},
                     {"epoch", session->epoch.value},
                     {"id", asked.id},
                     {"name", asked.what.name},
                     {"args", Json::parse(asked.what.args, nullptr, false)}},
                [this, id = session->id, command = asked.id](const Result<Json>& answer, Instant now) {
                  on_asked(id, command, answer, now);
                });
}

void ZoneCore::ask_again(Instant now) {
  while (!again_.empty() && again_.front().at <= now) {
    const Again again = again_.front();
    again_.pop_front();
    const auto found = players_.find(again.session);
    if (found == players_.end()) continue;
    Player& player = found->second;
    const CommandQueue& queue = player.commands;
    if (queue.asked && queue.asked->id == again.command) ask(player);
    const auto known = std::ranges::find(queue.answered, again.command, &Answered::id);
    if (known != queue.answered.end()) send_result(player, *known);
  }
}

void ZoneCore::on_asked(SessionId session, std::uint64_t command, const Result<Json>& answered, Instant now) {
  const auto found = players_.find(session);
  // Who has left is told by the server where he is, which he asks again.
  if (found == players_.end()) return;
  Player& player = found->second;
  if (!player.commands.asked || player.commands.asked->id != command) return;
  if (!answered && !is_refusal(answered.error())) {
    if (answered.error().code == "OR007") host_.sync(now);
    spdlog::debug("session_command: {} ({}); asking again", answered.error().message, answered.error().code);
    again_.push_back({now + again_after, session, command});
    return;
  }
  const Asked asked = std::move(*player.commands.asked);
  player.commands.asked.reset();
  if (answered) {
    const auto result = answered->find("result");
    const std::string text = result != answered->end() && result->is_object() ? to_text(*result) : "{}";
    world_->settled(player.entity, asked.what, text);
    if (!asked.is_wish) answer(player, asked.id, true, text);
  } else {
    // Only what the game refuses is worded for players.
    const std::string& code = answered.error().code;
    const bool is_worded = code.starts_with("OR") && code != "OR013";
    world_->settled(player.entity, asked.what, std::nullopt);
    if (!asked.is_wish)
      answer(player, asked.id, false, refusal(is_worded ? answered.error().message : "That failed. Try again later."));
  }
  run_commands(player, now);
}

void ZoneCore::answer(Player& player, std::uint64_t command, bool ok, std::string text) {
  auto& answered = player.commands.answered;
  answered.push_back({command, ok, std::move(text)});
  send_result(player, answered.back());
  std::size_t bytes = 0;
  for (const auto& one : answered) bytes += one.text.size();
  while (answered.size() > answered_max || (bytes > answered_bytes_max && answered.size() > 1)) {
    bytes -= answered.front().text.size();
    answered.erase(answered.begin());
  }
}

void ZoneCore::send_result(const Player& player, const Answered& answered) {
  Bytes bytes(1 + 8 + 1 + answered.text.size());
  Writer writer(bytes);
  writer.put(game_result);
  writer.put(answered.id);
  writer.put(static_cast<std::uint8_t>(answered.ok));
  writer.put_bytes(as_bytes(answered.text));
  const auto sent = host_.endpoint().send(player.connection, wire::Channel::game, wire::Delivery::reliable, bytes);
  // Who is away asks again when he is back. For whom too much waits, it leaves when there is room.
  if (!sent && sent.error().code == "ENOBUFS") again_.push_back({*next_tick_, player.session, answered.id});
}

void ZoneCore::tell_what_happened(Instant now) {
  space::Event event;
  while (world_->poll_event(event)) {
    const auto player = player_of_.find(event.entity);
    if (player == player_of_.end()) continue;
    Bytes bytes{game_event};
    bytes.insert(bytes.end(), event.body.begin(), event.body.end());
    if (host_.has_room(player->second->connection))
      (void)host_.endpoint().send(player->second->connection, wire::Channel::game, wire::Delivery::reliable, bytes);
  }
  space::Wish wish;
  while (world_->poll_wish(wish)) {
    const auto player = player_of_.find(wish.entity);
    if (player == player_of_.end()) continue;
    auto& waiting = player->second->commands.waiting;
    if (waiting.size() >= wishes_beside_max) {
      world_->settled(wish.entity, wish.what, std::nullopt);
      continue;
    }
    const std::uint64_t id = wish_ids_from + host_.random().next<std::uint64_t>() / 4;
    waiting.push_back({id, wish.what.name, wish.what.args, true});
    run_commands(*player->second, now);
  }
}

void ZoneCore::save(Instant now) {
  // A round saves all who are here when it begins, so many in a call, spread over the time until the next.
  if (to_save_.empty()) {
    save_world_ = true;
    for (const auto& [id, player] : players_) to_save_.push_back(id);
  }
  const auto count = std::min(to_save_.size(), sessions_per_save);
  Json sessions = Json::array();
  for (std::size_t i = 0; i < count; ++i) {
    const auto player = players_.find(to_save_[i]);
    const Session* session = host_.find(to_save_[i]);
    if (player == players_.end() || session == nullptr) continue;
    sessions.push_back({{"session_id", session->id.value},
                        {"epoch", session->epoch.value},
                        {"state", Json::parse(world_->state(player->second.entity), nullptr, false)}});
  }
  const std::size_t calls = players_.size() / sessions_per_save + 1;
  save_at_ = now + save_each_ / static_cast<std::int64_t>(calls);
  saving_ = true;
  host_.call(Checkpoint{save_world_ ? Json::parse(world_->save(), nullptr, false) : Json(), std::move(sessions)},
             [this, count](Result<Json> answer, Instant at) {
               saving_ = false;
               if (!answer && !is_refusal(answer.error())) {
                 save_at_ = std::max(*save_at_, at + save_again_after);
                 return;
               }
               if (!answer) spdlog::error("server_checkpoint: {} ({})", answer.error().message, answer.error().code);
               if (answer) ++saves_;
               save_world_ = false;
               to_save_.erase(to_save_.begin(), to_save_.begin() + static_cast<std::ptrdiff_t>(count));
             });
}

}  // namespace orrery::sessiond
