#include "bot.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "reckon.h"

namespace orrery::bots {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration tell_every = seconds{1};
constexpr Duration rest_max = seconds{60};
constexpr Duration rest_unreachable = seconds{1};
// Bots turn home beyond it, so that those that start together go on seeing each other.
constexpr double roam_m = 60;
constexpr double rock_near_m = 100;
// Datagrams read in one go, so that one busy bot does not hold up the others.
constexpr int batch_max = 64;

double ms_between(Instant from, Instant to) {
  return std::round(std::chrono::duration<double, std::milli>(to - from).count() * 10) / 10;
}

}  // namespace

Bot::Bot(const Options& options, unsigned number, client::UdpSocket socket, const Journal& journal, Report& report,
         Random& random, Instant now)
    : options_(options),
      name_(options.name_of(number)),
      socket_(std::move(socket)),
      journal_(journal),
      report_(report),
      random_(random),
      errands_(options_, name_, journal_, report_, random_) {
  begin(now);
}

void Bot::begin(Instant now) {
  state_ = State::logging_in;
  rests_until_.reset();
  errands_.begin();
  left_at_.reset();
  chat_numbers_.clear();
  space_channel_.reset();
  began_at_ = now;
  client_ =
      std::make_unique<client::Client>(options_.connect, client::Credentials{name_, options_.password}, random_, now);
}

void Bot::run(Instant now) {
  if (state_ == State::ended) return;
  std::array<std::uint8_t, wire::datagram_bytes_max + 1> received;
  for (int i = 0; i < batch_max; ++i) {
    const auto datagram = socket_.receive(received);
    if (!datagram) break;
    if (client_) client_->on_datagram(*datagram, now);
  }
  if (state_ == State::resting) {
    if (now < *rests_until_) return;
    begin(now);
  }
  drain(now);
  if (state_ == State::playing) act(now);
  std::array<std::uint8_t, wire::datagram_bytes_max> sent;
  wire::Slot slot{{}, sent, 0};
  while (client_->poll_transmit(slot, now)) socket_.send(slot);
  drain(now);

  if (!client_->is_finished()) return;
  client_.reset();
  state_ = rests_until_ && !is_leaving_ ? State::resting : State::ended;
}

void Bot::use(const client::ConnectString& connect) {
  if (!client_) return;
  if (const Status used = client_->use(connect); !used) spdlog::warn("{}: {}", name_, used.error().message);
}

void Bot::leave() {
  if (is_leaving_ || state_ == State::ended) return;
  is_leaving_ = true;
  if (client_) {
    client_->logout();
  } else {
    state_ = State::ended;
  }
}

std::optional<Instant> Bot::deadline() const {
  if (state_ == State::ended) return std::nullopt;
  if (state_ == State::resting) return rests_until_;
  std::optional<Instant> next = client_->next_deadline();
  const auto consider = [&](Instant at) { next = next ? std::min(*next, at) : at; };
  if (state_ == State::playing) {
    if (options_.wanders) consider(moves_at_);
    if (options_.chats) consider(speaks_at_);
    if (const auto at = errands_.deadline()) consider(*at);
    if (chat_told_ < chat_heard_) consider(tells_chat_at_);
  }
  return next;
}

