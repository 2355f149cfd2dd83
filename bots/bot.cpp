#include "bot.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
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
// A shot reaches 400 m.
constexpr double shot_m = 350;
constexpr std::uint8_t button_fire = 2;

double ms_between(Instant from, Instant to) {
  return std::round(std::chrono::duration<double, std::milli>(to - from).count() * 10) / 10;
}

// Exponentially distributed, as what happens at any time.
Duration around(double mean_s, Random& random) { return of_seconds(-mean_s * std::log(1 - chance(random))); }

}  // namespace

Bot::Bot(const Options& options, std::size_t seat, Network& network, const Journal& journal, Report& report,
         Random& random, Instant now)
    : options_(options),
      does_(seat < options.playing ? options.behaviours : Behaviours{}),
      name_(options.name_of(options.first + static_cast<unsigned>(seat))),
      seat_(seat),
      network_(network),
      journal_(journal),
      report_(report),
      random_(random),
      errands_(options_, does_, name_, journal_, report_, random_) {
  begin(now);
}

void Bot::forget_play() {
  rests_until_.reset();
  errands_.begin();
  chat_numbers_.clear();
  space_channel_.reset();
  left_at_.reset();
  prey_.reset();
  rock_.reset();
}

void Bot::begin(Instant now) {
  state_ = State::logging_in;
  forget_play();
  began_at_ = now;
  client_ =
      std::make_unique<client::Client>(options_.connect, client::Credentials{name_, options_.password}, random_, now);
}

// As a program that is killed, with the session's token on the device or without.
void Bot::vanish(Instant now) {
  ++report_.vanished;
  const bool keeps_token = chance(random_) < 0.5;
  token_ = keeps_token ? client_->token() : std::nullopt;
  traffic_before_ = traffic();
  client_.reset();
  network_.close(seat_);
  state_ = State::away;
  forget_play();
  rests_until_ = now + around(options_.away_s, random_);
  journal_.tell(name_, "vanished", now, {{"keeps_token", keeps_token}, {"away_ms", ms_between(now, *rests_until_)}});
}

void Bot::come_back(Instant now) {
  returns_since_ = now;
  if (const Status opened = network_.open(seat_); !opened) {
    state_ = State::ended;
    return give_up(opened.error().message, now);
  }
  if (!token_) return begin(now);
  state_ = State::waiting;
  rests_until_.reset();
  began_at_ = now;
  client_ = std::make_unique<client::Client>(options_.connect, *token_, random_, now);
}

void Bot::on_datagram(const wire::Datagram& datagram, Instant now) {
  if (client_) client_->on_datagram(datagram, now);
}

void Bot::run(Instant now) {
  if (state_ == State::ended) return;
  if (state_ == State::resting || state_ == State::away) {
    if (now < *rests_until_) return;
    state_ == State::away ? come_back(now) : begin(now);
    if (!client_) return;
  }
  drain(now);
  if (state_ == State::playing) act(now);
  if (state_ == State::away) return;
  wire::Slot slot = network_.slot();
  while (client_->poll_transmit(slot, now)) {
    network_.send(seat_, slot);
    slot = network_.slot();
  }
  drain(now);

  if (!client_->is_finished()) return;
  traffic_before_ = traffic();
  client_.reset();
  state_ = rests_until_ && !is_leaving_ ? State::resting : State::ended;
}

Traffic Bot::traffic() const {
  Traffic all = traffic_before_;
  if (client_) all += client_->statistics().wire;
  return all;
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
  if (state_ == State::resting || state_ == State::away) return rests_until_;
  std::optional<Instant> next = client_->next_deadline();
  const auto consider = [&](Instant at) { next = next ? std::min(*next, at) : at; };
  if (state_ == State::playing) {
    if (does_.wander || does_.fight) consider(moves_at_);
    if (does_.drop_out) consider(vanishes_at_);
    if (does_.chat) consider(speaks_at_);
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
      report_.login_times.add(now - began_at_);
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
        if (returns_since_) {
          report_.returns.add(now - *returns_since_);
          ++(token_ ? report_.back_by_token : report_.back_by_login);
          returns_since_.reset();
          token_.reset();
        } else {
          report_.entry_times.add(now - began_at_);
        }
        vanishes_at_ = now + around(options_.drop_every_s, random_);
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
      report_.gaps.add(resumed->gap);
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
    } else if (const auto* happened = std::get_if<client::GameEvent>(&event)) {
      on_game_event(happened->json, now);
    } else if (const auto* out = std::get_if<client::LoggedOut>(&event)) {
      on_logged_out(*out, now);
    }
  }
}

