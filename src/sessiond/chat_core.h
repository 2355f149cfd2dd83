// Role chat: what attached sessions say is numbered and kept by the database, and shown, once that has committed, to
// all who are in the channel, in the order of its numbers, each once. Other chat servers of the cluster share the
// channels: they are told of new numbers by Link, and ask the database for what they lack. Member functions stand by
// subject: chat_core.cpp (sessions and what they say), chat_core_show.cpp (channels and what is shown).
#pragma once

#include <deque>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "sessiond/chat_channel.h"
#include "sessiond/role.h"
#include "sessiond/session_host.h"

namespace orrery::sessiond {

/// Longest text of one message.
inline constexpr std::size_t chat_text_bytes_max = 500;
/// What a session may ask for: a bucket of `burst` that fills at `per_second`. A client that is attached anew says all
/// that was not answered at once.
inline constexpr double chat_per_second = 5;
inline constexpr double chat_burst = 16;
/// Messages that one has said and was not answered yet.
inline constexpr std::size_t chat_unanswered_max = 16;
/// What is said is collected for so long before it is kept, in one transaction.
inline constexpr Duration chat_collect_for = std::chrono::milliseconds{20};
/// What the database could not take by then is refused.
inline constexpr Duration chat_patience = std::chrono::seconds{3};
/// What was said last is shown to whom has seen nothing of a channel yet.
inline constexpr std::uint64_t chat_history = 20;
/// Who is more behind than that is shown the newest.
inline constexpr std::uint64_t chat_behind_max = 1000;

class ChatCore final : public Role {
 public:
  explicit ChatCore(SessionHost& host);

  Status on_started(const Json& info, Instant now) override;
  void on_attached(Session& session, Instant now) override;
  void on_changed(Session& session, Instant now) override;
  void on_message(const wire::Message& message, Session* session, Instant now) override;
  void on_link(const proto::LinkMessage& message, Instant now) override;
  std::optional<std::string> leave(Session& session, Instant now) override;
  void advance(Instant now) override;
  std::optional<Instant> next_deadline() const override;
  std::string statistics() override;

 private:
  struct Bucket {
    double tokens = chat_burst;
    Instant at{};
    bool take(Instant now);
  };
  /// A session.
  struct Speaker {
    Bucket bucket;
    bool is_known = false;  // its channels are
    bool ask_again = false;
    std::set<ChatChannelId> channels{};
    std::vector<proto::ChatSay> early{};   // said before its channels were known
    std::set<std::uint64_t> unanswered{};  // message ids
  };
  struct Unsaid {
    SessionId session;
    std::uint64_t message_id;
    std::string text;
    Json entry;
    Instant give_up_at;
  };
  struct Peer {
    Address at;
    Key32 key;
  };

  // Sessions and what they say.
  void ask_channels(SessionId session);
  void on_channels(SessionId session, const Json& channels, Instant now);
  void on_say(Session& session, Speaker& speaker, const proto::ChatSay& said, Instant now);
  void on_resume(Session& session, const proto::ChatResume& resume, Instant now);
  void on_join(Session& session, const proto::ChatJoin& join);
  void on_leave(Session& session, const proto::ChatLeave& leaving);
  void on_wished(SessionId session, const Result<Json>& answer);
  void say_unsaid();
  void on_said(Result<Json> answer, Instant now);
  void said(const Unsaid& what, const Json& row, Instant now);
  void refuse(SessionId session, std::uint64_t message_id, proto::ChatRefused::Reason reason, const std::string& text,
              Duration retry_after = {});
  void refuse_overdue(Instant now);
  bool send(SessionId session, const std::string& bytes);
  /// What is shown; false also when its queue is to be left to answers.
  bool send_unasked(SessionId session, const std::string& bytes);
  bool send(SessionId session, const proto::ServerChat& message) { return send(session, message.SerializeAsString()); }

  // Channels and what is shown.
  ChatChannel* find(ChatChannelId channel);
  void enter(ChatChannelId channel, SessionId session, Instant now);
  void go(ChatChannelId channel, SessionId session, Instant now);
  void shown(ChatChannelId channel, std::uint64_t number, const std::string& from, const std::string& to,
             const std::string& text);
  void read(ChatChannel& channel);
  void on_read(ChatChannelId channel, const Result<Json>& answer, Instant now);
  void read_before(ChatChannel& channel, SessionId session, ChatChannel::Member& member);
  void on_read_before(ChatChannelId channel, SessionId session, std::uint64_t after, const Result<Json>& answer,
                      Instant now);
  void show(ChatChannel& channel, Instant now);
  void show(ChatChannel& channel, SessionId session, ChatChannel::Member& member, Instant now);
  /// Its queue is full, or the database away.
  void wait(const ChatChannel& channel, SessionId session, Instant until);
  bool skip(ChatChannel& channel, SessionId session, ChatChannel::Member& member, std::uint64_t to);
  void presence(ChatChannelId channel, const std::string& name, bool is_here, SessionId self, Instant now);
  void poll(Instant now);
  void tell_peers();

  SessionHost& host_;
  std::unordered_map<SessionId, Speaker> speakers_;
  CallBatch asks_, joins_, leaves_, reads_;
  std::set<SessionId> ask_again_;  // their question was not answered
  std::optional<Instant> ask_again_at_;

  std::deque<Unsaid> unsaid_;  // the first `saying_` are under way
  std::size_t saying_ = 0, singly_ = 0;
  Instant say_at_{};

  std::map<ChatChannelId, ChatChannel> channels_;
  std::unordered_map<std::uint64_t, Bucket> presence_buckets_;  // by channel
  std::set<ChatChannelId> to_show_, to_read_;
  std::optional<Instant> read_again_at_, show_again_at_;
  std::set<std::pair<ChatChannelId, SessionId>> behind_;  // their queues are full

  std::vector<Peer> peers_;
  bool asks_peers_ = false;
  proto::ChatNews news_;
  Instant next_second_{}, peers_at_{}, quiet_until_{};
  ChatChannelId polled_{};  // the last one

  std::uint64_t said_ = 0, shown_ = 0, refused_ = 0, dropped_ = 0;
};

}  // namespace orrery::sessiond