void Bot::drain(Instant now) {
  client::Event event;
  while (client_ && client_->poll_event(event)) {
    if (const auto* in = std::get_if<client::LoggedIn>(&event)) {
      state_ = State::waiting;
      ++report_.logins;
      journal_.tell(name_, "logged_in", now,
                    {{"session", in->session.value},
                     {"characters", in->characters.size()},
                     {"after_ms", ms_between(began_at_, now)}});
      if (options_.character_id != 0) {
        client_->select_character(options_.character_id);
      } else if (!in->characters.empty()) {
        client_->select_character(in->characters.front().character_id);
      } else {
        give_up("the account has no character", now);
      }
    } else if (const auto* refused = std::get_if<client::LoginRefused>(&event)) {
      on_refused(*refused, now);
    } else if (const auto* waiting = std::get_if<client::WaitingForServer>(&event)) {
      ++report_.waits;
      journal_.tell(name_, "waiting", now, {{"text", waiting->text}});
    } else if (const auto* entered = std::get_if<client::Entered>(&event)) {
      ++report_.entered_by_kind[entered->kind.empty() ? entered->role : entered->kind];
      journal_.tell(name_, "entered", now,
                    {{"role", entered->role},
                     {"kind", entered->kind},
                     {"key", entered->key},
                     {"server", entered->server.value},
                     {"after_ms", ms_between(began_at_, now)}});
      if (entered->role != "owner") continue;
      if (state_ == State::playing && errands_.is_travelling()) left_at_ = saw_at_;
      errands_.on_entered(entered->kind, entered->key, now);
      if (state_ != State::playing) {
        moves_at_ = turns_at_ = now;
        saw_at_.reset();
        // Spread, so that bots that came together do not speak together.
        speaks_at_ = now + of_seconds(options_.chat_every_s * chance(random_));
      }
      state_ = State::playing;
      has_played_ = true;
      retries_ = 0;
      home_.reset();
      at_.reset();
    } else if (const auto* dropped = std::get_if<client::Dropped>(&event)) {
      ++report_.drops;
      journal_.tell(name_, "dropped", now, {{"silence_ms", ms_between(now - dropped->silence, now)}});
    } else if (const auto* resumed = std::get_if<client::Resumed>(&event)) {
      ++report_.resumes;
      report_.gap_longest_ms = std::max(report_.gap_longest_ms, ms_between(now - resumed->gap, now));
      journal_.tell(name_, "resumed", now, {{"gap_ms", ms_between(now - resumed->gap, now)}});
    } else if (const auto* notice = std::get_if<client::NoticeShown>(&event)) {
      ++report_.notices[notice->kind][notice->seconds_left];
      journal_.tell(name_, "notice", now,
                    {{"kind", notice->kind}, {"seconds_left", notice->seconds_left}, {"text", notice->text}});
    } else if (const auto* chat = std::get_if<client::ChatShown>(&event)) {
      on_chat(*chat, now);
    } else if (const auto* channels = std::get_if<client::ChatChannels>(&event)) {
      space_channel_.reset();
      for (const auto& channel : channels->channels)
        if (channel.kind == "space") space_channel_ = channel.channel;
    } else if (const auto* skipped = std::get_if<client::ChatSkipped>(&event)) {
      report_.chat_skipped += skipped->last - skipped->first + 1;
      chat_numbers_[skipped->channel] = skipped->last;
    } else if (const auto* no = std::get_if<client::ChatRefused>(&event)) {
      ++report_.chat_refused[no->reason];
    } else if (const auto* done = std::get_if<client::CommandDone>(&event)) {
      errands_.on_done(*done, now);
    } else if (const auto* snapshot = std::get_if<client::Snapshot>(&event)) {
      on_snapshot(*snapshot, now);
    } else if (const auto* out = std::get_if<client::LoggedOut>(&event)) {
      on_logged_out(*out, now);
    }
  }
}

void Bot::act(Instant now) {
  if (options_.wanders && now >= moves_at_) {
    steer(now);
    client_->move(heading_x_, heading_y_, 0);
    ++report_.inputs;
    const Duration every = of_seconds(1 / options_.rate_hz);
    moves_at_ = std::max(moves_at_ + every, now);
  }
  if (options_.chats && now >= speaks_at_) {
    speaks_at_ = now + of_seconds(options_.chat_every_s);
    // Each third is for those around it.
    const std::string text = "hello, " + std::to_string(chat_said_ + 1);
    const bool is_near = space_channel_ && chat_said_ % 3 == 2;
    if (is_near ? client_->chat_in(*space_channel_, text) : client_->chat(text)) {
      ++chat_said_;
      ++report_.chat_sent;
    }
  }
  if (now >= tells_chat_at_) tell_chat(now);
  errands_.act(*client_, now);
}

void Bot::steer(Instant now) {
  constexpr double full_speed = 127;
  // To the rock, as far as it is not near enough to be mined.
  if (options_.mines && rock_ && at_) {
    const double far = std::hypot(rock_->x_m - at_->x_m, rock_->y_m - at_->y_m);
    const double speed = far > rock_near_m ? full_speed : 0;
    heading_x_ = static_cast<std::int8_t>(std::lround(speed * (rock_->x_m - at_->x_m) / std::max(far, 1.0)));
    heading_y_ = static_cast<std::int8_t>(std::lround(speed * (rock_->y_m - at_->y_m) / std::max(far, 1.0)));
    return;
  }
  if (is_alone_) home_ = at_;
  double angle = 0;
  const bool is_far = home_ && at_ && std::hypot(at_->x_m - home_->x_m, at_->y_m - home_->y_m) > roam_m;
  if (is_far) {
    angle = std::atan2(home_->y_m - at_->y_m, home_->x_m - at_->x_m);
  } else if (now >= turns_at_) {
    angle = 2 * std::numbers::pi * chance(random_);
    // Alone it goes far, to find somebody.
    turns_at_ = now + of_seconds((is_alone_ ? 8 : 2) * (1 + chance(random_)));
  } else {
    return;
  }
  heading_x_ = static_cast<std::int8_t>(std::lround(full_speed * std::cos(angle)));
  heading_y_ = static_cast<std::int8_t>(std::lround(full_speed * std::sin(angle)));
}

