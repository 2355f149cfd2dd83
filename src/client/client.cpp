#include "client/client.h"

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <tuple>
#include <utility>

#include "client/game_message.h"
#include "orrery.pb.h"
#include "wire/dialer.h"
#include "wire/endpoint.h"

namespace orrery::client {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How long one login server may stay silent before the next is tried.
constexpr Duration login_give_up = seconds{5};
// As long as a lapse: the server that expects us waits no longer either.
constexpr Duration attach_give_up = seconds{10};
// A logout not confirmed by then is ended on our side; below the 2 s that a user accepts to wait for a program's end.
constexpr Duration logout_wait = seconds{1};
// How long a closed connection is still driven, for its close frames.
constexpr Duration goodbye_for = milliseconds{500};
// A refusal that got lost, seen only as a close, says nothing of when to come back.
constexpr Duration retry_after_unsaid = seconds{2};
constexpr std::size_t notices_remembered_max = 1024;
// Bounds on what a server can make a client hold.
constexpr int targets_per_redirect_max = 8;
constexpr std::size_t attachments_max = 4;

constexpr const char* owner_role = "owner";

enum class Use { login, owner, attachment };

// One connection: to the login server, to the owner, or to an attachment.
struct Path {
  Use use;
  std::string role, kind, key;
  wire::AttachTarget target;  // not of a login
  wire::Dialer dialer;
  bool is_open = false;
  bool is_retired = false;  // closed by us or the server; kept only until its goodbyes are sent
  Instant retired_at{};
  std::optional<std::uint32_t> last_tick{};
};

std::string reason_name(proto::Refused::Reason reason) {
  switch (reason) {
    case proto::Refused::CREDENTIALS:
      return "credentials";
    case proto::Refused::BUSY:
      return "busy";
    case proto::Refused::IN_PLAY:
      return "in_play";
    case proto::Refused::NO_CHARACTER:
      return "no_character";
    case proto::Refused::NO_SERVER:
      return "no_server";
    default:
      return "unknown";
  }
}

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

bool is_newer(std::uint32_t tick, std::uint32_t than) { return static_cast<std::int32_t>(tick - than) > 0; }

// False when it is too long; when the connection is gone its Closed tells.
bool send_control(wire::Dialer& dialer, const proto::ClientControl& message) {
  return static_cast<bool>(
      dialer.send(wire::Channel::control, wire::Delivery::reliable, as_bytes(message.SerializeAsString())));
}

}  // namespace

class Client::Impl {
 public:
  Impl(ConnectString connect, Credentials credentials, Random& random, Instant now)
      : connect_(std::move(connect)), credentials_(std::move(credentials)), random_(random), last_now_(now) {
    if (!dial_next_login(now)) finish(LoggedOut{"unreachable", "the connect string names no login server"});
  }

  void select_character(std::uint64_t character_id) {
    if (!login_ || !login_->is_open || !session_.value) return;
    proto::ClientControl message;
    message.mutable_select_character()->set_character_id(character_id);
    send_control(login_->dialer, message);
  }

  void move(std::int8_t x, std::int8_t y, std::uint8_t buttons) {
    std::rotate(inputs_.begin(), inputs_.end() - 1, inputs_.end());
    inputs_[0] = Input{++input_sequence_, x, y, buttons};
    input_count_ = std::min(input_count_ + 1, inputs_.size());
    if (!owner_) return;
    // One that is lost or refused is told again by the next two.
    (void)owner_->dialer.send(wire::Channel::game, wire::Delivery::unreliable,
                              encode_inputs(std::span(inputs_).first(input_count_)));
  }

  Status chat(const std::string& text) {
    for (const auto& path : paths_) {
      if (path->use != Use::attachment || path->role != "chat" || path->is_retired || !path->is_open) continue;
      proto::ClientChat message;
      message.set_text(text);
      return path->dialer.send(wire::Channel::chat, wire::Delivery::reliable, as_bytes(message.SerializeAsString()));
    }
    return Error{"no chat server is attached", "ENOTCONN"};
  }

  void logout() {
    if (is_finished_ || is_leaving_) return;
    is_leaving_ = true;
    if (owner_) return say_logout(*owner_);
    if (pending_) return;  // said as soon as it is attached
    if (session_.value && login_) return say_logout(*login_);
    finish(LoggedOut{"logout", "before the login was complete"});
  }

  bool is_finished() const { return is_finished_ && paths_.empty(); }

