#include "sessiond/chat_core.h"

#include <algorithm>

#include "base/log.h"
#include "sessiond/player_text.h"
#include "wire/parse.h"

namespace orrery::sessiond {
namespace {

constexpr Duration again_after = std::chrono::milliseconds{500};
/// Of all sessions.
constexpr std::size_t unsaid_max = 10'000;
constexpr std::size_t entries_max = CallBatch::entries_max;
constexpr const char* away = "Chat is away; try again later.";

proto::ChatRefused::Reason reason_of(const Error& error, bool is_direct) {
  if (error.code == "OR001") return is_direct ? proto::ChatRefused::NO_CHARACTER : proto::ChatRefused::NO_CHANNEL;
  if (error.code == "OR002") return proto::ChatRefused::MUTED;
  if (error.code == "OR003") return proto::ChatRefused::MALFORMED;
  return proto::ChatRefused::UNKNOWN;
}

}  // namespace

ChatCore::ChatCore(SessionHost& host)
    : host_(host),
      asks_(host.batch([](Json entries) { return DatabaseRequest{AskChannels{std::move(entries)}}; })),
      joins_(host.batch([](Json entries) { return DatabaseRequest{JoinChannels{std::move(entries)}}; })),
      leaves_(host.batch([](Json entries) { return DatabaseRequest{LeaveChannels{std::move(entries)}}; })),
      reads_(host.batch([](Json entries) { return DatabaseRequest{ReadChat{std::move(entries)}}; })) {}

Status ChatCore::on_started(const Json&, Instant now) {
  next_second_ = now + std::chrono::seconds{1};
  // Whom it finds when it begins was there before.
  quiet_until_ = now + std::chrono::seconds{10};
  host_.role_ready();
  return ok();
}

bool ChatCore::Bucket::take(Instant now) {
  if (at == Instant{}) at = now;
  const double passed = std::chrono::duration<double>(now - at).count();
  tokens = std::min(chat_burst, tokens + passed * chat_per_second);
  at = now;
  if (tokens < 1) return false;
  tokens -= 1;
  return true;
}

// Sessions.

void ChatCore::on_attached(Session& session, Instant) {
  // On a new connection its client says anew from where on.
  for (const auto id : speakers_[session.id].channels)
    if (ChatChannel* channel = find(id)) channel->members[session.id].is_shown = false;
  ask_channels(session.id);
}

void ChatCore::on_changed(Session& session, Instant) {
  if (speakers_.contains(session.id)) ask_channels(session.id);
}

void ChatCore::ask_channels(SessionId id) {
  const Session* session = host_.find(id);
  if (session == nullptr) return;
  if (asks_.pending(id.value)) {
    speakers_[id].ask_again = true;
    return;
  }
  asks_.add(id.value, Json{{"session_id", id.value}, {"epoch", session->epoch.value}},
            [this, id](Result<Json> answer, Instant now) {
              const auto speaker = speakers_.find(id);
              if (speaker == speakers_.end()) return;
              if (answer) {
                on_channels(id, answer->at("channels"), now);
              } else if (!answer.error().code.starts_with("OR")) {
                ask_again_.insert(id);
                ask_again_at_ = now + again_after;
                for (const auto& said : std::exchange(speaker->second.early, {}))
                  refuse(id, said.message_id(), proto::ChatRefused::AWAY, away, again_after);
              }
              if (std::exchange(speaker->second.ask_again, false)) ask_channels(id);
            });
}

void ChatCore::on_channels(SessionId id, const Json& channels, Instant now) {
  Speaker& speaker = speakers_.at(id);
  proto::ServerChat message;
  auto& all = *message.mutable_channels();
  std::set<ChatChannelId> in;
  for (const Json& row : channels) {
    const ChatChannelId channel{row.at("channel_id").get<std::uint64_t>()};
    const auto last = row.at("last").get<std::uint64_t>();
    in.insert(channel);
    auto& out = *all.add_channels();
    out.set_channel(channel.value);
    out.set_kind(text_of(row, "kind"));
    // The own one's is an id that tells players nothing.
    if (out.kind() != "direct") out.set_name(text_of(row, "name"));
    out.set_last(last);
    const auto [known, is_new] =
        channels_.try_emplace(channel, channel, text_of(row, "kind"), text_of(row, "name"), last);
    known->second.raise(last);
    if (known->second.lacks()) to_read_.insert(channel);
  }
  for (const auto channel : std::exchange(speaker.channels, in))
    if (!in.contains(channel)) go(channel, id, now);
  for (const auto channel : in) enter(channel, id, now);
  speaker.is_known = true;
  (void)send(id, message);
  Session* session = host_.find(id);
  for (const auto& said : std::exchange(speaker.early, {}))
    if (session != nullptr) on_say(*session, speaker, said, now);
}

std::optional<std::string> ChatCore::leave(Session& session, Instant now) {
  if (const auto speaker = speakers_.find(session.id); speaker != speakers_.end()) {
    for (const auto channel : std::exchange(speaker->second.channels, {})) go(channel, session.id, now);
    speakers_.erase(session.id);
  }
  return std::nullopt;
}

bool ChatCore::send(SessionId id, const std::string& bytes) {
  const Session* session = host_.find(id);
  if (session == nullptr || !session->connection) return false;
  return static_cast<bool>(
      host_.endpoint().send(session->connection, wire::Channel::chat, wire::Delivery::reliable, as_bytes(bytes)));
}

bool ChatCore::send_unasked(SessionId id, const std::string& bytes) {
  const Session* session = host_.find(id);
  return session != nullptr && host_.has_room(session->connection) && send(id, bytes);
}

// What they say.

void ChatCore::on_message(const wire::Message& message, Session* session, Instant now) {
  if (session == nullptr || message.channel != wire::Channel::chat) return;
  proto::ClientChat chat;
  if (!wire::parse(message.bytes, chat)) return host_.count_malformed();
  Speaker& speaker = speakers_[session->id];
  if (chat.has_resume()) return on_resume(*session, chat.resume(), now);
  const std::uint64_t message_id = chat.has_say() ? chat.say().message_id() : 0;
  if (chat.message_case() == proto::ClientChat::MESSAGE_NOT_SET || (chat.has_say() && message_id == 0)) {
    ++dropped_;
    return;
  }
  // It comes again since its client is attached anew: it is being said already, or will be.
  const auto is_same = [message_id](const proto::ChatSay& say) { return say.message_id() == message_id; };
  if (speaker.unanswered.contains(message_id) || std::ranges::any_of(speaker.early, is_same)) return;
  if (!speaker.bucket.take(now))
    return refuse(session->id, message_id, proto::ChatRefused::LIMITED, "Not so fast.", std::chrono::seconds{1});
  if (chat.has_join()) return on_join(*session, chat.join());
  if (chat.has_leave()) return on_leave(*session, chat.leave());
  on_say(*session, speaker, chat.say(), now);
}

void ChatCore::on_say(Session& session, Speaker& speaker, const proto::ChatSay& said, Instant now) {
  const auto no = [&](proto::ChatRefused::Reason reason, const char* text) {
    refuse(session.id, said.message_id(), reason, text);
  };
  if (said.text().empty() || said.text().size() > chat_text_bytes_max || !is_player_text(said.text()))
    return no(proto::ChatRefused::MALFORMED, "A message has 1 to 500 bytes and no control characters.");
  if (speaker.unanswered.size() + speaker.early.size() >= chat_unanswered_max || unsaid_.size() >= unsaid_max)
    return refuse(session.id, said.message_id(), proto::ChatRefused::LIMITED, "Not so fast.", std::chrono::seconds{1});
  if (!speaker.is_known) {
    speaker.early.push_back(said);
    return;
  }
  Json entry{{"session_id", session.id.value},
             {"epoch", session.epoch.value},
             {"message_id", said.message_id()},
             {"text", said.text()}};
  if (!said.to().empty()) {
    if (!is_player_text(said.to())) return no(proto::ChatRefused::NO_CHARACTER, "There is nobody of that name.");
    entry["to"] = said.to();
  } else {
    ChatChannelId to{said.channel()};
    for (const auto id : speaker.channels)
      if (!to && find(id)->kind() == "cluster") to = id;
    if (!speaker.channels.contains(to)) return no(proto::ChatRefused::NO_CHANNEL, "You are not in this channel.");
    entry["channel_id"] = to.value;
  }
  speaker.unanswered.insert(said.message_id());
  if (unsaid_.empty()) say_at_ = now + chat_collect_for;
  unsaid_.push_back({session.id, said.message_id(), said.text(), std::move(entry), now + chat_patience});
}

void ChatCore::say_unsaid() {
  saying_ = singly_ > 0 ? 1 : std::min(unsaid_.size(), entries_max);
  Json entries = Json::array();
  for (std::size_t i = 0; i < saying_; ++i) {
    entries.push_back(unsaid_[i].entry);
    entries.back()["ref"] = i;
  }
  host_.call(SayChat{std::move(entries)},
             [this](Result<Json> answer, Instant now) { on_said(std::move(answer), now); });
}

void ChatCore::on_said(Result<Json> answer, Instant now) {
  const std::size_t count = std::exchange(saying_, 0);
  if (!answer) {
    // Perhaps it is said: it is asked again under the same ids.
    const bool is_bad = is_bad_data(answer.error());
    say_at_ = is_bad ? now : now + again_after;
    if (is_bad && count > 1) singly_ = count;
    if (is_bad && count == 1) {
      refuse(unsaid_.front().session, unsaid_.front().message_id, proto::ChatRefused::MALFORMED, "It cannot be said.");
      unsaid_.pop_front();
      if (singly_ > 0) --singly_;
    }
    return;
  }
  if (singly_ > 0) --singly_;
  say_at_ = now;
  std::vector<const Json*> rows(count, nullptr);
  if (answer->is_array()) {
    for (const Json& row : *answer) {
      const auto ref = row.is_object() ? row.find("ref") : row.end();
      if (row.is_object() && ref != row.end() && ref->is_number_unsigned() && ref->get<std::size_t>() < count)
        rows[ref->get<std::size_t>()] = &row;
    }
  }
  for (const Json* row : rows) {
    const Unsaid what = std::move(unsaid_.front());
    unsaid_.pop_front();
    try {
      said(what, row != nullptr ? *row : Json::object(), now);
    } catch (const Json::exception& error) {
      spdlog::error("chat_say: an answer cannot be read: {}", error.what());
    }
  }
}

void ChatCore::said(const Unsaid& what, const Json& row, Instant) {
  const bool is_direct = what.entry.contains("to");
  const auto numbers = row.find("said");
  if (numbers == row.end() || !numbers->is_array() || numbers->empty()) {
    const auto given = row.find("error");
    const Json error = given != row.end() ? *given : Json::object();
    if (text_of(error, "code") == "OR007") {
      // The session is another's, or has another epoch here: its client says it there again.
      if (const auto speaker = speakers_.find(what.session); speaker != speakers_.end())
        speaker->second.unanswered.erase(what.message_id);
      return;
    }
    return refuse(what.session, what.message_id,
                  reason_of(Error{text_of(error, "message"), text_of(error, "code")}, is_direct),
                  text_of(error, "message"));
  }
  ++said_;
  if (const auto speaker = speakers_.find(what.session); speaker != speakers_.end())
    speaker->second.unanswered.erase(what.message_id);
  proto::ServerChat message;
  message.mutable_said()->set_message_id(what.message_id);
  message.mutable_said()->set_channel(numbers->front().at("channel_id").get<std::uint64_t>());
  message.mutable_said()->set_number(numbers->front().at("number").get<std::uint64_t>());
  (void)send(what.session, message);
  for (const Json& one : *numbers) {
    const ChatChannelId channel{one.at("channel_id").get<std::uint64_t>()};
    const auto number = one.at("number").get<std::uint64_t>();
    shown(channel, number, text_of(row, "from"), text_of(row, "to"), what.text);
    auto& last = *news_.add_last();
    last.set_channel(channel.value);
    last.set_number(number);
  }
}

void ChatCore::refuse(SessionId session, std::uint64_t message_id, proto::ChatRefused::Reason reason,
                      const std::string& text, Duration retry_after) {
  ++refused_;
  if (const auto speaker = speakers_.find(session); speaker != speakers_.end())
    speaker->second.unanswered.erase(message_id);
  proto::ServerChat message;
  auto& refused = *message.mutable_refused();
  refused.set_message_id(message_id);
  refused.set_reason(reason);
  refused.set_text(text);
  refused.set_retry_after_ms(
      static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::milliseconds>(retry_after).count()));
  (void)send(session, message);
}