void Bot::act(Instant now) {
  if (does_.drop_out && now >= vanishes_at_) return vanish(now);
  if ((does_.wander || does_.fight) && now >= moves_at_) {
    steer(now);
    const bool fires = does_.fight && prey_ && at_ && std::hypot(prey_->x_m - at_->x_m, prey_->y_m - at_->y_m) < shot_m;
    client_->move(heading_x_, heading_y_, fires ? button_fire : 0);
    ++report_.inputs;
    const Duration every = of_seconds(1 / options_.rate_hz);
    moves_at_ = std::max(moves_at_ + every, now);
  }
  if (does_.chat && now >= speaks_at_) {
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
  if (does_.mine && rock_ && at_) {
    const double far = std::hypot(rock_->x_m - at_->x_m, rock_->y_m - at_->y_m);
    const double speed = far > rock_near_m ? full_speed : 0;
    heading_x_ = static_cast<std::int8_t>(std::lround(speed * (rock_->x_m - at_->x_m) / std::max(far, 1.0)));
    heading_y_ = static_cast<std::int8_t>(std::lround(speed * (rock_->y_m - at_->y_m) / std::max(far, 1.0)));
    return;
  }
  // At who is nearest: whom it heads for is hit.
  if (does_.fight && prey_ && at_) {
    const double angle = std::atan2(prey_->y_m - at_->y_m, prey_->x_m - at_->x_m);
    heading_x_ = static_cast<std::int8_t>(std::lround(full_speed * std::cos(angle)));
    heading_y_ = static_cast<std::int8_t>(std::lround(full_speed * std::sin(angle)));
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
    report_.travel_gaps.add(now - *left_at_);
    journal_.tell(name_, "arrived", now, {{"gap_ms", ms_between(*left_at_, now)}});
    left_at_.reset();
  } else if (saw_at_) {
    report_.snapshot_intervals.add(now - *saw_at_);
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
  self_ = snapshot.self;
  if (does_.mine) look_for_rock(snapshot);
  if (does_.fight) look_for_prey(snapshot);
  is_alone_ = others == 0;
  report_.others_seen_max = std::max(report_.others_seen_max, others);
  if (now < tells_sight_at_) return;
  tells_sight_at_ = now + tell_every;
  for (const auto& path : client_->statistics().paths)
    if (path.role == "owner" && path.rtt) report_.round_trips.add(*path.rtt);
  if (!journal_.is_on()) return;
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

void Bot::look_for_prey(const client::Snapshot& snapshot) {
  prey_.reset();
  if (!at_) return;
  double nearest_m = 0;
  for (const client::Entity& entity : snapshot.entities) {
    if (entity.kind != client::kind_ship || entity.entity == snapshot.self) continue;
    const Position position{entity.x_cm / 100.0, entity.y_cm / 100.0};
    const double far_m = std::hypot(position.x_m - at_->x_m, position.y_m - at_->y_m);
    if (prey_ && far_m >= nearest_m) continue;
    prey_ = position;
    nearest_m = far_m;
  }
}

void Bot::on_game_event(const std::string& json, Instant now) {
  const auto told = nlohmann::json::parse(json, nullptr, false);
  if (!told.is_object()) return;
  const std::string what = told.value("event", nlohmann::json()).is_string() ? told["event"].get<std::string>() : "";
  if (what != "hit" && what != "destroyed") return;
  const auto is_self = [&](const char* member) {
    const auto found = told.find(member);
    return found != told.end() && found->is_number_unsigned() && found->get<std::uint64_t>() == self_;
  };
  const bool is_destroyed = what == "destroyed";
  if (is_self("by")) {
    ++report_.hits;
    report_.kills += is_destroyed;
  }
  if (is_self("ship")) {
    ++report_.hits_taken;
    report_.deaths += is_destroyed;
    if (is_destroyed) home_.reset();  // it begins anew somewhere else
  }
  if (is_destroyed) journal_.tell(name_, "destroyed", now, {{"by_self", is_self("by")}});
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
  if (state_ == State::playing && !is_leaving_) ++report_.lost_by_reason[out.reason];
  journal_.tell(name_, "logged_out", now, {{"reason", out.reason}, {"text", out.text}});
  const bool got_in = state_ == State::playing;
  state_ = State::waiting;
  if (got_in || is_leaving_ || rests_until_) return;
  if (returns_since_ && token_) {
    // Its session ended while it was away: by its password, at once.
    ++report_.tokens_in_vain;
    token_.reset();
    rests_until_ = now;
    return;
  }
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
