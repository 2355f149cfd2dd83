#include "client/client.h"

#include <algorithm>

#include "client/client_impl.h"
#include "wire/crypto.h"
#include "wire/parse.h"

namespace orrery::client {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A logout not confirmed by then is ended on our side; below the 2 s that a user accepts to wait for a program's end.
constexpr Duration logout_wait = seconds{1};
// How long a closed connection is still driven, for its close frames.
constexpr Duration goodbye_for = milliseconds{500};
// Bounds on what a server can make a client hold.
constexpr std::size_t notices_remembered_max = 1024;
constexpr std::size_t events_max = 4096;

std::string kind_name(proto::Notice::Kind kind) {
  switch (kind) {
    case proto::Notice::SHUTDOWN_WARNING:
      return "warning";
    case proto::Notice::SHUTDOWN_COUNTDOWN:
      return "countdown";
    case proto::Notice::SHUTDOWN_CANCELLED:
      return "cancelled";
    default:
      return "other";
  }
}

void add_to(wire::Statistics& sum, const wire::Statistics& more) {
  sum.datagrams_received += more.datagrams_received;
  sum.bytes_received += more.bytes_received;
  sum.datagrams_sent += more.datagrams_sent;
  sum.bytes_sent += more.bytes_sent;
  sum.dropped_malformed += more.dropped_malformed;
  sum.dropped_unknown += more.dropped_unknown;
  sum.dropped_sealed += more.dropped_sealed;
  sum.dropped_replayed += more.dropped_replayed;
  sum.dropped_limited += more.dropped_limited;
  sum.pieces_resent += more.pieces_resent;
  sum.packets_acked += more.packets_acked;
  sum.packets_lost += more.packets_lost;
  sum.unreliable_dropped += more.unreliable_dropped;
}

}  // namespace

Client::Impl::Impl(ConnectString connect, Credentials credentials, Options options, Random& random, Instant now)
    : connect_(std::move(connect)),
      credentials_(std::move(credentials)),
      options_(options),
      random_(random),
      last_now_(now),
      commands_(random) {
  if (!dial_next_login(now)) finish("unreachable", "the connect string names no login server's address");
}

Client::Impl::Impl(ConnectString connect, const Token& token, Options options, Random& random, Instant now)
    : connect_(std::move(connect)),
      options_(options),
      random_(random),
      last_now_(now),
      session_(token.session),
      root_(token.root),
      renew_at_(now),
      is_token_start_(true),
      commands_(random) {
  if (connect_.login_servers.empty()) {
    finish("unreachable", "the connect string names no login server's address");
  } else {
    start_resume(now, false, now);
    resume_->ask_at = now;
  }
}

Client::Impl::~Impl() { wire::wipe(root_); }

void Client::Impl::move(std::int8_t x, std::int8_t y, std::uint8_t buttons) {
  std::rotate(inputs_.begin(), inputs_.end() - 1, inputs_.end());
  inputs_[0] = Input{++input_sequence_, x, y, buttons};
  input_count_ = std::min(input_count_ + 1, inputs_.size());
  if (!owner_) return;
  // One that is lost or refused is told again by the next two.
  (void)owner_->dialer.send(wire::Channel::game, wire::Delivery::unreliable,
                            encode_inputs(std::span(inputs_).first(input_count_)));
}

Result<std::uint64_t> Client::Impl::command(std::string_view name, std::string_view args) {
  auto id = commands_.add(name, args);
  if (id) ++statistics_.commands;
  return id;
}

// While an owner-to-be is dialed the one of before takes none any more.
void Client::Impl::send_commands() {
  if (!owner_ || pending_) return;
  while (Command* command = commands_.unsent()) {
    if (!owner_->dialer.send(wire::Channel::game, wire::Delivery::reliable, command->bytes)) return;
    command->is_sent = true;
  }
}

void Client::Impl::on_game_message(ByteView bytes) {
  if (auto result = decode_result(bytes)) {
    if (commands_.take(result->id)) tell(CommandDone{result->id, result->ok, std::move(result->json)});
  } else if (auto event = decode_game_event(bytes)) {
    tell(GameEvent{std::move(*event)});
  }
}

void Client::Impl::logout() {
  if (is_finished_ || is_leaving_) return;
  is_leaving_ = true;
  if (owner_) return say_logout(*owner_);
  if (pending_ || resume_) return;  // said as soon as it is attached
  if (session_.value && login_) return say_logout(*login_);
  finish("logout", "before the login was complete");
}

std::optional<Token> Client::Impl::token() const {
  if (!session_.value || is_finished_) return std::nullopt;
  std::optional<Duration> life;
  if (token_expires_at_) life = std::max(*token_expires_at_ - last_now_, Duration::zero());
  return Token(session_, root_, life);
}