void ChatCore::refuse_overdue(Instant now) {
  while (unsaid_.size() > saying_ && unsaid_[saying_].give_up_at <= now) {
    const Unsaid& what = unsaid_[saying_];
    refuse(what.session, what.message_id, proto::ChatRefused::AWAY, away, again_after);
    unsaid_.erase(unsaid_.begin() + static_cast<std::ptrdiff_t>(saying_));
    if (singly_ > 0) --singly_;
  }
}

void ChatCore::on_join(Session& session, const proto::ChatJoin& join) {
  if (!is_player_text(join.name()))
    return refuse(session.id, 0, proto::ChatRefused::MALFORMED, "A channel's name has no control characters.");
  joins_.add(Json{{"session_id", session.id.value},
                  {"epoch", session.epoch.value},
                  {"name", join.name()},
                  {"create", join.create()}},
             [this, id = session.id](const Result<Json>& answer, Instant) { on_wished(id, answer); });
}

void ChatCore::on_leave(Session& session, const proto::ChatLeave& leaving) {
  if (leaving.channel() > INT64_MAX / 10)
    return refuse(session.id, 0, proto::ChatRefused::NO_CHANNEL, "No such channel.");
  leaves_.add(Json{{"session_id", session.id.value}, {"epoch", session.epoch.value}, {"channel_id", leaving.channel()}},
              [this, id = session.id](const Result<Json>& answer, Instant) { on_wished(id, answer); });
}

