// The database's half of SessionHost: which sessions arrive, which ended elsewhere, and telling of those that end here.
#include <algorithm>

#include "base/log.h"
#include "sessiond/session_host.h"

namespace orrery::sessiond {
namespace {

/// Ends are collected for so long before they are told in one call.
constexpr Duration ends_each = std::chrono::milliseconds{20};
constexpr Duration ends_again = std::chrono::milliseconds{500};
constexpr Duration ends_again_stopping = std::chrono::milliseconds{100};
constexpr Duration renew_no_sooner = std::chrono::milliseconds{500};
constexpr Duration renew_again = std::chrono::seconds{5};
constexpr Duration sync_again_after = std::chrono::seconds{1};
/// What was taken is acknowledged within so long, by a sync of its own if nothing else causes one.
constexpr Duration acknowledge_within = std::chrono::milliseconds{500};

struct EndWords {
  wire::CloseReason close;
  const char* text;
};
EndWords words_of(const std::string& reason) {
  if (reason == "lapse") return {wire::CloseReason::lapse, "Nothing was heard of you for too long."};
  if (reason == "logout") return {wire::CloseReason::logout, "Logged out."};
  if (reason == "shutdown") return {wire::CloseReason::shutdown, "The server shuts down."};
  if (reason == "protocol") return {wire::CloseReason::protocol, "Client and server do not understand each other."};
  if (reason == "moved") return {wire::CloseReason::moved, "You are on another server now."};
  if (reason == "superseded") return {wire::CloseReason::superseded, "You have logged in from elsewhere."};
  if (reason == "token expired") return {wire::CloseReason::kicked, "Your session is too old; log in anew."};
  return {wire::CloseReason::kicked, "Your session was ended."};
}

}  // namespace

void SessionHost::own(Session session) {
  const SessionId id = session.id;
  release(id);
  Session& owned = sessions_.emplace(id, std::move(session)).first->second;
  if (owned.connection) connections_[owned.connection] = &owned;
}

void SessionHost::detach(Session& session) {
  if (const auto connection = connections_.find(session.connection); connection != connections_.end())
    connection->second = nullptr;
  session.connection = {};
}

Session* SessionHost::find(SessionId session) {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : &found->second;
}

void SessionHost::release(SessionId session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  detach(found->second);
  sessions_.erase(found);
}

void SessionHost::end_session(SessionId id, const std::string& reason, const std::string& detail, Instant now) {
  Session* session = find(id);
  if (session == nullptr || !session->owner) return;
  const auto state = session->is_frozen() ? std::optional(session->state) : role_->leave(*session, now);
  Json end{{"session_id", id.value}, {"epoch", session->epoch.value}, {"reason", reason}, {"detail", detail}};
  end["state"] = state ? Json::parse(*state, nullptr, false) : Json();
  if (end["state"].is_discarded()) end["state"] = Json();
  ends_.push_back(std::move(end));
  if (!flush_ends_at_ && ends_sent_ == 0) flush_ends_at_ = now + ends_each;

  const EndWords words = words_of(reason);
  if (session->connection) {
    tell_ended(session->connection, reason, words.text);
    endpoint_->close(session->connection, words.close);
    connections_.erase(session->connection);
  }
  endpoint_->forget(id, words.close);
  sessions_.erase(id);
  ++statistics_.sessions_ended;
  spdlog::info("session {} ended: {} ({})", id.value, reason, detail);
}

void SessionHost::flush_ends() {
  flush_ends_at_.reset();
  if (ends_.empty() || ends_sent_ != 0) return;
  ends_sent_ = ends_singly_ > 0 ? 1 : ends_.size();
  Json ends(std::vector<Json>(ends_.begin(), ends_.begin() + static_cast<std::ptrdiff_t>(ends_sent_)));
  call(EndSessions{std::move(ends)}, [this](Result<Json> answer, Instant at) {
    const std::size_t sent = std::exchange(ends_sent_, 0);
    flush_ends_at_ = at + (stopping_ ? Duration{} : ends_each);
    if (!answer && judge(answer.error(), "session_end")) {
      flush_ends_at_ = at + (stopping_ ? ends_again_stopping : ends_again);
      return;
    }
    if (!answer && sent > 1) {
      ends_singly_ = sent;  // one that is refused must not take the others' with it
      return;
    }
    if (!answer)
      spdlog::error("the end of session {} is not taken, and dropped", ends_.front().at("session_id").dump());
    if (ends_singly_ > 0) --ends_singly_;
    ends_.erase(ends_.begin(), ends_.begin() + static_cast<std::ptrdiff_t>(sent));
    if (ends_.empty()) flush_ends_at_.reset();
  });
}

void SessionHost::lapse_unattached(Instant now) {
  // A login's sessions are on its connections, which lapse by themselves.
  if (config_.role == "login") return;
  std::vector<SessionId> late;
  for (const auto& [id, session] : sessions_)
    if (session.owner && !session.connection && session.attach_by <= now) late.push_back(id);
  for (const auto id : late) end_session(id, "lapse", "its client never attached", now);
}

bool SessionHost::is_ending(SessionId session, Epoch epoch) const {
  return std::any_of(ends_.begin(), ends_.end(), [&](const Json& end) {
    return end.at("session_id") == session.value && end.at("epoch") == epoch.value;
  });
}

CallBatch SessionHost::batch(std::function<DatabaseRequest(Json)> request, std::string member) {
  return CallBatch([this, request = std::move(request)](
                       Json entries, Answer answer) { call(request(std::move(entries)), std::move(answer)); },
                   std::move(member));
}

void SessionHost::renew(SessionId id, Instant now) {
  Session* session = find(id);
  if (session == nullptr || !session->owner) return;
  if (renewals_.pending(id.value) || now < session->renew_after) return count_ignored();
  session->renew_after = now + renew_no_sooner;
  const auto away = [this, connection = session->connection] {
    send_refused(connection, proto::Refused::BUSY, "The token is not renewed now; ask again later.", renew_again);
  };
  if (!database_up_) return away();
  renewals_.add(
      id.value, Json{{"session_id", id.value}, {"epoch", session->epoch.value}},
      [this, id, epoch = session->epoch, connection = session->connection, away](Result<Json> answer, Instant) {
        const Session* asked = find(id);
        if (asked == nullptr || asked->epoch != epoch || asked->connection != connection) return;
        if (!answer && answer.error().code != CallBatch::unanswered) return away();
        if (!answer) return send_refused(connection, proto::Refused::UNKNOWN, "The token is not renewed any more.", {});
        ++statistics_.tokens_renewed;
        proto::ServerControl message;
        message.mutable_token_renewed()->set_expires_in_ms(answer->at("expires_in_ms").get<std::uint64_t>());
        (void)send(connection, message);
      });
}

void SessionHost::sync(Instant now) {
  next_sync_ = now + sync_each_;
  if (sync_under_way_) {
    sync_again_ = true;
    return;
  }
  sync_under_way_ = true;
  const std::uint64_t number = ++syncs_;
  call(Sync{Json(taken_), news_number_}, [this, number, sent = taken_.size()](Result<Json> answer, Instant at) {
    sync_under_way_ = false;
    const bool is_answered = bool{answer};
    on_sync(std::move(answer), sent, at);
    if (is_answered) drop_lost(number);
    if (std::exchange(sync_again_, false) && !exited_ && !stopping_) sync(at);
  });
}

void SessionHost::on_sync(Result<Json> answer, std::size_t taken_sent, Instant now) {
  if (!answer) {
    sync_again_ = false;
    if (judge(answer.error(), "server_sync")) next_sync_ = now + std::min(sync_again_after, sync_each_);
    return;
  }
  taken_.erase(taken_.begin(), taken_.begin() + static_cast<std::ptrdiff_t>(taken_sent));
  if (stopping_) return;
  // Each row by itself: one that cannot be read must not hide the others.
  const auto each = [&](const char* member, auto&& take) {
    const auto rows = answer->find(member);
    if (rows == answer->end() || !rows->is_array()) return;
    for (const auto& row : *rows) {
      try {
        take(row);
      } catch (const Json::exception& error) {
        spdlog::error("server_sync: a row of {} cannot be read: {}", member, error.what());
      }
    }
  };
  if (!answer->is_object()) return;
  each("ended", [&](const Json& row) { on_ended(row, now); });
  each("arrivals", [&](const Json& row) { on_arrival(row, now); });
  each("release", [&](const Json& row) { on_release(row, now); });
  if (news_number_) {
    each("news", [&](const Json& row) {
      const auto number = row.at("number").get<std::uint64_t>();
      if (number <= *news_number_) return;
      news_number_ = number;
      sync_again_ = true;  // there may be more than one answer holds
      role_->on_news(row.at("body"), now);
    });
  }
  role_->on_sync(*answer, now);
  if (!taken_.empty()) next_sync_ = std::min(*next_sync_, now + acknowledge_within);
}

void SessionHost::on_arrival(const Json& arrival, Instant now) {
  const SessionId id{arrival.at("session_id").get<std::uint64_t>()};
  const Epoch epoch{arrival.at("epoch").get<std::uint64_t>()};
  const std::string role = arrival.at("role").get<std::string>();
  const auto key = key_from_hex(arrival.at("key").get<std::string>());
  if (!key) {
    spdlog::error("session {} arrived without a key", id.value);
    return;
  }
  taken_.push_back(Json{{"session_id", id.value}, {"epoch", epoch.value}, {"role", role}});
  if (const auto place = arrival.find("place"); place != arrival.end()) taken_.back()["place"] = *place;
  // It has ended here while this answer was on its way.
  if (is_ending(id, epoch)) return;

  if (Session* known = find(id)) {
    if (epoch == known->epoch && !known->owner) role_->on_changed(*known, now);
    if (epoch <= known->epoch) return;
    (void)role_->leave(*known, now);
    // Not superseded: its client is still the one who has it, and comes back.
    endpoint_->forget(id, wire::CloseReason::moved);
    connections_.erase(known->connection);
    sessions_.erase(id);
  }
  Session session{.id = id, .epoch = epoch};
  session.owner = role == "owner";
  const auto number = [&](const char* member) {
    const auto found = arrival.find(member);
    return found != arrival.end() && found->is_number() ? found->get<std::uint64_t>() : 0;
  };
  session.account = AccountId{number("account_id")};
  session.character = CharacterId{number("character_id")};
  if (const auto name = arrival.find("name"); name != arrival.end() && name->is_string())
    session.name = name->get<std::string>();
  if (const auto state = arrival.find("state"); state != arrival.end() && state->is_object())
    session.state = to_text(*state);
  session.attach_by = now + lapse_;
  sessions_.insert_or_assign(id, std::move(session));
  endpoint_->expect(id, epoch, config_.server, *key);
  ++statistics_.sessions_arrived;
  spdlog::debug("session {} arrived as {}, epoch {}", id.value, role, epoch.value);
}

void SessionHost::on_ended(const Json& ended, Instant now) {
  const SessionId id{ended.at("session_id").get<std::uint64_t>()};
  const Epoch epoch{ended.at("epoch").get<std::uint64_t>()};
  taken_.push_back(
      Json{{"session_id", id.value}, {"epoch", epoch.value}, {"role", ended.value("role", "owner")}, {"ended", true}});
  Session* session = find(id);
  if (session == nullptr || session->epoch > epoch) return;
  const auto given = ended.find("reason");
  const std::string reason = given != ended.end() && given->is_string() ? given->get<std::string>() : "ended";
  const EndWords words = words_of(reason);
  (void)role_->leave(*session, now);
  if (session->connection) {
    tell_ended(session->connection, reason, words.text);
    endpoint_->close(session->connection, words.close);
    connections_.erase(session->connection);
  }
  endpoint_->forget(id, words.close);
  role_->on_taken_away(*session, reason, now);
  sessions_.erase(id);
  ++statistics_.sessions_ended;
  spdlog::info("session {} was ended by the database: {}", id.value, reason);
}

void SessionHost::on_release(const Json& release, Instant now) {
  const SessionId id{release.at("session_id").get<std::uint64_t>()};
  const Epoch epoch{release.at("epoch").get<std::uint64_t>()};
  const std::string reason = release.value("reason", "superseded");
  // It is told again until the end has come to the database.
  if (is_ending(id, epoch)) return;
  const Session* known = find(id);
  if (known != nullptr && known->epoch == epoch && known->owner) {
    Session gone = *known;
    end_session(id, reason, "the database wants it back", now);
    role_->on_taken_away(gone, reason, now);
  } else {
    // Of an answer that was lost, or of one before this process.
    ends_.push_back({{"session_id", id.value},
                     {"epoch", epoch.value},
                     {"reason", reason},
                     {"detail", "not known at its server"},
                     {"state", nullptr}});
    if (ends_sent_ == 0) flush_ends_at_ = now;
  }
}

}  // namespace orrery::sessiond
