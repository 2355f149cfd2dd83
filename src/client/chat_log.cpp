#include "client/chat_log.h"

#include <algorithm>

#include "client/client_impl.h"

namespace orrery::client {

namespace {

constexpr std::size_t unanswered_max = 16;
constexpr int channels_max = 64;
// Those included that he was in.
constexpr std::size_t known_max = 256;

const char* name_of(proto::ChatRefused::Reason reason) {
  switch (reason) {
    case proto::ChatRefused::LIMITED:
      return "limited";
    case proto::ChatRefused::AWAY:
      return "away";
    case proto::ChatRefused::MUTED:
      return "muted";
    case proto::ChatRefused::NO_CHANNEL:
      return "no_channel";
    case proto::ChatRefused::NO_CHARACTER:
      return "no_character";
    case proto::ChatRefused::MALFORMED:
      return "malformed";
    case proto::ChatRefused::EXISTS:
      return "exists";
    case proto::ChatRefused::BANNED:
      return "banned";
    case proto::ChatRefused::FULL:
      return "full";
    default:
      return "unknown";
  }
}

}  // namespace

std::optional<proto::ClientChat> ChatLog::say(std::uint64_t channel, const std::string& to, const std::string& text,
                                              Random& random) {
  if (unanswered_.size() >= unanswered_max) return std::nullopt;
  // Another process may go on with this session: its ids must be others.
  if (last_id_ == 0) last_id_ = random.next<std::uint64_t>() >> 2;
  proto::ClientChat message;
  auto& say = *message.mutable_say();
  say.set_message_id(++last_id_);
  say.set_channel(channel);
  say.set_to(to);
  say.set_text(text);
  unanswered_.push_back(message);
  return message;
}

std::deque<proto::ClientChat> ChatLog::begin() {
  for (auto& [channel, known] : channels_) known.is_asked = false;
  return unanswered_;
}

proto::ClientChat ChatLog::on_channels(const proto::ChatChannels& channels) {
  for (auto& [channel, known] : channels_) known.is_in = false;
  proto::ClientChat answer;
  auto& resume = *answer.mutable_resume();
  int taken = 0;
  for (const auto& one : channels.channels()) {
    if (++taken > channels_max) break;
    if (!channels_.contains(one.channel()) && channels_.size() >= known_max)
      std::erase_if(channels_, [](const auto& each) { return !each.second.is_in; });
    Known& known = channels_[one.channel()];
    known.kind = one.kind();
    known.name = one.name();
    known.is_in = true;
    if (std::exchange(known.is_asked, true)) continue;
    // Fewer than were shown: the database lost what was said last.
    known.last = std::min(known.last, one.last());
    auto& after = *resume.add_after();
    after.set_channel(one.channel());
    after.set_last(known.last);
    after.set_newest(known.is_new);
    // Of a channel in which nothing was said yet all that comes is shown.
    if (one.last() == 0) known.is_new = false;
  }
  // Of one that he left the last number is kept, but it has to be asked for again.
  for (auto& [channel, known] : channels_) known.is_asked = known.is_asked && known.is_in;
  return answer;
}

ChatChannels ChatLog::channels() const {
  ChatChannels all;
  for (const auto& [channel, known] : channels_)
    if (known.is_in) all.channels.push_back({channel, known.kind, known.name});
  return all;
}

// Whatever lies between the last number and this one is not shown.
ChatLog::Shown ChatLog::up_to(std::uint64_t channel, Known& known, std::uint64_t number) {
  Shown shown;
  if (!known.is_new && number > known.last + 1) shown.skipped = ChatSkipped{channel, known.last + 1, number - 1};
  known.is_new = false;
  return shown;
}

ChatLog::Shown ChatLog::on_message(const proto::ChatMessage& message) {
  const auto found = channels_.find(message.channel());
  if (found == channels_.end() || !found->second.is_asked) return {};
  Known& known = found->second;
  if (message.number() <= known.last) return {};
  Shown shown = up_to(message.channel(), known, message.number());
  known.last = message.number();
  shown.message =
      ChatShown{message.number(), message.from(), message.text(), message.channel(), known.kind, message.to()};
  return shown;
}

ChatLog::Shown ChatLog::on_skipped(const proto::ChatSkipped& skipped) {
  const auto found = channels_.find(skipped.channel());
  if (found == channels_.end() || !found->second.is_asked || skipped.to() <= found->second.last ||
      skipped.to() == UINT64_MAX)
    return {};
  Shown shown = up_to(skipped.channel(), found->second, skipped.to() + 1);
  found->second.last = skipped.to();
  return shown;
}

std::string ChatLog::on_answer(std::uint64_t message_id) {
  const auto found = std::ranges::find(unanswered_, message_id, [](const auto& one) { return one.say().message_id(); });
  if (found == unanswered_.end()) return {};
  std::string text = found->say().text();
  unanswered_.erase(found);
  return text;
}

// The client's part.

Status Client::Impl::ask_chat(const proto::ClientChat& message) {
  Path* path = attachment(chat_role);
  if (!path || !path->is_open) return Error{"no chat server is attached", "ENOTCONN"};
  return path->dialer.send(wire::Channel::chat, wire::Delivery::reliable, as_bytes(message.SerializeAsString()));
}

Status Client::Impl::chat(std::uint64_t channel, const std::string& to, const std::string& text) {
  Path* path = attachment(chat_role);
  if (!path || !path->is_open) return Error{"no chat server is attached", "ENOTCONN"};
  const auto message = chat_.say(channel, to, text, random_);
  if (!message) return Error{"chat has not answered what was said before", "EAGAIN"};
  Status sent = ask_chat(*message);
  if (!sent) chat_.take_back();
  return sent;
}

void Client::Impl::on_chat_attached(Path& path) {
  for (const auto& message : chat_.begin())
    (void)path.dialer.send(wire::Channel::chat, wire::Delivery::reliable, as_bytes(message.SerializeAsString()));
}

void Client::Impl::on_chat(Path& path, const proto::ServerChat& chat) {
  const auto show = [this](ChatLog::Shown shown) {
    if (shown.skipped) tell(*shown.skipped);
    if (shown.message) tell(std::move(*shown.message));
  };
  switch (chat.message_case()) {
    case proto::ServerChat::kChannels: {
      const auto resume = chat_.on_channels(chat.channels());
      if (resume.resume().after_size() > 0)
        (void)path.dialer.send(wire::Channel::chat, wire::Delivery::reliable, as_bytes(resume.SerializeAsString()));
      return tell(chat_.channels());
    }
    case proto::ServerChat::kMessageShown:
      return show(chat_.on_message(chat.message_shown()));
    case proto::ServerChat::kSkipped:
      return show(chat_.on_skipped(chat.skipped()));
    case proto::ServerChat::kSaid:
      (void)chat_.on_answer(chat.said().message_id());
      return;
    case proto::ServerChat::kRefused:
      return tell(ChatRefused{name_of(chat.refused().reason()), chat.refused().text(),
                              chat_.on_answer(chat.refused().message_id())});
    case proto::ServerChat::kCame:
      return tell(ChatPresence{chat.came().channel(), chat.came().name(), true});
    case proto::ServerChat::kWent:
      return tell(ChatPresence{chat.went().channel(), chat.went().name(), false});
    case proto::ServerChat::MESSAGE_NOT_SET:
      return;
  }
}

}  // namespace orrery::client
