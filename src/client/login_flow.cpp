// From the first dial to the character: login servers in turn, credentials, refusals and retries, devices.
#include <algorithm>

#include "client/client_impl.h"

namespace orrery::client {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How long one login server may stay silent before the next is tried.
constexpr Duration login_give_up = seconds{5};
// Until it answers credentials, when it does not say that one has to wait: longer than a hashing queue takes.
constexpr Duration credentials_wait_max = seconds{30};
// A refusal that got lost, seen only as a close, says nothing of when to come back.
constexpr Duration retry_after_unsaid = seconds{2};
constexpr Duration retry_wait_least = milliseconds{250};
constexpr unsigned retry_doublings_max = 4;
// Bounds on what a server can make a client hold.
constexpr int characters_max = 256;
constexpr std::size_t enrolments_max = 4;

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
    case proto::Refused::LIMITED:
      return "limited";
    case proto::Refused::BANNED:
      return "banned";
    default:
      return "unknown";
  }
}

}  // namespace

bool Client::Impl::dial_next_login(Instant now) {
  if (next_login_server_ >= connect_.login_servers.size()) return false;
  wire::LoginTarget target{connect_.login_servers[next_login_server_++], connect_.cluster, connect_.keys};
  login_ = &add(Path{.use = Use::login,
                     .role = "login",
                     .kind = {},
                     .key = {},
                     .target = {},
                     .dialer = wire::Dialer(std::move(target), wire::client_timing, login_give_up, random_, now),
                     .began_at = now});
  return true;
}

void Client::Impl::advance_login(Instant now) {
  if (login_again_at_ && now >= *login_again_at_) {
    login_again_at_.reset();
    if (!dial_next_login(now)) on_login_failed(wire::CloseReason::lapse, now);
  }
  if (!answer_by_ || now < *answer_by_) return;
  answer_by_.reset();
  if (!login_) return;
  // It keeps the connection alive and says nothing.
  retire(*login_, wire::CloseReason::lapse);
  if (!session_.value) return on_login_failed(wire::CloseReason::lapse, now);
  if (!owner_ && !pending_ && !resume_) start_resume(now, false, now);
}

void Client::Impl::on_login_opened(Path& path, Instant now) {
  proto::ClientControl message;
  auto& credentials = *message.mutable_credentials();
  credentials.set_name(credentials_.name);
  if (credentials_.device) {
    const Key32 key = credentials_.device->public_key();
    const Signature signature = credentials_.device->sign_login(path.handshake_hash);
    credentials.set_device_key(key.data(), key.size());
    credentials.set_device_signature(signature.data(), signature.size());
  } else if (!credentials_.one_time_code.empty()) {
    credentials.set_one_time_code(credentials_.one_time_code);
    credentials.set_new_password(credentials_.password);
  } else {
    credentials.set_password(credentials_.password);
  }
  answer_by_ = now + credentials_wait_max;
  if (!path.say(message)) finish("protocol", "name or password is too long to be sent");
}

void Client::Impl::on_login_result(const proto::LoginResult& result, Instant now) {
  if (session_.value) return;
  if (result.root_secret().size() != root_.size() || result.session_id() == 0) {
    return finish("protocol", "the login server sent a malformed login result");
  }
  session_ = SessionId{result.session_id()};
  std::copy(result.root_secret().begin(), result.root_secret().end(), root_.begin());
  credentials_ = {};
  answer_by_.reset();
  ++statistics_.logins;
  on_token_life(result.token_expires_in_ms(), now);
  LoggedIn event{session_, {}};
  const int count = std::min(result.characters_size(), characters_max);
  for (int i = 0; i < count; ++i) {
    const auto& character = result.characters(i);
    event.characters.push_back(CharacterInfo{character.character_id(), character.name(), character.kind(),
                                             character.key(), character.details()});
  }
  tell(std::move(event));
}

void Client::Impl::on_refused(const proto::Refused& refused, Instant now) {
  const std::string reason = reason_name(refused.reason());
  const Duration retry_after = milliseconds{refused.retry_after_ms()};
  if (session_.value && !has_selected_ && (!enrolling_.empty() || revoking_ > 0)) {
    // Requests are answered in their order, as far as a refusal says which it is of.
    if (!enrolling_.empty()) {
      enrolling_.erase(enrolling_.begin());
    } else {
      --revoking_;
    }
    return tell(DeviceRefused{reason, refused.text()});
  }
  if (session_.value) {
    answer_by_.reset();
    return tell(LoginRefused{reason, refused.text(), retry_after, explain(reason)});  // its close follows
  }
  const bool passes = refused.reason() == proto::Refused::BUSY || refused.reason() == proto::Refused::LIMITED;
  if (passes && retry_login(reason, refused.text(), retry_after, now)) return;
  finish(LoginRefused{reason, refused.text(), retry_after, explain(reason)});
}

