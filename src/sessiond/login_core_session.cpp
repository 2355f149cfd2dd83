// From right credentials to the server that plays: opening a session, the character, the hand-off; and finding a
// session that plays already.
#include <algorithm>
#include <limits>

#include "base/log.h"
#include "sessiond/login_core.h"

namespace orrery::sessiond {
namespace {

constexpr Duration in_play_retry_after = std::chrono::seconds{5};
constexpr Duration last_word_within = std::chrono::seconds{2};
constexpr Duration ask_each = std::chrono::seconds{1};
constexpr std::size_t login_result_bytes_max = wire::message_bytes_max(wire::Channel::control);
/// More than these have no room whatever they are called.
constexpr int characters_max = 1024;
constexpr const char* no_character = "There is no such character of yours.";
constexpr const char* no_server = "There is no server for it now.";
constexpr const char* server_full = "Its server is full; waiting for room.";
constexpr const char* database_away = "The database is away; waiting for it.";

/// Leaves out of a LoginResult what does not fit: details of the last ones first, then the last ones. True when
/// something was.
bool cut_to_fit(proto::ServerControl& message) {
  auto& characters = *message.mutable_login_result()->mutable_characters();
  const auto too_long = [&message] { return message.ByteSizeLong() > login_result_bytes_max; };
  bool cut = characters.size() > characters_max;
  while (characters.size() > characters_max) characters.RemoveLast();
  for (int i = characters.size(); i-- > 0 && too_long(); cut = true) characters[i].set_details("{}");
  for (; !characters.empty() && too_long(); cut = true) characters.RemoveLast();
  return cut;
}

}  // namespace

void LoginCore::open_session(Login& login) {
  login.stage = Stage::opening;
  trust(login);
  Json entry{{"account_id", login.account.value}, {"address", login.from.to_string()}};
  if (login.device) entry["device_id"] = login.device.value;
  login.asked_in = &opens_;
  login.ask_again = false;
  // Not as ask_in does: a session is there whether or not its client still is.
  login.asked_ref =
      opens_.add(std::move(entry), [this, connection = login.connection](const Result<Json>& answer, Instant at) {
        if (Login* asked = find(connection)) asked->asked_in = nullptr;
        on_opened(connection, answer, at);
      });
}

void LoginCore::on_opened(wire::ConnectionId connection, const Result<Json>& answer, Instant now) {
  Login* login = find(connection);
  if (!answer) {
    if (login != nullptr) on_open_refused(*login, answer.error(), now);
    return;
  }
  if (text_of(*answer, "status") == "superseding") {
    if (login != nullptr) on_superseding(*login, now);
    return;
  }
  const SessionId id{answer->at("session_id").get<std::uint64_t>()};
  const Epoch epoch{answer->at("epoch").get<std::uint64_t>()};
  Session session{.id = id, .epoch = epoch};
  if (login != nullptr) session.connection = connection;
  host_.own(std::move(session));
  ++counters_.opened;
  if (login == nullptr) {
    // Its client went while the database answered.
    host_.end_session(id, "lapse", "gone before the session was open", now);
    return;
  }
  counters_.by_device += login->kind == Kind::device;
  login->session = id;
  login->epoch = epoch;
  login->stage = Stage::selecting;
  set_deadline(*login, now + login_timeout_);
  if (!send_login_result(*login, *answer))
    finish(*login, wire::CloseReason::protocol, "logout", "its answer could not be sent", now);
}

void LoginCore::on_open_refused(Login& login, const Error& error, Instant now) {
  const std::string& code = error.code;
  if (code == "OR002" && error.message.starts_with("banned"))
    return refuse(login, proto::Refused::BANNED, error.message, {}, now);
  if (code == "OR002" && error.message.starts_with("cluster"))
    return refuse(login, proto::Refused::NO_SERVER, error.message, no_server_retry_after, now);
  if (code == "OR002" || code == "OR001")
    return refuse(login, proto::Refused::CREDENTIALS, credentials_refused, {}, now);
  if (!is_busy(error) && code != "OR006") spdlog::error("session_open: {} ({})", error.message, code);
  refuse_busy(login, {}, now);
}

void LoginCore::on_superseding(Login& login, Instant now) {
  login.stage = Stage::superseding;
  if (login.waits_until == Instant{}) {
    ++counters_.superseded;
    login.waits_until = now + ready_wait_;
    set_deadline(login, std::max(login.deadline, login.waits_until + last_word_within));
  }
  if (now >= login.waits_until)
    return refuse(login, proto::Refused::IN_PLAY, "The account is in play, and its server does not give it up.",
                  in_play_retry_after, now);
  if (login.ask_again) return ask(login, now);
  wait_on(login, "Your other session is being saved and ended.", std::min(now + ask_each, login.waits_until));
}

Status LoginCore::send_login_result(Login& login, const Json& answer) {
  proto::ServerControl message;
  auto& result = *message.mutable_login_result();
  result.set_session_id(login.session.value);
  const auto root = key_from_hex(answer.at("root").get<std::string>()).value_or(Key32{});
  result.set_root_secret(root.data(), root.size());
  result.set_token_expires_in_ms(answer.value("token_expires_in_ms", std::uint64_t{0}));
  if (const auto rows = answer.find("characters"); rows != answer.end() && rows->is_array()) {
    for (const auto& row : *rows) {
      auto& character = *result.add_characters();
      character.set_character_id(row.at("character_id").get<std::uint64_t>());
      character.set_name(text_of(row, "name"));
      character.set_kind(text_of(row, "kind"));
      character.set_key(text_of(row, "key"));
      const auto details = row.find("details");
      character.set_details(details != row.end() ? to_text(*details) : "{}");
      login.characters.push_back({CharacterId{character.character_id()}, character.kind(), character.key()});
    }
  }
  if (cut_to_fit(message)) {
    ++counters_.cut;
    spdlog::warn("session {}: {} characters do not fit a message of {} bytes with their details; {} are told",
                 login.session.value, login.characters.size(), login_result_bytes_max, result.characters_size());
  }
  return host_.send(login.connection, message);
}

// Character and hand-off.

void LoginCore::select(Login& login, CharacterId character, Instant now) {
  if (character.value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return refuse(login, proto::Refused::NO_CHARACTER, no_character, {}, now);
  login.selected = character;
  login.stage = Stage::waiting;
  login.waiting_text.clear();
  login.waits_until = now + ready_wait_;
  set_deadline(login, std::max(login.deadline, login.waits_until + last_word_within));
  ask(login, now);
}

/// Asks the database again what the login waits for.
void LoginCore::ask(Login& login, Instant) {
  set_ask_at(login, std::nullopt);
  // A change of device keys is answered before the session can be another server's.
  if (login.asked_in != nullptr || login.device_asked) {
    login.ask_again = true;
    return;
  }
  login.ask_again = false;
  if (login.stage == Stage::superseding) return open_session(login);
  if (login.stage == Stage::resolving) return ask_resolve(login);
  if (login.stage != Stage::waiting) return;
  ask_in(
      selects_, login,
      Json{{"session_id", login.session.value}, {"epoch", login.epoch.value}, {"character_id", login.selected.value}},
      [this](Login& asked, const Result<Json>& answer, Instant at) { on_selected(asked, answer, at); });
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
      return refuse(login, proto::Refused::NO_CHARACTER, no_character, {}, now);
    if (error.code == "OR007") {
      login.stage = Stage::lost;
      set_deadline(login, now + last_word_within);
      return host_.sync(now);
    }
    if (!is_busy(error) && error.code != "OR006") {
      spdlog::error("session_select: {} ({})", error.message, error.code);
      return refuse(login, proto::Refused::NO_SERVER, no_server, no_server_retry_after, now);
    }
    text = error.code == "OR006" ? server_full : database_away;
  }
  if (now >= login.waits_until)
    return refuse(login, proto::Refused::NO_SERVER, text.empty() ? no_server : text, no_server_retry_after, now);
  if (login.ask_again) {
    wait_on(login, text, now);
    return ask(login, now);
  }
  wait_on(login, text, std::min(now + ask_each, login.waits_until));
}

void LoginCore::redirect(Login& login, const Json& answer, Instant now) {
  const proto::ServerControl message = redirect_of(answer);
  // One that plays already has been told of.
  if (login.stage != Stage::resolving) login.links = arrivals_of(answer, login.session);
  for (const auto& link : login.links) host_.send_link(link.to, link.key, link.message);
  (void)host_.send(login.connection, message);
  if (login.stage == Stage::resolving) {
    ++counters_.resolved;
    spdlog::info("session {} found for its client", login.session.value);
  } else {
    host_.release(login.session);
    ++counters_.handed_off;
    spdlog::info("session {} handed off", login.session.value);
    set_link_again_at(login, now + std::chrono::milliseconds{250});
  }
  login.session = {};
  login.stage = Stage::redirected;
  set_ask_at(login, std::nullopt);
  set_deadline(login, now + std::chrono::seconds{10});
}

// Where is my session?

void LoginCore::resolve(Login& login, const proto::Resolve& asked, Instant now) {
  login.stage = Stage::resolving;
  login.waits_until = now + ready_wait_;
  set_deadline(login, login.waits_until + last_word_within);
  if (!host_.database_up()) return refuse_busy(login, {}, now);
  // What no session can have is asked for all the same, and charged: session 0, a proof of nothing.
  const bool whole = asked.proof().size() == std::tuple_size_v<Key32> &&
                     asked.session_id() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  login.session = whole ? SessionId{asked.session_id()} : SessionId{};
  login.proof_hex = whole ? to_hex(as_bytes(asked.proof())) : to_hex(Key32{});
  ask(login, now);
}

void LoginCore::ask_resolve(Login& login) {
  Json entry{{"address", login.from.to_string()},
             {"session_id", login.session.value},
             {"handshake_hash", to_hex(login.handshake_hash)},
             {"proof", login.proof_hex}};
  // Charged to its address once.
  if (login.resolve_asked) entry["again"] = true;
  login.resolve_asked = true;
  ask_in(resolves_, login, std::move(entry),
         [this](Login& asked, const Result<Json>& answer, Instant at) { on_resolved(asked, answer, at); });
}

void LoginCore::on_resolved(Login& login, const Result<Json>& answer, Instant now) {
  if (answer && answer->contains("wait_ms")) return refuse_limited(login, *answer, now);
  const std::string status = answer ? text_of(*answer, "status") : std::string();
  if (status == "ready" || status == "waiting") trust(login);
  if (status == "ready") return redirect(login, *answer, now);
  if (status == "ended" || (!answer && !is_busy(answer.error()))) {
    if (!answer) spdlog::error("session_resolve: {} ({})", answer.error().message, answer.error().code);
    const std::string reason = answer ? text_of(*answer, "reason") : std::string();
    host_.tell_ended(login.connection, reason.empty() ? "unknown" : reason, "Your session is over.");
    return finish(login, wire::CloseReason::refused, "", "", now);
  }
  std::string text = answer ? text_of(*answer, "reason") : std::string(database_away);
  if (now >= login.waits_until)
    return refuse(login, proto::Refused::NO_SERVER, text.empty() ? no_server : text, no_server_retry_after, now);
  wait_on(login, text, std::min(now + ask_each, login.waits_until));
}

}  // namespace orrery::sessiond
