// SessionHost's half of a hand-off: the source. The session is frozen while the database is asked, and until it has
// answered: only who owns it hands it over, so that asking again under the old epoch tells whose it is.
#include <utility>

#include "base/log.h"
#include "sessiond/session_host.h"

namespace orrery::sessiond {
namespace {

/// A target that starts, a target that is busy, a database that did not answer.
constexpr Duration ask_again = std::chrono::milliseconds{250};
constexpr Duration link_again = std::chrono::milliseconds{250};
/// Too much waits for the client to take a Redirect.
constexpr Duration redirect_again = std::chrono::milliseconds{25};
/// How long a client has to attach elsewhere and to say goodbye.
constexpr Duration departed_for = std::chrono::seconds{10};

const char* words_of(const std::string& code) {
  if (code == "OR001") return "There is no such place.";
  if (code == "OR003") return "You cannot go there.";
  if (code == "OR006") return "It is full there. Try again in a moment.";
  return "It cannot be reached now. Try again later.";
}

}  // namespace

void SessionHost::hand_off(SessionId id, const std::string& kind, const std::string& key, Instant now) {
  Session* session = find(id);
  if (session == nullptr || !session->owner || session->hand_off || stopping_) return;
  session->hand_off = HandOff{.kind = kind, .key = key, .give_up_at = now + hand_off_within_, .ask_at = now};
  handing_.push_back(id);
}

void SessionHost::advance_hand_offs(Instant now) {
  std::erase_if(handing_, [this](SessionId id) {
    const Session* session = find(id);
    return session == nullptr || !session->hand_off;
  });
  const auto handing = handing_;
  for (const auto id : handing) {
    Session* session = find(id);
    if (session != nullptr && session->hand_off && !session->hand_off->asked && session->hand_off->ask_at <= now)
      ask_hand_off(*session, now);
  }
  hands_.flush();

  while (!links_again_.empty() && links_again_.front().at <= now) {
    for (const auto& link : links_again_.front().links) send_link(link.to, link.key, link.message);
    links_again_.pop_front();
  }
  if (redirects_at_ && *redirects_at_ <= now) send_redirects(now);
  while (!departures_.empty() && departures_.front().until <= now) {
    close_departed(departures_.front().connection);
    departures_.pop_front();
  }
}

void SessionHost::ask_hand_off(Session& session, Instant now) {
  HandOff& hand = *session.hand_off;
  if (hand.frozen && !database_up_) {
    hand.ask_at = now + ask_again;
    return;
  }
  if (!hand.frozen && (!database_up_ || now >= hand.give_up_at)) return fail_hand_off(session, words_of(""), now);
  Json entry{{"session_id", session.id.value}, {"epoch", session.epoch.value}, {"kind", hand.kind}, {"key", hand.key}};
  // A target that was not ready is asked for first: meanwhile the session goes on here.
  if (!hand.waits && !hand.frozen) {
    if (auto state = role_->leave(session, now)) session.state = std::move(*state);
    hand.frozen = true;
  }
  if (hand.frozen) {
    entry["state"] = Json::parse(session.state, nullptr, false);
    if (!entry["state"].is_object()) entry["state"] = Json::object();
  }
  hand.asked = true;
  hands_.add(std::move(entry), [this, id = session.id, epoch = session.epoch](Result<Json> answer, Instant at) {
    Session* asked = find(id);
    // It ended here meanwhile; where it was handed to all the same, its client does not come and it lapses.
    if (asked == nullptr || asked->epoch != epoch || !asked->hand_off) return;
    asked->hand_off->asked = false;
    on_hand_off_answer(*asked, answer, at);
  });
}

void SessionHost::on_hand_off_answer(Session& session, const Result<Json>& answer, Instant now) {
  HandOff& hand = *session.hand_off;
  hand.ask_at = now + ask_again;
  if (answer) {
    const std::string status = text_of(*answer, "status");
    if (status == "ready") return depart(session, *answer, now);
    if (status == "open") {
      hand.waits = false;
      hand.ask_at = now;
    } else if (status == "waiting") {
      hand.waits = true;
      if (hand.frozen) thaw(session, now);
    }
    return;
  }
  const std::string& code = answer.error().code;
  if (code == "OR007") {
    // It has ended, is wanted back, or was handed over by a call whose answer was lost: the next sync says which.
    hand.lost_at_sync = syncs_ + 1;
    hand.asked = true;
    return sync(now);
  }
  // Whatever else was answered, nothing has changed; without an answer nobody knows.
  if (code.starts_with("OR") || is_bad_data(answer.error())) {
    if (code != "OR001" && code != "OR006")
      spdlog::error("session_hand_off: {} ({})", answer.error().message, answer.error().code);
    return fail_hand_off(session, words_of(code), now);
  }
  spdlog::debug("session_hand_off: {} ({}); asking again", answer.error().message, code);
}

void SessionHost::depart(Session& session, const Json& answer, Instant now) {
  const SessionId id = session.id;
  const wire::ConnectionId connection = session.connection;
  const proto::ServerControl redirect = redirect_of(answer);
  auto links = arrivals_of(answer, id);
  for (const auto& link : links) send_link(link.to, link.key, link.message);
  links_again_.push_back({now + link_again, std::move(links)});
  spdlog::info("session {} handed to {} {}", id.value, session.hand_off->kind, session.hand_off->key);
  detach(session);
  sessions_.erase(id);
  ++statistics_.sessions_handed_off;
  endpoint_->let_go(id);
  if (!connection) return;
  departed_.insert(connection);
  departures_.push_back({now + departed_for, connection});
  redirects_.emplace(connection, redirect);
  send_redirects(now);
}

void SessionHost::send_redirects(Instant now) {
  std::erase_if(redirects_,
                [this](const auto& one) { return !departed_.contains(one.first) || send(one.first, one.second); });
  redirects_at_ = redirects_.empty() ? std::nullopt : std::optional(now + redirect_again);
}

void SessionHost::close_departed(wire::ConnectionId connection) {
  if (departed_.erase(connection) == 0) return;
  endpoint_->close(connection, wire::CloseReason::moved);
  connections_.erase(connection);
}

/// Where it goes its client says it again; should it stay, nothing is lost.
void SessionHost::hold(Session& session, const wire::Message& message) {
  HandOff& hand = *session.hand_off;
  if (message.delivery != wire::Delivery::reliable) return;
  const std::size_t cost = message.bytes.size() + HandOff::held_message_bytes;
  if (hand.held_bytes + cost > HandOff::held_bytes_max) return count_ignored();
  hand.held_bytes += cost;
  hand.held.emplace_back(message.channel, Bytes(message.bytes.begin(), message.bytes.end()));
}

void SessionHost::thaw(Session& session, Instant now) {
  session.hand_off->frozen = false;
  session.hand_off->held_bytes = 0;
  auto held = std::exchange(session.hand_off->held, {});
  const bool is_new = std::exchange(session.hand_off->attached, false);
  if (!session.connection) return;
  is_new ? role_->on_attached(session, now) : role_->on_returned(session, now);
  for (const auto& [channel, bytes] : held)
    role_->on_message({session.connection, channel, wire::Delivery::reliable, bytes}, &session, now);
}

void SessionHost::fail_hand_off(Session& session, const std::string& text, Instant now) {
  if (session.is_frozen()) thaw(session, now);
  session.hand_off.reset();
  ++statistics_.hand_offs_failed;
  role_->on_hand_off_failed(session, text, now);
}

void SessionHost::drop_lost(std::uint64_t sync) {
  const auto handing = handing_;
  for (const auto id : handing) {
    Session* session = find(id);
    if (session == nullptr || !session->hand_off || !session->hand_off->lost_at_sync) continue;
    if (*session->hand_off->lost_at_sync > sync) continue;
    spdlog::info("session {} is another server's by now", id.value);
    connections_.erase(session->connection);
    sessions_.erase(id);
    endpoint_->forget(id, wire::CloseReason::moved);
  }
}

}  // namespace orrery::sessiond
