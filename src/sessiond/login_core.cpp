// The life of a login from its connection to its end, whatever it is doing.
#include "sessiond/login_core.h"

#include <algorithm>

#include "base/log.h"
#include "sessiond/hash_pool.h"
#include "wire/parse.h"

namespace orrery::sessiond {
namespace {

constexpr Duration busy_retry_after = std::chrono::seconds{2};
constexpr Duration busy_retry_after_max = std::chrono::seconds{60};

}  // namespace

bool is_busy(const Error& error) { return !error.code.starts_with("OR") && !is_bad_data(error); }

std::string in_seconds(Duration time) {
  return "in " + std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

LoginCore::LoginCore(SessionHost& host)
    : host_(host),
      keys_(host,
            [this] {
              published_ = true;
              maybe_ready();
            }),
      begins_(host.batch([](Json entries) { return DatabaseRequest{BeginLogins{std::move(entries)}}; })),
      opens_(host.batch([](Json entries) { return DatabaseRequest{OpenSessions{std::move(entries)}}; })),
      selects_(host.batch([](Json entries) { return DatabaseRequest{SelectSessions{std::move(entries)}}; })),
      resolves_(host.batch([](Json entries) { return DatabaseRequest{ResolveSessions{std::move(entries)}}; })) {}

Status LoginCore::on_started(const Json& info, Instant now) {
  for (const char* name : {"login_timeout_ms", "ready_wait_ms", "logins_max", "hash_threads", "hash_queue_max"})
    if (host_.setting(name) <= 0) return Error{std::string("the database gave no setting ") + name};
  login_timeout_ = host_.setting_ms("login_timeout_ms");
  ready_wait_ = host_.setting_ms("ready_wait_ms");
  logins_max_ = static_cast<std::size_t>(host_.setting("logins_max"));
  hashes_ = HashQueue(static_cast<std::size_t>(host_.setting("hash_threads")),
                      static_cast<std::size_t>(host_.setting("hash_queue_max")));
  if (Status started = keys_.start(info, now); !started) return started;
  // What unknown names are verified against; it also measures what a hash takes.
  (void)hashes_.add({}, {});
  start_hashes(now);
  return ok();
}

void LoginCore::maybe_ready() {
  if (published_ && !dummy_hash_.empty() && !std::exchange(said_ready_, true)) host_.role_ready();
}

LoginCore::Login* LoginCore::find(wire::ConnectionId connection) {
  const auto found = logins_.find(connection);
  return found == logins_.end() ? nullptr : &found->second;
}

bool LoginCore::has_place(const Address& from, Instant now) {
  if (unfinished_.held_by(from) >= std::max(logins_max_ / unfinished_share, unfinished_least)) return false;
  if (logins_.size() < logins_max_) return true;
  const auto place = unfinished_.gives_way_to(from);
  if (place) refuse_busy(*find(wire::ConnectionId{*place}), {}, now);
  return place.has_value();
}

void LoginCore::on_login_opened(const wire::LoginOpened& opened, Instant now) {
  const bool is_placed = has_place(opened.from, now);
  Login& login = logins_[opened.connection];
  login.connection = opened.connection;
  login.from = opened.from;
  login.handshake_hash = opened.handshake_hash;
  if (!is_placed) return refuse_busy(login, {}, now);
  unfinished_.add(login.from, login.connection.value);
  set_deadline(login, now + std::min(credentials_within, login_timeout_));
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
  if (login == nullptr || message.channel != wire::Channel::control) return host_.count_ignored();
  proto::ClientControl control;
  if (!wire::parse(message.bytes, control)) return host_.count_malformed();
  const bool has_session = login->stage == Stage::selecting || login->stage == Stage::waiting;
  if (control.has_credentials()) {
    auto& given = *control.mutable_credentials();
    if (login->stage == Stage::credentials)
      on_credentials(*login, given, now);
    else
      host_.count_ignored();
    for (auto* secret : {given.mutable_password(), given.mutable_new_password(), given.mutable_one_time_code()})
      wipe(*secret);
  } else if (control.has_resolve() && login->stage == Stage::credentials) {
    resolve(*login, control.resolve(), now);
  } else if (control.has_select_character() && login->stage == Stage::selecting) {
    select(*login, CharacterId{control.select_character().character_id()}, now);
  } else if (control.has_enrol_device() && has_session) {
    enrol(*login, control.enrol_device(), now);
  } else if (control.has_revoke_device() && has_session) {
    revoke(*login, control.revoke_device(), now);
  } else if (control.has_renew_token() && has_session) {
    host_.renew(login->session, now);
  } else if (control.has_logout()) {
    finish(*login, wire::CloseReason::logout, "logout", "asked for by the client", now);
  } else {
    host_.count_ignored();
  }
}

void LoginCore::ask_in(CallBatch& batch, Login& login, Json entry,
                       std::function<void(Login&, const Result<Json>&, Instant)> then) {
  login.asked_in = &batch;
  login.asked_ref = batch.add(std::move(entry), [this, connection = login.connection, then = std::move(then)](
                                                    const Result<Json>& answer, Instant at) {
    Login* asked = find(connection);
    if (asked == nullptr) return;
    asked->asked_in = nullptr;
    then(*asked, answer, at);
  });
}

void LoginCore::on_sync(const Json& answer, Instant) { keys_.on_sync(answer); }

void LoginCore::on_tell(const Json& tell, Instant now) {
  const std::string told = text_of(tell, "tell");
  std::vector<wire::ConnectionId> concerned;
  if (told == "released") {
    const auto account = tell.find("account_id");
    if (account == tell.end() || !account->is_number_integer()) return;
    for (const auto& [connection, login] : logins_)
      if ((login.stage == Stage::superseding || login.stage == Stage::opening) &&
          login.account.value == account->get<std::uint64_t>())
        concerned.push_back(connection);
    for (const auto connection : concerned)
      if (Login* login = find(connection)) ask(*login, now);
    return;
  }
  const std::string kind = text_of(tell, "kind"), key = text_of(tell, "key");
  for (const auto& [connection, login] : logins_) {
    if (login.stage != Stage::waiting) continue;
    const auto selected =
        std::find_if(login.characters.begin(), login.characters.end(),
                     [wanted = login.selected](const Character& character) { return character.id == wanted; });
    // What it waits for may have changed since the list was read; asking once too often does no harm. But of one that
    // failed for certain it is not asked once more: that would start it again.
    const bool known = selected != login.characters.end();
    if (known && (selected->kind != kind || selected->key != key)) continue;
    if (told == "ready" || known) concerned.push_back(connection);
  }
  std::string reason = text_of(tell, "reason");
  if (reason.empty()) reason = "Its server could not be started.";
  for (const auto connection : concerned) {
    Login* login = find(connection);
    if (login == nullptr) continue;
    if (told == "ready")
      ask(*login, now);
    else
      refuse(*login, proto::Refused::NO_SERVER, reason, no_server_retry_after, now);
  }
}

// Time.

void LoginCore::set_due(Login& login) {
  Instant due = login.deadline;
  if (login.ask_at) due = std::min(due, *login.ask_at);
  if (login.link_again_at) due = std::min(due, *login.link_again_at);
  if (due == login.due) return;
  dues_.erase({login.due, login.connection});
  login.due = due;
  dues_.insert({due, login.connection});
}
void LoginCore::set_deadline(Login& login, Instant at) {
  login.deadline = at;
  set_due(login);
}
void LoginCore::set_ask_at(Login& login, std::optional<Instant> at) {
  login.ask_at = at;
  set_due(login);
}
void LoginCore::set_link_again_at(Login& login, std::optional<Instant> at) {
  login.link_again_at = at;
  set_due(login);
}

void LoginCore::advance(Instant now) {
  keys_.advance(now);
  while (!dues_.empty() && dues_.begin()->first <= now) do_due(*find(dues_.begin()->second), now);
  for (CallBatch* batch : {&begins_, &opens_, &selects_, &resolves_}) batch->flush();
}

void LoginCore::do_due(Login& login, Instant now) {
  if (login.link_again_at && *login.link_again_at <= now) {
    set_link_again_at(login, std::nullopt);
    for (const auto& link : login.links) host_.send_link(link.to, link.key, link.message);
  }
  if (login.deadline <= now) {
    if (login.stage == Stage::lost) {
      host_.tell_ended(login.connection, "ended", "Your session was ended.");
      return finish(login, wire::CloseReason::kicked, "logout", "no longer this server's", now);
    }
    if (login.stage == Stage::redirected) return finish(login, wire::CloseReason::moved, "logout", "", now);
    host_.tell_ended(login.connection, "login_timeout", "The login took too long.");
    return finish(login, wire::CloseReason::lapse, "login_timeout", "no hand-off in time", now);
  }
  if (login.ask_at && *login.ask_at <= now) ask(login, now);
}

std::optional<Instant> LoginCore::next_deadline() const {
  std::optional<Instant> next = keys_.next_deadline();
  if (!dues_.empty() && (!next || dues_.begin()->first < *next)) next = dues_.begin()->first;
  return next;
}

/// Says what it waits for, when that is news, and asks again later or when it is told.
void LoginCore::wait_on(Login& login, const std::string& text, Instant ask_at) {
  if (text != login.waiting_text) {
    login.waiting_text = text;
    proto::ServerControl message;
    message.mutable_waiting()->set_text(text);
    (void)host_.send(login.connection, message);
  }
  set_ask_at(login, ask_at);
}

// Ends.

void LoginCore::refuse(Login& login, proto::Refused::Reason reason, const std::string& text, Duration retry_after,
                       Instant now) {
  host_.send_refused(login.connection, reason, text, retry_after);
  ++counters_.refused[static_cast<std::size_t>(reason)];
  // What a flood makes many of is counted only.
  const bool rare = reason != proto::Refused::BUSY && reason != proto::Refused::LIMITED;
  spdlog::log(rare ? spdlog::level::info : spdlog::level::debug, "login from {} refused: {}", login.from.to_string(),
              proto::Refused::Reason_Name(reason));
  finish(login, wire::CloseReason::refused, "logout", "refused: " + proto::Refused::Reason_Name(reason), now);
}

/// Each is told another time to come again, so that those that are refused together do not come together.
void LoginCore::refuse_busy(Login& login, Duration at_least, Instant now) {
  const Duration least = std::clamp(at_least, busy_retry_after, busy_retry_after_max);
  const auto spread = static_cast<std::uint64_t>(least.count());
  const Duration after = least + Duration{static_cast<std::int64_t>(host_.random().next<std::uint64_t>() % spread)};
  refuse(login, proto::Refused::BUSY, "The server is busy; try again " + in_seconds(after) + ".", after, now);
}

void LoginCore::refuse_limited(Login& login, const Json& answer, Instant now) {
  const auto ms = std::min<std::uint64_t>(answer.at("wait_ms").get<std::uint64_t>(), UINT32_MAX);
  const Duration after = std::chrono::milliseconds{ms};
  refuse(login, proto::Refused::LIMITED, "Too many attempts to log in; try again " + in_seconds(after) + ".", after,
         now);
}

void LoginCore::finish(Login& login, wire::CloseReason reason, const std::string& end_reason, const std::string& detail,
                       Instant now) {
  const auto connection = login.connection;
  const auto session = login.stage == Stage::resolving ? SessionId{} : login.session;
  if (login.asked_in != nullptr) login.asked_in->cancel(login.asked_ref);
  hashes_.cancel(connection, login.from);
  unfinished_.remove(login.from, connection.value);
  wipe(login.password);
  wipe(login.one_time_code);
  dues_.erase({login.due, connection});
  logins_.erase(connection);
  if (Session* owned = session ? host_.find(session) : nullptr) {
    // The connection is closed here, with what was said on it before.
    host_.detach(*owned);
    host_.end_session(session, end_reason, detail, now);
  }
  host_.endpoint().close(connection, reason);
  host_.drop_connection(connection);
}

void LoginCore::on_taken_away(Session& session, const std::string&, Instant) {
  Login* login = find(session.connection);
  if (login == nullptr) return;
  if (login->asked_in != nullptr) login->asked_in->cancel(login->asked_ref);
  dues_.erase({login->due, login->connection});
  logins_.erase(login->connection);
}

std::string LoginCore::statistics() {
  const auto& c = counters_;
  const auto refused = [&c](proto::Refused::Reason reason) {
    return std::to_string(c.refused[static_cast<std::size_t>(reason)]);
  };
  const auto batch = [](const char* name, const CallBatch& b) {
    return std::string(", ") + name + ' ' + std::to_string(b.entries()) + " in " + std::to_string(b.calls());
  };
  const auto hash_ms = std::chrono::duration_cast<std::chrono::milliseconds>(hashes_.hash_time()).count();
  return std::to_string(logins_.size()) + " logins under way, " + std::to_string(c.opened) + " sessions opened (" +
         std::to_string(c.by_device) + " by device), " + std::to_string(c.handed_off) + " handed off, " +
         std::to_string(c.resolved) + " resolved, " + std::to_string(c.superseded) + " waited for another to end, " +
         std::to_string(c.devices) + " device keys changed, " + std::to_string(c.cut) +
         " lists cut; refused: " + refused(proto::Refused::CREDENTIALS) + " credentials, " +
         refused(proto::Refused::BUSY) + " busy, " + refused(proto::Refused::LIMITED) + " limited, " +
         refused(proto::Refused::BANNED) + " banned, " + refused(proto::Refused::IN_PLAY) + " in play, " +
         refused(proto::Refused::NO_SERVER) + " no server; " + std::to_string(hashes_.waiting()) +
         " wait to be hashed, " + std::to_string(hash_ms) + " ms each; keys version " +
         std::to_string(keys_.version()) + "; entries and calls:" + batch("begin", begins_).substr(1) +
         batch("open", opens_) + batch("select", selects_) + batch("resolve", resolves_);
}

}  // namespace orrery::sessiond