void Bot::on_snapshot(const client::Snapshot& snapshot, Instant now) {
  ++report_.snapshots;
  if (left_at_) {
    report_.travel_gaps_ms.push_back(ms_between(*left_at_, now));
    journal_.tell(name_, "arrived", now, {{"gap_ms", ms_between(*left_at_, now)}});
    left_at_.reset();
  }
  if (saw_at_) blind_ = std::max(blind_, now - *saw_at_);
  saw_at_ = now;
  std::uint64_t others = 0;
  for (const client::Entity& entity : snapshot.entities) {
    if (entity.entity != snapshot.self) {
      others += entity.kind == client::kind_ship;
      continue;
    }
    const Position position{entity.x_cm / 100.0, entity.y_cm / 100.0};
    if (!home_) home_ = position;
    const double step_m = at_ ? std::hypot(position.x_m - at_->x_m, position.y_m - at_->y_m) : 0;
    at_ = position;
    moved_m_ += step_m;
    report_.moved_m += step_m;
    if (step_m > 0) ++report_.positions_moved;
  }
  if (options_.mines) look_for_rock(snapshot);
  is_alone_ = others == 0;
  report_.others_seen_max = std::max(report_.others_seen_max, others);
  if (now < tells_sight_at_) return;
  tells_sight_at_ = now + tell_every;
  journal_.tell(name_, "sees", now,
                {{"others", others},
                 {"tick", snapshot.tick},
                 {"moved_m", std::round(moved_m_ * 100) / 100},
                 {"blind_ms", ms_between(now - blind_, now)}});
  blind_ = {};
}

void Bot::look_for_rock(const client::Snapshot& snapshot) {
  rock_.reset();
  errands_.sees_no_asteroid();
  double nearest_m = 0;
  for (const client::Entity& entity : snapshot.entities) {
    if (entity.kind != client::kind_asteroid || !at_) continue;
    const Position position{entity.x_cm / 100.0, entity.y_cm / 100.0};
    const double far_m = std::hypot(position.x_m - at_->x_m, position.y_m - at_->y_m);
    if (rock_ && far_m >= nearest_m) continue;
    rock_ = position;
    nearest_m = far_m;
    errands_.sees_asteroid(entity.entity, far_m);
  }
}

void Bot::on_chat(const client::ChatShown& chat, Instant now) {
  ++chat_heard_;
  ++report_.chat_received;
  const auto [last, is_first] = chat_numbers_.try_emplace(chat.channel, chat.number);
  if (!is_first && chat.number <= last->second) ++report_.chat_repeated;
  if (!is_first && chat.number > last->second + 1) report_.chat_missed += chat.number - last->second - 1;
  last->second = std::max(chat.number, last->second);
  chat_last_ = chat;
  if (now >= tells_chat_at_) tell_chat(now);
}

void Bot::tell_chat(Instant now) {
  if (chat_told_ == chat_heard_) return;
  chat_told_ = chat_heard_;
  tells_chat_at_ = now + tell_every;
  journal_.tell(name_, "chat", now,
                {{"messages", chat_heard_},
                 {"channel", chat_last_.kind},
                 {"number", chat_last_.number},
                 {"from", chat_last_.from},
                 {"text", chat_last_.text}});
}

void Bot::on_refused(const client::LoginRefused& refused, Instant now) {
  ++report_.refusals_by_reason[refused.reason];
  const auto retry_after_ms = std::chrono::duration_cast<milliseconds>(refused.retry_after).count();
  journal_.tell(name_, "refused", now,
                {{"reason", refused.reason},
                 {"text", refused.text},
                 {"retry_after_ms", retry_after_ms},
                 {"after_ms", ms_between(began_at_, now)}});
  const std::string why = "refused, " + refused.reason + (refused.text.empty() ? "" : ": " + refused.text);
  if (is_leaving_) return;
  if (refused.retry_after <= Duration::zero()) return give_up(why, now);
  rest(refused.retry_after, why, now);
  client_->logout();  // of a refused selection: the next attempt logs in anew
}

void Bot::on_logged_out(const client::LoggedOut& out, Instant now) {
  tell_chat(now);
  ++report_.logged_out_by_reason[out.reason];
  journal_.tell(name_, "logged_out", now, {{"reason", out.reason}, {"text", out.text}});
  const bool got_in = state_ == State::playing;
  state_ = State::waiting;
  if (got_in || is_leaving_ || rests_until_) return;
  const std::string why = "logged out, " + out.reason + (out.text.empty() ? "" : ": " + out.text);
  if (out.reason == "unreachable" || out.reason == "lapse") return rest(rest_unreachable, why, now);
  give_up(why, now);
}

void Bot::give_up(const std::string& why, Instant now) {
  spdlog::warn("{} gives up: {}", name_, why);
  report_.failed[name_] = why;
  journal_.tell(name_, "gave_up", now, {{"text", why}});
  leave();
}

void Bot::rest(Duration wait, const std::string& why, Instant now) {
  if (++retries_ > options_.retries) return give_up(why, now);
  spdlog::info("{} comes back later: {}", name_, why);
  // A little spread, so that all who were refused together do not come back together.
  rests_until_ =
      now + of_seconds(std::chrono::duration<double>(std::min(wait, rest_max)).count() * (1 + 0.2 * chance(random_)));
}

}  // namespace orrery::bots