Statistics Client::Impl::statistics() const {
  Statistics all = statistics_;
  for (const auto& path : paths_) {
    add_to(all.wire, path->dialer.statistics());
    if (path->is_retired) continue;
    all.paths.push_back(
        {path->role, path->dialer.server(), path->is_open, path->dialer.rtt(), path->dialer.statistics()});
  }
  return all;
}

// Driving.

void Client::Impl::on_datagram(const wire::Datagram& datagram, Instant now) {
  last_now_ = now;
  // Two connections may share a server's address (an old epoch and its successor): what is not for one it drops.
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    if (paths_[i]->is_abandoned || paths_[i]->dialer.server() != datagram.from) continue;
    paths_[i]->dialer.on_datagram(datagram.bytes, now);
    drain(*paths_[i], now);
  }
}

void Client::Impl::advance(Instant now) {
  if (is_finished_) return;
  if (is_leaving_) {
    if (!leave_by_) leave_by_ = now + logout_wait;
    if (now >= *leave_by_) return finish("logout", "the server did not confirm it");
  }
  advance_login(now);
  if (!is_finished_) advance_resume(now);
  if (!is_finished_) advance_attachments(now);
  if (!is_finished_) advance_rebind(now);
  if (!is_finished_) send_commands();
}

bool Client::Impl::poll_transmit(wire::Slot& slot, Instant now) {
  last_now_ = now;
  advance(now);
  // By index: what a connection says may open another one, which then sends in the same round.
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    if (paths_[i]->is_abandoned) continue;
    const bool filled = paths_[i]->dialer.poll_transmit(slot, now);
    drain(*paths_[i], now);
    if (filled) return true;
  }
  std::erase_if(paths_, [&](const auto& path) {
    const bool is_over = path->is_retired &&
                         (path->is_abandoned || now >= path->retired_at + goodbye_for || !path->dialer.next_deadline());
    if (is_over) add_to(statistics_.wire, path->dialer.statistics());
    return is_over;
  });
  return false;
}

bool Client::Impl::poll_event(Event& event) {
  if (events_.empty()) return false;
  event = std::move(events_.front());
  events_.pop_front();
  return true;
}

