// What chat needs of the database, as a model in memory, after docs/control.md: channels, and messages numbered in each
// from 1 on. For every laboratory that drives a chat server. Each call is one transaction.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace orrery::test {

class ChatModel {
 public:
  using Json = nlohmann::json;
  struct Who {
    std::uint64_t character;
    std::string name, place;
  };
  struct Message {
    std::string from, to, text;
  };
  struct Channel {
    std::uint64_t id = 0;
    std::string kind, name;
    std::vector<Message> messages{};    // by number - 1
    std::uint64_t purged = 0;           // so many of the first are not kept any more
    std::set<std::uint64_t> members{};  // of one that was made
  };

  /// An answer of chat_channels, without its ref.
  Json channels(const Who& who) {
    Json all = Json::array();
    for (const auto& [kind, name] : {std::pair<std::string, std::string>{"cluster", "dev"},
                                     {"space", who.place},
                                     {"direct", std::to_string(who.character)}})
      all.push_back(row(find(kind, name)));
    for (const auto& [id, channel] : all_)
      if (channel.members.contains(who.character)) all.push_back(row(channel));
    characters_[who.name] = who.character;
    return Json{{"channels", all}};
  }
  /// Of chat_join.
  Json join(const Who& who, const std::string& name, bool create) {
    for (auto& [id, channel] : all_) {
      if (channel.kind != "created" || channel.name != name) continue;
      if (create) return error("OR008", "there is a channel " + name + " already");
      channel.members.insert(who.character);
      return Json{{"channel", row(channel)}};
    }
    if (!create) return error("OR001", "there is no channel " + name);
    Channel& made = find("created", name);
    made.members.insert(who.character);
    return Json{{"channel", row(made)}};
  }
  Json leave(const Who& who, std::uint64_t id) {
    if (const auto found = all_.find(id); found != all_.end()) found->second.members.erase(who.character);
    return Json::object();
  }
  /// Of chat_say. `entry` as it came.
  Json say(const Who& who, std::uint64_t session, const Json& entry) {
    std::vector<Channel*> where;
    std::string to;
    if (entry.contains("to")) {
      to = entry.at("to").get<std::string>();
      const auto other = characters_.find(to);
      if (other == characters_.end()) return error("OR001", "there is nobody called " + to);
      where.push_back(&find("direct", std::to_string(who.character)));
      if (other->second != who.character) where.push_back(&find("direct", std::to_string(other->second)));
    } else {
      const auto found = all_.find(entry.at("channel_id").get<std::uint64_t>());
      if (found == all_.end()) return error("OR001", "there is no such channel");
      if (muted.contains(who.name)) return error("OR002", "muted for good: spam");
      where.push_back(&found->second);
    }
    Json said = Json::array();
    for (Channel* channel : where) {
      auto& number = said_[{channel->id, session, entry.at("message_id").get<std::uint64_t>()}];
      if (number == 0) {
        channel->messages.push_back({who.name, to, entry.at("text").get<std::string>()});
        number = channel->messages.size();
      }
      said.push_back(Json{{"channel_id", channel->id}, {"number", number}});
    }
    return Json{{"from", who.name}, {"to", to.empty() ? Json() : Json(to)}, {"said", said}};
  }
  /// Of chat_read.
  Json read(const Json& entry) const {
    const auto found = all_.find(entry.at("channel_id").get<std::uint64_t>());
    if (found == all_.end()) return error("OR001", "no such channel");
    const Channel& channel = found->second;
    const auto last = channel.messages.size(), limit = entry.at("limit").get<std::size_t>();
    const std::size_t after =
        entry.at("after").is_null() ? last - std::min(last, limit) : entry.at("after").get<std::size_t>();
    Json messages = Json::array();
    for (std::size_t n = std::max(after, channel.purged); n < last && messages.size() < limit; ++n) {
      const Message& one = channel.messages[n];
      messages.push_back(Json{
          {"number", n + 1}, {"from", one.from}, {"to", one.to.empty() ? Json() : Json(one.to)}, {"text", one.text}});
    }
    return Json{{"last", last}, {"messages", messages}};
  }

  Channel& find(const std::string& kind, const std::string& name) {
    for (auto& [id, channel] : all_)
      if (channel.kind == kind && channel.name == name) return channel;
    const auto id = all_.size() + 1;
    return all_.emplace(id, Channel{id, kind, name}).first->second;
  }
  const std::map<std::uint64_t, Channel>& all() const { return all_; }
  std::set<std::string> muted;

  static Json error(const char* code, const std::string& message) {
    return Json{{"error", {{"code", code}, {"message", message}, {"hint", ""}}}};
  }

 private:
  static Json row(const Channel& channel) {
    return Json{
        {"channel_id", channel.id}, {"kind", channel.kind}, {"name", channel.name}, {"last", channel.messages.size()}};
  }

  std::map<std::uint64_t, Channel> all_;
  std::map<std::string, std::uint64_t> characters_;
  std::map<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>, std::uint64_t> said_;
};

}  // namespace orrery::test