void ChatCore::on_wished(SessionId session, const Result<Json>& answer) {
  if (answer) return ask_channels(session);
  const Error& error = answer.error();
  proto::ChatRefused::Reason reason = proto::ChatRefused::AWAY;
  std::string text = away;
  if (error.code.starts_with("OR")) {
    reason = error.code == "OR002"   ? proto::ChatRefused::BANNED
             : error.code == "OR006" ? proto::ChatRefused::FULL
             : error.code == "OR008" ? proto::ChatRefused::EXISTS
                                     : reason_of(error, false);
    text = error.message;
  }
  refuse(session, 0, reason, text);
}

// Driving.

void ChatCore::advance(Instant now) {
  if (ask_again_at_ && *ask_again_at_ <= now) {
    ask_again_at_.reset();
    for (const auto session : std::exchange(ask_again_, {})) ask_channels(session);
  }
  refuse_overdue(now);
  if (saying_ == 0 && !unsaid_.empty() && say_at_ <= now && host_.database_up()) say_unsaid();
  if (next_second_ <= now) poll(now);
  if (read_again_at_ && *read_again_at_ <= now) read_again_at_.reset();
  if (!read_again_at_) {
    for (const auto id : std::exchange(to_read_, {}))
      if (ChatChannel* channel = find(id)) read(*channel);
  }
  for (const auto id : std::exchange(to_show_, {}))
    if (ChatChannel* channel = find(id)) show(*channel, now);
  if (show_again_at_ && *show_again_at_ <= now) {
    show_again_at_.reset();
    for (const auto& [id, session] : std::exchange(behind_, {})) {
      ChatChannel* channel = find(id);
      if (channel == nullptr) continue;
      const auto member = channel->members.find(session);
      if (member != channel->members.end()) show(*channel, session, member->second, now);
    }
  }
  tell_peers();
  for (CallBatch* batch : {&asks_, &joins_, &leaves_, &reads_}) batch->flush();
}

std::optional<Instant> ChatCore::next_deadline() const {
  std::optional<Instant> next = next_second_;
  const auto consider = [&next](std::optional<Instant> at) {
    if (at && *at < *next) next = at;
  };
  if (saying_ == 0 && !unsaid_.empty() && host_.database_up()) consider(say_at_);
  if (unsaid_.size() > saying_) consider(unsaid_[saying_].give_up_at);
  consider(ask_again_at_);
  if (!to_read_.empty()) consider(read_again_at_);
  consider(show_again_at_);
  return next;
}

std::string ChatCore::statistics() {
  return std::to_string(said_) + " messages said, " + std::to_string(shown_) + " shown, " + std::to_string(refused_) +
         " refused, " + std::to_string(dropped_) + " dropped; " + std::to_string(channels_.size()) + " channels";
}

}  // namespace orrery::sessiond