std::optional<Instant> Client::Impl::next_deadline() const {
  std::optional<Instant> next;
  const auto consider = [&](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  for (const auto& path : paths_) {
    if (path->is_abandoned) {
      consider(last_now_);
      continue;
    }
    consider(path->dialer.next_deadline());
    if (path->is_retired) consider(path->retired_at + goodbye_for);
  }
  if (is_finished_) return next;
  if (is_leaving_) consider(leave_by_.value_or(last_now_));
  consider(login_again_at_);
  consider(answer_by_);
  consider_resume(next);
  return next;
}

void Client::Impl::drain(Path& path, Instant now) {
  wire::Effect effect;
  while (path.dialer.poll_effect(effect)) {
    if (path.is_retired) continue;
    if (const auto* opened = std::get_if<wire::LoginOpened>(&effect)) {
      path.is_open = true;
      path.handshake_hash = opened->handshake_hash;
      path.use == Use::login ? on_login_opened(path, now) : on_resolve_opened(path, now);
    } else if (std::holds_alternative<wire::Attached>(effect)) {
      on_attached(path, now);
    } else if (const auto* message = std::get_if<wire::Message>(&effect)) {
      on_message(path, *message, now);
    } else if (const auto* closed = std::get_if<wire::Closed>(&effect)) {
      on_closed(path, closed->reason, now);
    }
  }
}

void Client::Impl::tell(Event event) {
  if (events_.size() >= events_max) {
    ++statistics_.events_lost;
  } else {
    events_.push_back(std::move(event));
  }
}

void Client::Impl::finish(Event event) {
  if (is_finished_) return;
  is_finished_ = true;
  resume_.reset();
  credentials_ = {};
  events_.push_back(std::move(event));
  for (const auto& path : paths_) retire(*path, wire::CloseReason::logout);
}

void Client::Impl::finish(const std::string& reason, const std::string& text) {
  finish(LoggedOut{reason, text, explain(reason)});
}

void Client::Impl::say_logout(Path& path) {
  proto::ClientControl message;
  message.mutable_logout();
  path.say(message);
}

// Up to a fifth more, so that clients that failed together do not come back together.
Duration Client::Impl::spread(Duration wait) { return wait + wait / 5 * random_.next<std::uint8_t>() / 255; }

// What servers say.

void Client::Impl::on_message(Path& path, const wire::Message& message, Instant now) {
  if (message.channel == wire::Channel::game) {
    if (path.use != Use::owner) return;
    if (message.delivery == wire::Delivery::unreliable) return on_snapshot(path, message.bytes);
    return on_game_message(message.bytes);
  }
  if (message.delivery != wire::Delivery::reliable) return;
  if (message.channel == wire::Channel::chat) {
    proto::ServerChat chat;
    if (path.use == Use::attachment && wire::parse(message.bytes, chat)) on_chat(path, chat);
    return;
  }
  proto::ServerControl control;
  if (wire::parse(message.bytes, control)) on_control(path, control, now);
}

void Client::Impl::on_snapshot(Path& path, ByteView bytes) {
  if (auto seen = path.sight.take(bytes)) tell(std::move(*seen));
}

void Client::Impl::on_control(Path& path, const proto::ServerControl& control, Instant now) {
  const bool is_login = path.use == Use::login;
  switch (control.message_case()) {
    case proto::ServerControl::kLoginResult:
      if (is_login) on_login_result(control.login_result(), now);
      return;
    case proto::ServerControl::kRefused:
      if (is_login) on_refused(control.refused(), now);
      if (path.use == Use::resolve) on_resolve_refused(control.refused(), now);
      return;
    case proto::ServerControl::kWaiting:
      if (!is_login && path.use != Use::resolve) return;
      (is_login ? answer_by_ : answer_of_resolve_by_) = now + answer_wait_max;
      return tell(WaitingForServer{control.waiting().text()});
    case proto::ServerControl::kRedirect:
      return on_redirect(path, control.redirect(), now);
    case proto::ServerControl::kNotice:
      return on_notice(control.notice());
    case proto::ServerControl::kEnded:
      // An attachment that ends takes nothing with it: only the owner and login servers speak for the session.
      if (path.use != Use::attachment) finish(control.ended().reason(), control.ended().text());
      return;
    case proto::ServerControl::kDeviceEnrolled:
      if (is_login) on_device_enrolled(control.device_enrolled());
      return;
    case proto::ServerControl::kDeviceRevoked:
      if (is_login) on_device_revoked(control.device_revoked());
      return;
    case proto::ServerControl::kTokenRenewed:
      if (&path != owner_) return;
      ++statistics_.tokens_renewed;
      return on_token_life(control.token_renewed().expires_in_ms(), now);
    case proto::ServerControl::MESSAGE_NOT_SET:
      return;
  }
}

void Client::Impl::on_notice(const proto::Notice& notice) {
  const auto key = std::make_tuple(notice.notice_id(), static_cast<int>(notice.kind()), notice.seconds_left());
  if (!notices_.insert(key).second) return;
  notices_in_order_.push_back(key);
  if (notices_in_order_.size() > notices_remembered_max) {
    notices_.erase(notices_in_order_.front());
    notices_in_order_.pop_front();
  }
  tell(NoticeShown{kind_name(notice.kind()), notice.seconds_left(), notice.text()});
}

Client::Client(ConnectString connect, Credentials credentials, Random& random, Instant now, Options options)
    : impl_(std::make_unique<Impl>(std::move(connect), std::move(credentials), options, random, now)) {}
Client::Client(ConnectString connect, const Token& token, Random& random, Instant now, Options options)
    : impl_(std::make_unique<Impl>(std::move(connect), token, options, random, now)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

void Client::select_character(std::uint64_t character_id) { impl_->select_character(character_id); }
Status Client::enrol_device(const std::string& name) { return impl_->enrol_device(name); }
Status Client::revoke_device(const Key32& public_key) { return impl_->revoke_device(public_key); }
void Client::move(std::int8_t x, std::int8_t y, std::uint8_t buttons) { impl_->move(x, y, buttons); }
Result<std::uint64_t> Client::command(std::string_view name, std::string_view args) {
  return impl_->command(name, args);
}
Status Client::chat(const std::string& text) { return impl_->chat(0, {}, text); }
Status Client::chat_in(std::uint64_t channel, const std::string& text) { return impl_->chat(channel, {}, text); }
Status Client::chat_to(const std::string& character, const std::string& text) {
  return impl_->chat(0, character, text);
}
Status Client::join_channel(const std::string& name, bool create) {
  proto::ClientChat message;
  message.mutable_join()->set_name(name);
  message.mutable_join()->set_create(create);
  return impl_->ask_chat(message);
}
Status Client::leave_channel(std::uint64_t channel) {
  proto::ClientChat message;
  message.mutable_leave()->set_channel(channel);
  return impl_->ask_chat(message);
}
void Client::logout() { impl_->logout(); }
bool Client::is_finished() const { return impl_->is_finished(); }
std::optional<Token> Client::token() const { return impl_->token(); }
Statistics Client::statistics() const { return impl_->statistics(); }
Status Client::use(ConnectString connect) { return impl_->use(std::move(connect)); }
void Client::on_datagram(const wire::Datagram& datagram, Instant now) { impl_->on_datagram(datagram, now); }
void Client::on_unreachable(const Address& server, Instant now) { impl_->on_unreachable(server, now); }
bool Client::poll_transmit(wire::Slot& slot, Instant now) { return impl_->poll_transmit(slot, now); }
bool Client::poll_event(Event& event) { return impl_->poll_event(event); }
bool Client::poll_rebind() { return impl_->poll_rebind(); }
std::optional<Instant> Client::next_deadline() const { return impl_->next_deadline(); }

}  // namespace orrery::client
