#include "sessiond/login_core.h"

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "sessiond/hash_pool.h"

namespace orrery::sessiond {
namespace {

constexpr Duration busy_retry_after = std::chrono::seconds{2};
constexpr Duration in_play_retry_after = std::chrono::seconds{1};
constexpr Duration no_server_retry_after = std::chrono::seconds{5};
constexpr Duration publish_again = std::chrono::seconds{1};
constexpr const char* no_character = "There is no such character of yours.";

std::string text_of(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// The database cannot take what the client sent, however often it is asked.
bool is_bad_data(const Error& error) { return error.code.starts_with("22") || error.code.starts_with("23"); }
bool is_busy(const Error& error) { return !error.code.starts_with("OR") && !is_bad_data(error); }

}  // namespace

Status LoginCore::on_started(const Json& info, Instant now) {
  for (const char* name : {"login_timeout_ms", "ready_wait_ms", "hash_threads", "hash_queue_max"})
    if (host_.setting(name) <= 0) return Error{std::string("the database gave no setting ") + name};
  const auto static_key = key_from_hex(text_of(info, "static_key"));
  if (!static_key) return Error{"the database gave no static key"};
  login_timeout_ = host_.setting_ms("login_timeout_ms");
  ready_wait_ = host_.setting_ms("ready_wait_ms");
  hashing_max_ = static_cast<std::size_t>(host_.setting("hash_threads") + host_.setting("hash_queue_max"));
  host_.endpoint().accept_logins(*static_key, host_.config().cluster);
  public_key_hex_ = to_hex(wire::public_key(*static_key));
  publish_at_ = now;

  Key32 secret;
  host_.random().fill(secret);
  dummy_job_ = HashId{++last_hash_};
  host_.emit(HashJob{dummy_job_, to_hex(secret), {}});
  return ok();
}

void LoginCore::maybe_ready() {
  if (published_ && !dummy_hash_.empty()) host_.role_ready();
}

LoginCore::Login* LoginCore::find(wire::ConnectionId connection) {
  const auto found = logins_.find(connection);
  return found == logins_.end() ? nullptr : &found->second;
}

LoginCore::Login* LoginCore::find(SessionId session) {
  const Session* owned = host_.find(session);
  return owned == nullptr ? nullptr : find(owned->connection);
}

void LoginCore::on_login_opened(const wire::LoginOpened& opened, Instant now) {
  Login& login = logins_[opened.connection];
  login.connection = opened.connection;
  login.from = opened.from;
  login.deadline = now + login_timeout_;
}

void LoginCore::on_login_closed(wire::ConnectionId connection, wire::CloseReason reason, Instant now) {
  Login* login = find(connection);
  if (login == nullptr) return;
  const bool lapsed = reason == wire::CloseReason::lapse;
  finish(*login, reason, lapsed ? "lapse" : "logout", lapsed ? "lapsed before the hand-off" : "closed by the client",
         now);
}

void LoginCore::on_message(const wire::Message& message, Session*, Instant now) {
  Login* login = find(message.connection);
  if (login == nullptr || message.channel != wire::Channel::control) return;
  proto::ClientControl control;
  if (!control.ParseFromArray(message.bytes.data(), static_cast<int>(message.bytes.size()))) return;
  if (control.has_credentials() && login->stage == Stage::credentials) {
    auto& given = *control.mutable_credentials();
    on_credentials(*login, given, now);
    for (auto* secret : {given.mutable_password(), given.mutable_new_password(), given.mutable_one_time_code()})
      wipe(*secret);
  } else if (control.has_select_character() && login->stage == Stage::selecting) {
    select(*login, CharacterId{control.select_character().character_id()}, now);
  } else if (control.has_logout()) {
    finish(*login, wire::CloseReason::logout, "logout", "asked for by the client", now);
  }
}

// Credentials.

void LoginCore::on_credentials(Login& login, const proto::Credentials& credentials, Instant now) {
  login.stage = Stage::checking;
  login.name = credentials.name();
  login.one_time_code = credentials.one_time_code();
  login.password = login.one_time_code.empty() ? credentials.password() : credentials.new_password();
  if (!host_.database_up() || hashing_.size() >= hashing_max_)
    return refuse(login, proto::Refused::BUSY, "The server is busy; try again shortly.", busy_retry_after, now);
  const bool malformed = login.name.empty() || login.name.size() > login_name_bytes_max || login.password.empty() ||
                         login.password.size() > login_password_bytes_max;
  // What PostgreSQL's text cannot hold names nobody. Malformed credentials take the same way and time as wrong ones.
  if (malformed || login.name.find('\0') != std::string::npos || login.one_time_code.find('\0') != std::string::npos) {
    login.name.clear();
    login.one_time_code.clear();
    login.password.resize(std::min(login.password.size(), login_password_bytes_max));
  }
  // A code is checked by the database with the hash that it is to store, which therefore is made first.
  if (!login.one_time_code.empty()) return hash(login, {}, now);
  host_.call(GetCredential{login.name}, [this, connection = login.connection](Result<Json> answer, Instant at) {
    if (Login* asked = find(connection)) on_credential(*asked, answer, at);
  });
}

void LoginCore::on_credential(Login& login, const Result<Json>& answer, Instant now) {
  if (!answer && is_busy(answer.error()))
    return refuse(login, proto::Refused::BUSY, "The server is busy; try again shortly.", busy_retry_after, now);
  std::string known;
  if (answer && answer->is_object()) {
    known = text_of(*answer, "password_hash");
    login.account = AccountId{answer->at("account_id").get<std::uint64_t>()};
    login.real = answer->at("active").get<bool>() && !known.empty();
  }
  hash(login, known.empty() ? dummy_hash_ : known, now);
}

void LoginCore::hash(Login& login, std::string hash, Instant now) {
  if (hashing_.size() >= hashing_max_)
    return refuse(login, proto::Refused::BUSY, "The server is busy; try again shortly.", busy_retry_after, now);
  const HashId id{++last_hash_};
  hashing_[id] = login.connection;
  host_.emit(HashJob{id, login.password, std::move(hash)});
  wipe(login.password);
}

void LoginCore::on_hash_done(const HashDone& done, Instant now) {
  if (done.id == dummy_job_) {
    dummy_hash_ = done.hash;
    if (dummy_hash_.empty()) spdlog::error("no memory to hash passwords with");
    return maybe_ready();
  }
  const auto job = hashing_.find(done.id);
  if (job == hashing_.end()) return;
  const auto connection = job->second;
  hashing_.erase(job);
  Login* login = find(connection);
  if (login == nullptr || login->stage != Stage::checking) return;
  if (!login->one_time_code.empty()) {
    if (done.hash.empty())
      return refuse(*login, proto::Refused::BUSY, "The server is busy; try again shortly.", busy_retry_after, now);
    return set_password(*login, done.hash);
  }
  if (!done.verified || !login->real)
    return refuse(*login, proto::Refused::CREDENTIALS, credentials_refused, Duration{}, now);
  open_session(*login);
}

void LoginCore::set_password(Login& login, const std::string& hash) {
  host_.call(SetPassword{login.name, login.one_time_code, hash}, [this, connection = login.connection](
                                                                     Result<Json> answer, Instant at) {
    Login* asked = find(connection);
    if (asked == nullptr) return;
    if (!answer && is_busy(answer.error()))
      return refuse(*asked, proto::Refused::BUSY, "The server is busy; try again shortly.", busy_retry_after, at);
    if (!answer || !answer->is_object() || !answer->at("active").get<bool>())
      return refuse(*asked, proto::Refused::CREDENTIALS, credentials_refused, Duration{}, at);
    asked->account = AccountId{answer->at("account_id").get<std::uint64_t>()};
    open_session(*asked);
  });
}

void LoginCore::open_session(Login& login) {
  login.stage = Stage::opening;
  host_.call(OpenSession{login.account, login.from.to_string()},
             [this, connection = login.connection](Result<Json> answer, Instant at) {
               on_opened(connection, std::move(answer), at);
             });
}

void LoginCore::on_opened(wire::ConnectionId connection, Result<Json> answer, Instant now) {
  Login* login = find(connection);
  if (!answer) {
    if (login == nullptr) return;
    const std::string& code = answer.error().code;
    if (code == "OR008")
      return refuse(*login, proto::Refused::IN_PLAY,
                    "The account is in play already." + (answer.error().hint.empty() ? "" : " " + answer.error().hint),
                    in_play_retry_after, now);
    if (code == "OR002" || code == "OR001")
      return refuse(*login, proto::Refused::CREDENTIALS, credentials_refused, Duration{}, now);
    if (!is_busy(answer.error()) && code != "OR006")
      spdlog::error("session_open: {} ({})", answer.error().message, code);
    return refuse(*login, proto::Refused::BUSY, "The server is busy; try again shortly.", busy_retry_after, now);
  }
  const SessionId id{answer->at("session_id").get<std::uint64_t>()};
  const Epoch epoch{answer->at("epoch").get<std::uint64_t>()};
  const auto root = key_from_hex(answer->at("root").get<std::string>());
  Session session{.id = id, .epoch = epoch};
  session.connection = connection;
  host_.own(std::move(session));
  ++opened_;
  if (login == nullptr) {
    // Its client went while the database answered.
    host_.drop_connection(connection);
    host_.find(id)->connection = {};
    host_.end_session(id, "lapse", "gone before the session was open", now);
    return;
  }
  login->session = id;
  login->epoch = epoch;
  login->stage = Stage::selecting;
  proto::ServerControl message;
  auto& result = *message.mutable_login_result();
  result.set_session_id(id.value);
  if (root) result.set_root_secret(root->data(), root->size());
  if (const auto rows = answer->find("characters"); rows != answer->end() && rows->is_array()) {
    for (const auto& row : *rows) {
      auto& character = *result.add_characters();
      character.set_character_id(row.at("character_id").get<std::uint64_t>());
      character.set_name(text_of(row, "name"));
      character.set_kind(text_of(row, "kind"));
      character.set_key(text_of(row, "key"));
      const auto details = row.find("details");
      character.set_details(details != row.end() ? to_text(*details) : "{}");
      login->characters.push_back({CharacterId{character.character_id()}, character.kind(), character.key()});
    }
  }
  (void)host_.send(connection, message);
}

// Character and hand-off.

void LoginCore::select(Login& login, CharacterId character, Instant now) {
  if (character.value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return refuse(login, proto::Refused::NO_CHARACTER, no_character, Duration{}, now);
  login.selected = character;
  login.stage = Stage::waiting;
  login.waits_until = now + ready_wait_;
  login.deadline = std::max(login.deadline, login.waits_until + busy_retry_after);
  ask(login, now);
}

void LoginCore::ask(Login& login, Instant) {
  login.ask_at.reset();
  if (login.asking) {
    login.ask_again = true;
    return;
  }
  login.asking = true;
  login.ask_again = false;
  host_.call(SelectSession{login.session, login.epoch, login.selected},
             [this, connection = login.connection](Result<Json> answer, Instant at) {
               Login* asked = find(connection);
               if (asked == nullptr) return;
               asked->asking = false;
               if (asked->stage == Stage::waiting) on_selected(*asked, answer, at);
             });
}

void LoginCore::on_selected(Login& login, const Result<Json>& answer, Instant now) {
  std::string text;
  if (answer) {
    if (text_of(*answer, "status") == "ready") return redirect(login, *answer, now);
    text = text_of(*answer, "reason");
  } else {
    const Error& error = answer.error();
    if (is_bad_data(error)) spdlog::error("session_select: {} ({})", error.message, error.code);
    if (error.code == "OR001" || is_bad_data(error))
      return refuse(login, proto::Refused::NO_CHARACTER, no_character, Duration{}, now);
    if (error.code == "OR007") {
      host_.tell_ended(login.connection, "ended", "Your session was ended.");
      return finish(login, wire::CloseReason::kicked, "logout", "no longer this server's", now);
    }
    if (!is_busy(error) && error.code != "OR006") {
      spdlog::error("session_select: {} ({})", error.message, error.code);
      return refuse(login, proto::Refused::NO_SERVER, error.message, no_server_retry_after, now);
    }
    text = error.code == "OR006" ? error.message : "The database is away; waiting for it.";
  }
  if (now >= login.waits_until)
    return refuse(login, proto::Refused::NO_SERVER, text.empty() ? "There is no server for it now." : text,
                  no_server_retry_after, now);
  if (text != login.waiting_text) {
    login.waiting_text = text;
    proto::ServerControl message;
    message.mutable_waiting()->set_text(text);
    (void)host_.send(login.connection, message);
  }
  if (login.ask_again) return ask(login, now);
  login.ask_at = std::min(now + std::chrono::seconds{1}, login.waits_until);
}

void LoginCore::on_tell(const Json& tell, Instant now) {
  const std::string kind = text_of(tell, "kind"), key = text_of(tell, "key");
  const bool failed = text_of(tell, "tell") == "failed";
  std::vector<wire::ConnectionId> hopeless;
  for (auto& [connection, login] : logins_) {
    if (login.stage != Stage::waiting) continue;
    const auto selected =
        std::find_if(login.characters.begin(), login.characters.end(),
                     [wanted = login.selected](const Character& character) { return character.id == wanted; });
    // What it waits for may have changed since the list was read; asking once too often does no harm.
    if (selected != login.characters.end() && (selected->kind != kind || selected->key != key)) continue;
    if (!failed) {
      ask(login, now);
    } else if (selected != login.characters.end()) {
      // Not asked once more: that would start the failed server again.
      hopeless.push_back(connection);
    }
  }
  std::string reason = text_of(tell, "reason");
  if (reason.empty()) reason = "Its server could not be started.";
  for (const auto connection : hopeless)
    if (Login* login = find(connection)) refuse(*login, proto::Refused::NO_SERVER, reason, no_server_retry_after, now);
}

void LoginCore::redirect(Login& login, const Json& answer, Instant now) {
  proto::ServerControl message;
  auto& redirect = *message.mutable_redirect();
  for (const char* role : {"owner", "chat"}) {
    const auto target = answer.find(role);
    if (target == answer.end() || !target->is_object()) continue;
    auto& out = *redirect.add_targets();
    out.set_role(role);
    out.set_server_id(target->at("server_id").get<std::uint64_t>());
    out.set_epoch(target->at("epoch").get<std::uint64_t>());
    out.set_host(target->at("public_host").get<std::string>());
    out.set_port(target->at("public_port").get<std::uint32_t>());
    out.set_kind(text_of(*target, "kind"));
    out.set_key(text_of(*target, "key"));

    const auto key = key_from_hex(text_of(*target, "link_key"));
    const auto port = target->find("private_port");
    const auto to =
        Address::parse(text_of(*target, "private_host"),
                       port != target->end() && port->is_number() ? port->get<std::uint16_t>() : std::uint16_t{0});
    if (!key || !to || to->port == 0) {
      // The target finds the arrival in the database by itself, only later.
      spdlog::warn("no private address or key for server {}", out.server_id());
      continue;
    }
    ArrivalLink link{*to, *key, {}};
    link.message.mutable_arrival()->set_session_id(login.session.value);
    link.message.mutable_arrival()->set_epoch(out.epoch());
    host_.send_link(link.to, link.key, link.message);
    login.links.push_back(std::move(link));
  }
  host_.release(login.session);
  (void)host_.send(login.connection, message);
  ++handed_off_;
  spdlog::info("session {} handed off", login.session.value);
  login.session = {};
  login.stage = Stage::redirected;
  login.deadline = now + std::chrono::seconds{10};
  login.link_again_at = now + std::chrono::milliseconds{250};
}

// Ends.

void LoginCore::refuse(Login& login, proto::Refused::Reason reason, const std::string& text, Duration retry_after,
                       Instant now) {
  proto::ServerControl message;
  auto& refused = *message.mutable_refused();
  refused.set_reason(reason);
  refused.set_text(text);
  refused.set_retry_after_ms(
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(retry_after).count()));
  (void)host_.send(login.connection, message);
  ++refused_;
  spdlog::info("login from {} refused: {}", login.from.to_string(), proto::Refused::Reason_Name(reason));
  finish(login, wire::CloseReason::refused, "logout", "refused: " + proto::Refused::Reason_Name(reason), now);
}

void LoginCore::finish(Login& login, wire::CloseReason reason, const std::string& end_reason, const std::string& detail,
                       Instant now) {
  const auto connection = login.connection;
  const auto session = login.session;
  wipe(login.password);
  wipe(login.one_time_code);
  logins_.erase(connection);
  if (Session* owned = session ? host_.find(session) : nullptr) {
    // The connection is closed here, with what was said on it before.
    owned->connection = {};
    host_.end_session(session, end_reason, detail, now);
  }
  host_.endpoint().close(connection, reason);
  host_.drop_connection(connection);
}

void LoginCore::on_taken_away(Session& session, const std::string&, Instant) {
  if (Login* login = find(session.id)) logins_.erase(login->connection);
}

void LoginCore::advance(Instant now) {
  if (publish_at_ && *publish_at_ <= now) {
    publish_at_.reset();
    host_.call(PublishKey{public_key_hex_}, [this](Result<Json> answer, Instant at) {
      if (!answer) {
        spdlog::warn("cluster_key_publish: {}; trying again", answer.error().message);
        publish_at_ = at + publish_again;
        return;
      }
      published_ = true;
      maybe_ready();
    });
  }
  std::vector<wire::ConnectionId> late;
  for (auto& [connection, login] : logins_) {
    if (login.link_again_at && *login.link_again_at <= now) {
      login.link_again_at.reset();
      for (const auto& link : login.links) host_.send_link(link.to, link.key, link.message);
    }
    if (login.ask_at && *login.ask_at <= now) ask(login, now);
    if (login.deadline <= now) late.push_back(connection);
  }
  for (const auto connection : late) {
    Login* login = find(connection);
    if (login == nullptr) continue;
    if (login->stage == Stage::redirected) {
      finish(*login, wire::CloseReason::moved, "logout", "", now);
    } else {
      host_.tell_ended(connection, "login_timeout", "The login took too long.");
      finish(*login, wire::CloseReason::lapse, "login_timeout", "no hand-off in time", now);
    }
  }
}

std::optional<Instant> LoginCore::next_deadline() const {
  std::optional<Instant> next = publish_at_;
  const auto consider = [&next](std::optional<Instant> at) {
    if (at && (!next || *at < *next)) next = at;
  };
  for (const auto& [connection, login] : logins_) {
    consider(login.deadline);
    consider(login.ask_at);
    consider(login.link_again_at);
  }
  return next;
}

std::string LoginCore::statistics() {
  return std::to_string(logins_.size()) + " logins under way, " + std::to_string(opened_) + " sessions opened, " +
         std::to_string(refused_) + " refused, " + std::to_string(handed_off_) + " handed off";
}

}  // namespace orrery::sessiond
