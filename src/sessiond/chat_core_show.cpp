// The channels of a chat server: what it knows of them, and who is shown what.
#include <algorithm>

#include "base/log.h"
#include "sessiond/chat_core.h"

namespace orrery::sessiond {
namespace {

constexpr Duration second = std::chrono::seconds{1};
constexpr Duration read_again = std::chrono::milliseconds{500};
constexpr Duration show_again = std::chrono::milliseconds{50};
constexpr Duration peers_each = std::chrono::seconds{5};
/// Of what lies further back than what is held: as much as a client's queue takes at once.
constexpr std::uint64_t read_before_max = 20;
/// Channels that are asked for in one second; all of them in turn.
constexpr std::size_t polled_max = CallBatch::entries_max;
/// What a Link takes.
constexpr std::size_t news_bytes_max = 1000;

std::string line_of(ChatChannelId channel, std::uint64_t number, const std::string& from, const std::string& to,
                    const std::string& text) {
  proto::ServerChat message;
  auto& out = *message.mutable_message_shown();
  out.set_channel(channel.value);
  out.set_number(number);
  out.set_from(from);
  out.set_to(to);
  out.set_text(text);
  return message.SerializeAsString();
}

std::string line_of(ChatChannelId channel, const Json& row) {
  return line_of(channel, row.at("number").get<std::uint64_t>(), text_of(row, "from"), text_of(row, "to"),
                 text_of(row, "text"));
}

}  // namespace

ChatChannel* ChatCore::find(ChatChannelId channel) {
  const auto found = channels_.find(channel);
  return found == channels_.end() ? nullptr : &found->second;
}

void ChatCore::enter(ChatChannelId id, SessionId session, Instant now) {
  ChatChannel* channel = find(id);
  if (channel == nullptr || !channel->members.try_emplace(session).second) return;
  const Session* who = host_.find(session);
  if (who != nullptr && quiet_until_ <= now) presence(id, who->name, true, session, now);
}

void ChatCore::go(ChatChannelId id, SessionId session, Instant now) {
  ChatChannel* channel = find(id);
  if (channel == nullptr || channel->members.erase(session) == 0) return;
  if (const Session* who = host_.find(session)) presence(id, who->name, false, session, now);
  if (!channel->members.empty()) return;
  presence_buckets_.erase(id.value);
  channels_.erase(id);
}

void ChatCore::presence(ChatChannelId id, const std::string& name, bool is_here, SessionId self, Instant now) {
  const ChatChannel* channel = find(id);
  if (channel == nullptr || (channel->kind() != "space" && channel->kind() != "created")) return;
  if (!presence_buckets_[id.value].take(now)) return;
  proto::ServerChat message;
  if (is_here) {
    message.mutable_came()->set_channel(id.value);
    message.mutable_came()->set_name(name);
  } else {
    message.mutable_went()->set_channel(id.value);
    message.mutable_went()->set_name(name);
  }
  const std::string bytes = message.SerializeAsString();
  for (const auto& [session, member] : channel->members)
    if (session != self && member.is_shown) (void)send_unasked(session, bytes);
  if (!self) return;  // it came from another server
  auto& news = *news_.add_presence();
  news.set_channel(id.value);
  news.set_name(name);
  news.set_is_here(is_here);
}

// What is known.

void ChatCore::shown(ChatChannelId id, std::uint64_t number, const std::string& from, const std::string& to,
                     const std::string& text) {
  ChatChannel* channel = find(id);
  if (channel == nullptr || number <= channel->end()) return;
  if (channel->append(number, line_of(id, number, from, to, text))) {
    to_show_.insert(id);
  } else {
    to_read_.insert(id);  // another server's come before it
  }
}

void ChatCore::read(ChatChannel& channel) {
  channel.reads_again = channel.is_reading;
  if (std::exchange(channel.is_reading, true)) return;
  const bool is_far = channel.last() > channel.end() + chat_behind_max;
  Json entry{{"channel_id", channel.id().value}, {"after", channel.end()}, {"limit", chat_lines_max}};
  if (!channel.is_loaded() || is_far) entry["after"] = nullptr;
  reads_.add(std::move(entry),
             [this, id = channel.id()](const Result<Json>& answer, Instant now) { on_read(id, answer, now); });
}

void ChatCore::on_read(ChatChannelId id, const Result<Json>& answer, Instant now) {
  ChatChannel* channel = find(id);
  if (channel == nullptr) return;
  channel->is_reading = false;
  if (!answer) {
    if (answer.error().code.starts_with("OR")) return;  // it is gone, of which its members' servers are told
    to_read_.insert(id);
    read_again_at_ = now + read_again;
    return;
  }
  const Json& messages = answer->at("messages");
  for (const Json& row : messages) channel->take(row.at("number").get<std::uint64_t>(), line_of(id, row));
  const auto last = answer->at("last").get<std::uint64_t>();
  if (messages.size() < chat_lines_max) channel->taken_all(last);
  channel->raise(last);
  if (channel->reads_again || channel->lacks()) to_read_.insert(id);
  to_show_.insert(id);
}

// What is shown.

void ChatCore::on_resume(Session& session, const proto::ChatResume& resume, Instant) {
  for (const auto& after : resume.after()) {
    ChatChannel* channel = find(ChatChannelId{after.channel()});
    if (channel == nullptr) continue;
    const auto found = channel->members.find(session.id);
    if (found == channel->members.end() || found->second.is_shown) continue;
    ChatChannel::Member& member = found->second;
    member.is_shown = true;
    const std::uint64_t last = channel->last();
    member.cursor = after.newest() ? last - std::min(last, chat_history) : after.last();
    to_show_.insert(channel->id());
  }
}

void ChatCore::show(ChatChannel& channel, Instant now) {
  for (auto& [session, member] : channel.members) show(channel, session, member, now);
  // What is said directly is of few, of whom there are many.
  if (channel.kind() == "direct") channel.trim();
}

void ChatCore::show(ChatChannel& channel, SessionId session, ChatChannel::Member& member, Instant now) {
  const Session* who = host_.find(session);
  if (!member.is_shown || who == nullptr || !who->connection) return;
  if (channel.end() > member.cursor + chat_behind_max && !skip(channel, session, member, channel.begin())) return;
  for (; member.cursor < channel.end(); ++member.cursor) {
    if (member.cursor < channel.begin()) return read_before(channel, session, member);
    if (!send_unasked(session, channel.line(member.cursor + 1))) {
      // A connection that is gone is not waited for: who comes back says from where on.
      return wait(channel, session, now + show_again);
    }
    ++shown_;
  }
}

void ChatCore::wait(const ChatChannel& channel, SessionId session, Instant until) {
  behind_.emplace(channel.id(), session);
  if (!show_again_at_) show_again_at_ = until;
}

bool ChatCore::skip(ChatChannel& channel, SessionId session, ChatChannel::Member& member, std::uint64_t to) {
  proto::ServerChat message;
  message.mutable_skipped()->set_channel(channel.id().value);
  message.mutable_skipped()->set_to(to);
  if (!send(session, message)) {
    wait(channel, session, next_second_);
    return false;
  }
  member.cursor = to;
  return true;
}

void ChatCore::read_before(ChatChannel& channel, SessionId session, ChatChannel::Member& member) {
  if (std::exchange(member.is_reading, true)) return;
  reads_.add(Json{{"channel_id", channel.id().value},
                  {"after", member.cursor},
                  {"limit", std::min(read_before_max, channel.begin() - member.cursor)}},
             [this, id = channel.id(), session, after = member.cursor](const Result<Json>& answer, Instant now) {
               on_read_before(id, session, after, answer, now);
             });
}

void ChatCore::on_read_before(ChatChannelId id, SessionId session, std::uint64_t after, const Result<Json>& answer,
                              Instant now) {
  ChatChannel* channel = find(id);
  const auto found = channel != nullptr ? channel->members.find(session) : decltype(channel->members.end()){};
  if (channel == nullptr || found == channel->members.end()) return;
  ChatChannel::Member& member = found->second;
  member.is_reading = false;
  if (!answer) return wait(*channel, session, now + read_again);
  // It may have come back meanwhile, with another number.
  if (!member.is_shown || member.cursor != after) return show(*channel, session, member, now);
  const Json& messages = answer->at("messages");
  for (const Json& row : messages) {
    if (member.cursor >= channel->begin()) break;
    const auto number = row.at("number").get<std::uint64_t>();
    if (number > member.cursor + 1 && !skip(*channel, session, member, number - 1)) return;
    if (!send_unasked(session, line_of(id, row))) return wait(*channel, session, now + show_again);
    member.cursor = number;
    ++shown_;
  }
  // Nothing is kept of what is before.
  if (messages.empty() && member.cursor < channel->begin() && !skip(*channel, session, member, channel->begin()))
    return;
  show(*channel, session, member, now);
}

// Other chat servers.

void ChatCore::poll(Instant now) {
  next_second_ = std::max(next_second_ + second, now + second / 2);
  if (peers_at_ <= now && !asks_peers_) {
    peers_at_ = now + peers_each;
    asks_peers_ = true;
    host_.call(GetChatPeers{}, [this](const Result<Json>& answer, Instant) {
      asks_peers_ = false;
      if (!answer) return;
      peers_.clear();
      for (const Json& row : *answer) {
        const auto key = key_from_hex(text_of(row, "link_key"));
        const auto port = row.value("private_port", std::uint64_t{0});
        const auto at = Address::parse(text_of(row, "private_host"), static_cast<std::uint16_t>(port));
        if (key && at && port != 0 && port <= UINT16_MAX) peers_.push_back({*at, *key});
      }
    });
  }
  if (peers_.empty()) return;
  // A hint that was lost costs no more than that: what others have said is asked for, of each channel in turn.
  auto next = channels_.upper_bound(polled_);
  for (std::size_t n = 0; n < std::min(channels_.size(), polled_max); ++n, ++next) {
    if (next == channels_.end()) next = channels_.begin();
    polled_ = next->first;
    to_read_.insert(polled_);
  }
}

void ChatCore::tell_peers() {
  if (news_.last_size() == 0 && news_.presence_size() == 0) return;
  const proto::ChatNews all = std::exchange(news_, {});
  if (peers_.empty()) return;
  proto::LinkMessage message;
  const auto flush = [&] {
    for (const Peer& peer : peers_) host_.send_link(peer.at, peer.key, message);
    message.Clear();
  };
  const auto add = [&](auto&& put) {
    put(*message.mutable_chat_news());
    if (message.ByteSizeLong() >= news_bytes_max - 300) flush();
  };
  for (const auto& last : all.last()) add([&](proto::ChatNews& news) { *news.add_last() = last; });
  for (const auto& one : all.presence()) add([&](proto::ChatNews& news) { *news.add_presence() = one; });
  if (message.has_chat_news()) flush();
}

void ChatCore::on_link(const proto::LinkMessage& message, Instant now) {
  if (!message.has_chat_news()) return;
  for (const auto& last : message.chat_news().last()) {
    ChatChannel* channel = find(ChatChannelId{last.channel()});
    if (channel == nullptr || last.number() <= channel->end()) continue;
    to_read_.insert(channel->id());
  }
  for (const auto& one : message.chat_news().presence())
    presence(ChatChannelId{one.channel()}, one.name(), one.is_here(), {}, now);
}

}  // namespace orrery::sessiond