bool Client::Impl::retry_login(const std::string& reason, const std::string& text, Duration wait, Instant now) {
  if (is_leaving_ || retries_used_ >= options_.retries || wait > options_.retry_wait_max) return false;
  if (wait <= Duration::zero()) wait = retry_after_unsaid * (1 << std::min(retries_used_, retry_doublings_max));
  wait = spread(std::max(wait, retry_wait_least));
  ++retries_used_;
  ++statistics_.login_retries;
  if (login_) retire(*login_, wire::CloseReason::logout);
  answer_by_.reset();
  // Another may have less to do.
  if (next_login_server_ >= connect_.login_servers.size()) next_login_server_ = 0;
  login_again_at_ = now + wait;
  tell(LoginRetried{reason, text, wait});
  return true;
}

void Client::Impl::on_login_failed(wire::CloseReason reason, Instant now) {
  answer_by_.reset();
  if (is_leaving_) return finish("logout", "before the login was complete");
  if (reason == wire::CloseReason::refused) {
    return finish(
        LoginRefused{"unknown", "the login server closed the connection", retry_after_unsaid, explain("refused")});
  }
  if (dial_next_login(now)) return;
  const std::string text = "no login server of '" + connect_.cluster + "' answered as expected: tried " +
                           login_servers() + " (are address and key still those of cluster_status?)";
  next_login_server_ = 0;
  if (!retry_login("unreachable", text, Duration::zero(), now)) finish("unreachable", text);
}

void Client::Impl::on_unreachable(const Address& server, Instant now) {
  last_now_ = now;
  Path* path = login_ ? login_ : resolve_;
  if (is_finished_ || !path || path->is_open || path->dialer.server() != server) return;
  on_closed(*path, wire::CloseReason::lapse, now);
}

Status Client::Impl::use(ConnectString connect) {
  if (connect.cluster != connect_.cluster) {
    return Error{"the connect string is of cluster '" + connect.cluster + "', not '" + connect_.cluster + "'",
                 "EINVAL"};
  }
  if (connect.login_servers.empty()) return Error{"the connect string names no login server's address", "EINVAL"};
  if (connect.login_servers == connect_.login_servers && connect.keys == connect_.keys) return ok();
  connect_ = std::move(connect);
  next_login_server_ = 0;
  if (!resume_) return ok();
  if (resolve_) retire(*resolve_, wire::CloseReason::moved);
  answer_of_resolve_by_.reset();
  resume_->asked = 0;
  resume_->ask_at = last_now_;
  return ok();
}

std::string Client::Impl::login_servers() const {
  std::string all;
  for (const Address& server : connect_.login_servers) all += (all.empty() ? "" : ", ") + server.to_string();
  return all;
}

void Client::Impl::select_character(std::uint64_t character_id) {
  if (!login_ || !login_->is_open || !session_.value) return;
  proto::ClientControl message;
  message.mutable_select_character()->set_character_id(character_id);
  has_selected_ = true;
  answer_by_ = last_now_ + answer_wait_max;
  login_->say(message);
}

bool Client::Impl::may_change_devices() const {
  return login_ && login_->is_open && session_.value && !pending_ && !has_selected_ && !is_leaving_;
}

Status Client::Impl::enrol_device(const std::string& name) {
  if (!may_change_devices())
    return Error{"devices are enrolled between login and the choice of a character", "ENOTCONN"};
  if (enrolling_.size() >= enrolments_max) return Error{"too many enrolments wait for an answer", "EAGAIN"};
  const DeviceKey key = DeviceKey::make(random_);
  const Key32 public_key = key.public_key();
  const Signature signature = key.sign_enrolment(login_->handshake_hash);
  proto::ClientControl message;
  auto& enrol = *message.mutable_enrol_device();
  enrol.set_public_key(public_key.data(), public_key.size());
  enrol.set_signature(signature.data(), signature.size());
  enrol.set_name(name);
  if (!login_->say(message)) return Error{"the device's name is too long to be sent", "EMSGSIZE"};
  enrolling_.emplace_back(name, key);
  return ok();
}

Status Client::Impl::revoke_device(const Key32& public_key) {
  if (!may_change_devices())
    return Error{"devices are revoked between login and the choice of a character", "ENOTCONN"};
  proto::ClientControl message;
  message.mutable_revoke_device()->set_public_key(public_key.data(), public_key.size());
  if (!login_->say(message)) return Error{"too much waits to be sent", "EAGAIN"};
  ++revoking_;
  return ok();
}

void Client::Impl::on_device_enrolled(const proto::DeviceEnrolled& enrolled) {
  const auto found = std::ranges::find_if(
      enrolling_, [&](const auto& one) { return as_text(one.second.public_key()) == enrolled.public_key(); });
  if (found == enrolling_.end()) return;
  tell(DeviceEnrolled{found->first, found->second});
  enrolling_.erase(found);
}

void Client::Impl::on_device_revoked(const proto::DeviceRevoked& revoked) {
  DeviceRevoked event;
  if (revoking_ == 0 || revoked.public_key().size() != event.public_key.size()) return;
  --revoking_;
  std::copy(revoked.public_key().begin(), revoked.public_key().end(), event.public_key.begin());
  tell(event);
}

}  // namespace orrery::client