  void on_datagram(const wire::Datagram& datagram, Instant now) {
    last_now_ = now;
    // Two connections may share a server's address (an old epoch and its successor): what is not for one it drops.
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      if (paths_[i]->dialer.server() != datagram.from) continue;
      paths_[i]->dialer.on_datagram(datagram.bytes, now);
      drain(*paths_[i], now);
    }
  }

  bool poll_transmit(wire::Slot& slot, Instant now) {
    last_now_ = now;
    if (is_leaving_ && !is_finished_) {
      if (!leave_by_) leave_by_ = now + logout_wait;
      if (now >= *leave_by_) finish(LoggedOut{"logout", "the server did not confirm it"});
    }
    // By index: what a connection says may open another one, which then sends in the same round.
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      const bool filled = paths_[i]->dialer.poll_transmit(slot, now);
      drain(*paths_[i], now);
      if (filled) return true;
    }
    std::erase_if(paths_, [&](const auto& path) {
      return path->is_retired && (now >= path->retired_at + goodbye_for || !path->dialer.next_deadline());
    });
    return false;
  }

  bool poll_event(Event& event) {
    if (events_.empty()) return false;
    event = std::move(events_.front());
    events_.pop_front();
    return true;
  }

  std::optional<Instant> next_deadline() const {
    std::optional<Instant> next;
    const auto consider = [&](std::optional<Instant> at) {
      if (at && (!next || *at < *next)) next = at;
    };
    for (const auto& path : paths_) {
      consider(path->dialer.next_deadline());
      if (path->is_retired) consider(path->retired_at + goodbye_for);
    }
    if (is_leaving_ && !is_finished_) consider(leave_by_.value_or(last_now_));
    return next;
  }

 private:
  bool dial_next_login(Instant now) {
    if (next_login_server_ >= connect_.login_servers.size()) return false;
    wire::LoginTarget target{connect_.login_servers[next_login_server_++], connect_.cluster, connect_.keys};
    paths_.push_back(std::make_unique<Path>(
        Path{Use::login, "login", "", "", {}, wire::Dialer(std::move(target), {}, login_give_up, random_, now)}));
    login_ = paths_.back().get();
    return true;
  }

  void dial(Use use, std::string role, std::string kind, std::string key, const wire::AttachTarget& target,
            Instant now) {
    paths_.push_back(std::make_unique<Path>(Path{use, std::move(role), std::move(kind), std::move(key), target,
                                                 wire::Dialer(target, {}, attach_give_up, random_, now)}));
    if (use == Use::owner) pending_ = paths_.back().get();
  }

  // Takes note that a connection is over; says so to the server when it was not the server that ended it.
  void retire(Path& path, wire::CloseReason reason) {
    if (path.is_retired) return;
    path.is_retired = true;
    path.retired_at = last_now_;
    if (!path.dialer.is_closed()) path.dialer.close(reason);
    if (login_ == &path) login_ = nullptr;
    if (owner_ == &path) owner_ = nullptr;
    if (pending_ == &path) pending_ = nullptr;
  }

  void finish(Event event) {
    if (is_finished_) return;
    is_finished_ = true;
    events_.push_back(std::move(event));
    for (const auto& path : paths_) retire(*path, wire::CloseReason::logout);
  }

  void say_logout(Path& path) {
    proto::ClientControl message;
    message.mutable_logout();
    send_control(path.dialer, message);
  }

  void drain(Path& path, Instant now) {
    wire::Effect effect;
    while (path.dialer.poll_effect(effect)) {
      if (path.is_retired) continue;
      if (std::holds_alternative<wire::LoginOpened>(effect)) {
        on_login_opened(path);
      } else if (std::holds_alternative<wire::Attached>(effect)) {
        on_attached(path);
      } else if (const auto* message = std::get_if<wire::Message>(&effect)) {
        on_message(path, *message, now);
      } else if (const auto* closed = std::get_if<wire::Closed>(&effect)) {
        on_closed(path, closed->reason, now);
      }
    }
  }

  void on_login_opened(Path& path) {
    path.is_open = true;
    proto::ClientControl message;
    auto& credentials = *message.mutable_credentials();
    credentials.set_name(credentials_.name);
    if (credentials_.one_time_code.empty()) {
      credentials.set_password(credentials_.password);
    } else {
      credentials.set_one_time_code(credentials_.one_time_code);
      credentials.set_new_password(credentials_.password);
    }
    if (!send_control(path.dialer, message)) finish(LoggedOut{"protocol", "name or password is too long to be sent"});
  }

  void on_attached(Path& path) {
    path.last_tick.reset();
    if (std::exchange(path.is_open, true)) return;
    events_.push_back(Entered{path.role, path.kind, path.key, path.target.server_id});
    if (path.use == Use::owner) {
      if (owner_) retire(*owner_, wire::CloseReason::moved);
      if (login_) retire(*login_, wire::CloseReason::moved);
      pending_ = nullptr;
      owner_ = &path;
      if (is_leaving_) say_logout(path);
    } else {
      for (const auto& other : paths_) {
        if (other.get() != &path && other->use == Use::attachment && other->role == path.role) {
          retire(*other, wire::CloseReason::moved);
        }
      }
    }
  }

  void on_message(Path& path, const wire::Message& message, Instant now) {
    if (message.channel == wire::Channel::game) {
      if (path.use == Use::owner && message.delivery == wire::Delivery::unreliable) on_snapshot(path, message.bytes);
      return;
    }
    if (message.delivery != wire::Delivery::reliable) return;
    const int size = static_cast<int>(message.bytes.size());
    if (message.channel == wire::Channel::chat) {
      proto::ServerChat chat;
      if (path.use == Use::login || !chat.ParseFromArray(message.bytes.data(), size)) return;
      events_.push_back(ChatShown{chat.number(), chat.from(), chat.text()});
      return;
    }
    proto::ServerControl control;
    if (!control.ParseFromArray(message.bytes.data(), size)) return;
    on_control(path, control, now);
  }

  void on_snapshot(Path& path, ByteView bytes) {
    auto snapshot = decode_snapshot(bytes);
    if (!snapshot) return;
    if (path.last_tick && !is_newer(snapshot->tick, *path.last_tick)) return;
    path.last_tick = snapshot->tick;
    events_.push_back(std::move(*snapshot));
  }

  void on_control(Path& path, const proto::ServerControl& control, Instant now) {
    switch (control.message_case()) {
      case proto::ServerControl::kLoginResult:
        if (path.use == Use::login) on_login_result(control.login_result());
        return;
      case proto::ServerControl::kRefused:
        if (path.use == Use::login) on_refused(control.refused());
        return;
      case proto::ServerControl::kWaiting:
        if (path.use == Use::login) events_.push_back(WaitingForServer{control.waiting().text()});
        return;
      case proto::ServerControl::kRedirect:
        on_redirect(control.redirect(), now);
        return;
      case proto::ServerControl::kNotice:
        on_notice(control.notice());
        return;
      case proto::ServerControl::kEnded:
        // An attachment that ends takes nothing with it: only the owner speaks for the session.
        if (path.use != Use::attachment) finish(LoggedOut{control.ended().reason(), control.ended().text()});
        return;
      case proto::ServerControl::MESSAGE_NOT_SET:
        return;
    }
  }

  void on_login_result(const proto::LoginResult& result) {
    if (session_.value) return;
    if (result.root_secret().size() != root_.size() || result.session_id() == 0) {
      return finish(LoggedOut{"protocol", "the login server sent a malformed login result"});
    }
    session_ = SessionId{result.session_id()};
    std::copy(result.root_secret().begin(), result.root_secret().end(), root_.begin());
    credentials_ = {};
    LoggedIn event{session_, {}};
    for (const auto& character : result.characters()) {
      event.characters.push_back(CharacterInfo{character.character_id(), character.name(), character.kind(),
                                               character.key(), character.details()});
    }
    events_.push_back(std::move(event));
  }

  void on_refused(const proto::Refused& refused) {
    LoginRefused event{reason_name(refused.reason()), refused.text(), milliseconds{refused.retry_after_ms()}};
    if (session_.value) {
      events_.push_back(std::move(event));  // of a selection: another may be made
    } else {
      finish(std::move(event));
    }
  }

  void on_redirect(const proto::Redirect& redirect, Instant now) {
    if (!session_.value || is_finished_) return;
    int taken = 0;
    for (const auto& target : redirect.targets()) {
      if (++taken > targets_per_redirect_max) return;
      follow(target, now);
      if (is_finished_) return;
    }
  }

  void follow(const proto::Target& target, Instant now) {
    const bool is_owner = target.role() == owner_role;
    // A redirect is repeated until it is obeyed, and comes on several ways: only a higher epoch is news.
    auto& epoch = is_owner ? owner_epoch_ : epoch_of_attachment(target.role());
    if (target.epoch() <= epoch.value) return;

    const auto port = static_cast<std::uint16_t>(target.port());
    const auto server = Address::parse(target.host(), port);
    if (!server || port == 0 || port != target.port() || target.server_id() == 0) {
      if (!is_owner) return;
      return finish(LoggedOut{"protocol", "redirected to '" + target.host() + "' port " +
                                              std::to_string(target.port()) + ", which is no numeric address"});
    }
    epoch = Epoch{target.epoch()};
    const ServerId server_id{target.server_id()};
    const Key32 k = wire::session_key(root_, session_, server_id, epoch);
    if (is_owner && pending_) retire(*pending_, wire::CloseReason::moved);
    dial(is_owner ? Use::owner : Use::attachment, target.role(), target.kind(), target.key(),
         wire::AttachTarget{*server, session_, server_id, epoch, k}, now);
  }

  // Of a role beyond the bound: a number that no epoch exceeds.
  Epoch& epoch_of_attachment(const std::string& role) {
    for (auto& [name, epoch] : attachment_epochs_) {
      if (name == role) return epoch;
    }
    if (attachment_epochs_.size() >= attachments_max) return no_more_;
    return attachment_epochs_.emplace_back(role, Epoch{}).second;
  }

  void on_notice(const proto::Notice& notice) {
    const auto key = std::make_tuple(notice.notice_id(), static_cast<int>(notice.kind()), notice.seconds_left());
    if (!notices_.insert(key).second) return;
    notices_in_order_.push_back(key);
    if (notices_in_order_.size() > notices_remembered_max) {
      notices_.erase(notices_in_order_.front());
      notices_in_order_.pop_front();
    }
    events_.push_back(NoticeShown{kind_name(notice.kind()), notice.seconds_left(), notice.text()});
  }

  void on_closed(Path& path, wire::CloseReason reason, Instant now) {
    const bool was_open = path.is_open;
    const bool was_owner = owner_ == &path;
    const bool was_pending = pending_ == &path;
    retire(path, reason);
    if (path.use == Use::login) {
      if (!session_.value) return on_login_failed(reason, now);
      if (owner_ || pending_) return;
    } else if (path.use == Use::attachment) {
      // Its server may have been out of reach for a while; the same key opens it again as long as it is expected there.
      if (reason == wire::CloseReason::lapse) {
        dial(Use::attachment, path.role, path.kind, path.key, path.target, now);
      }
      return;
    } else if (was_owner && pending_) {
      return;
    } else if (was_pending && !was_open && reason == wire::CloseReason::lapse) {
      return finish(LoggedOut{
          "lapse", path.kind + " " + path.key + " at " + path.target.server.to_string() + " could not be reached"});
    }
    if (is_leaving_) return finish(LoggedOut{"logout", ""});
    const std::string name = wire::to_string(reason);
    finish(LoggedOut{name, reason == wire::CloseReason::lapse ? "the server has not been heard of for too long"
                                                              : "the server closed the connection"});
  }

  void on_login_failed(wire::CloseReason reason, Instant now) {
    if (is_leaving_) return finish(LoggedOut{"logout", "before the login was complete"});
    if (reason == wire::CloseReason::refused) {
      return finish(LoginRefused{"unknown", "the login server closed the connection", retry_after_unsaid});
    }
    if (dial_next_login(now)) return;
    std::string tried;
    for (const Address& server : connect_.login_servers) tried += (tried.empty() ? "" : ", ") + server.to_string();
    finish(LoggedOut{"unreachable", "no login server of '" + connect_.cluster + "' answered as expected: tried " +
                                        tried + " (are address and key still those of cluster_status?)"});
  }

  ConnectString connect_;
  Credentials credentials_;
  Random& random_;
  Instant last_now_;

  std::size_t next_login_server_ = 0;
  SessionId session_;
  Key32 root_{};
  Epoch owner_epoch_;
  std::vector<std::pair<std::string, Epoch>> attachment_epochs_;
  Epoch no_more_{~std::uint64_t{0}};

  std::vector<std::unique_ptr<Path>> paths_;
  // Into paths_, or null. owner_ is attached; pending_ is the owner-to-be, being attached.
  Path* login_ = nullptr;
  Path* owner_ = nullptr;
  Path* pending_ = nullptr;

  std::array<Input, inputs_per_message_max> inputs_{};
  std::size_t input_count_ = 0;
  std::uint32_t input_sequence_ = 0;

  using NoticeKey = std::tuple<std::uint64_t, int, std::uint32_t>;
  std::set<NoticeKey> notices_;
  std::deque<NoticeKey> notices_in_order_;

  bool is_leaving_ = false;
  std::optional<Instant> leave_by_;
  bool is_finished_ = false;
  std::deque<Event> events_;
};

Client::Client(ConnectString connect, Credentials credentials, Random& random, Instant now)
    : impl_(std::make_unique<Impl>(std::move(connect), std::move(credentials), random, now)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

void Client::select_character(std::uint64_t character_id) { impl_->select_character(character_id); }
void Client::move(std::int8_t x, std::int8_t y, std::uint8_t buttons) { impl_->move(x, y, buttons); }
Status Client::chat(const std::string& text) { return impl_->chat(text); }
void Client::logout() { impl_->logout(); }
bool Client::is_finished() const { return impl_->is_finished(); }
void Client::on_datagram(const wire::Datagram& datagram, Instant now) { impl_->on_datagram(datagram, now); }
bool Client::poll_transmit(wire::Slot& slot, Instant now) { return impl_->poll_transmit(slot, now); }
bool Client::poll_event(Event& event) { return impl_->poll_event(event); }
std::optional<Instant> Client::next_deadline() const { return impl_->next_deadline(); }

}  // namespace orrery::client
