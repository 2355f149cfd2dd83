// What the wire needs of the database, as a model in memory: accounts, servers and their epochs, sessions and
// attachments, after docs/control.md ("Server → database"), not after the SQL. Single-threaded; each call is one
// transaction.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "chat_model.h"
#include "wire_sim/database.h"

namespace orrery::wire_sim {

class ModelDatabase final : public Database {
 public:
  explicit ModelDatabase(World& world);

  Result<Json> answer(const Caller& caller, const sessiond::DatabaseRequest& request) override;
  void add_account(const std::string& name, const std::string& password, const std::string& kind,
                   const std::string& key) override;
  void rotate_keys() override;
  ServerId add_server(const std::string& role, const std::string& kind, const std::string& key) override;
  void server_ready(ServerId server) override;
  void server_exited(ServerId server, bool died) override;
  void stop_server(ServerId server) override { stop(server); }
  void kick(SessionId session) override;
  void tick() override;
  void set(const std::string& setting, std::int64_t value) override { settings_[setting] = value; }
  void limit(bool on) override { limited_ = on ? 0.1 : 0; }
  void refuse_hands(bool on) override { refused_hands_ = on ? 0.2 : 0; }

  const Database::Server& server(ServerId id) const override { return servers_.at(id); }
  const Database::Session* session(SessionId id) const override;
  std::vector<const Database::Session*> sessions() const override;
  const Attachment* attachment(SessionId id) const override;
  std::uint64_t carried_out(std::uint64_t order) override { return orders_[order]; }

 private:
  enum class ServerState { starting, ready, dead };
  struct Server : Database::Server {
    ServerState state = ServerState::starting;
    Key32 link_root{};
  };
  struct Session : Database::Session {
    std::string reason;
    bool taken = true;
    Time state_at{}, token_expires_at{};
    std::optional<Time> release_at;  // since when its owner is asked to end it
    std::set<ServerId> awaited_by;   // login servers that wait for that
  };
  struct Account {
    AccountId id;
    std::string name, password_hash;
    CharacterId character;
    std::string kind, key;
    Json state = Json::object();
  };

  Result<Json> ask(const Server& me, const sessiond::GetStartInfo&);
  Result<Json> ask(const Server& me, const sessiond::GetKeys&);
  Result<Json> ask(const Server& me, const sessiond::PublishKeys&);
  Result<Json> ask(const Server& me, const sessiond::Sync&);
  Result<Json> ask(const Server& me, const sessiond::EndSessions&);
  Result<Json> ask(const Server& me, const sessiond::BeginLogins&);
  Result<Json> ask(const Server& me, const sessiond::OpenSessions&);
  Result<Json> ask(const Server& me, const sessiond::SelectSessions&);
  Result<Json> ask(const Server& me, const sessiond::RenewSessions&);
  Result<Json> ask(const Server& me, const sessiond::ResolveSessions&);
  Result<Json> ask(const Server& me, const sessiond::HandOffSessions&);
  Result<Json> ask(const Server& me, const sessiond::RunCommands&);
  Result<Json> ask(const Server& me, const sessiond::Checkpoint&);
  Result<Json> ask(const Server& me, const sessiond::AskChannels&);
  Result<Json> ask(const Server& me, const sessiond::JoinChannels&);
  Result<Json> ask(const Server& me, const sessiond::LeaveChannels&);
  Result<Json> ask(const Server& me, const sessiond::SayChat&);
  Result<Json> ask(const Server& me, const sessiond::ReadChat&);
  Result<Json> ask(const Server& me, const sessiond::GetChatPeers&);
  Result<Json> ask(const Server& me, const sessiond::SetPassword&);
  Result<Json> ask(const Server& me, const sessiond::EnrolDevice&);
  Result<Json> ask(const Server& me, const sessiond::ForgetDevice&);
  // Entries of the batched ones; their answers, or an error.
  Result<Json> begin(const Json& attempt);
  Result<Json> open(const Server& me, const Json& open);
  Result<Json> select(const Server& me, const Json& select);
  Result<Json> resolve(const Server& me, const Json& resolve);
  Result<Json> hand_off(const Server& me, const Json& hand);
  /// Gives an orphaned session to the server that replaces its owner.
  void adopt(Session& session, const Server& replacement);
  void move(Session& session, const Server& to);
  Session* find_owned(const Server& me, SessionId session, Epoch epoch);

  /// Who is attached to a chat server in this entry of its call; nobody, if he is not.
  std::optional<orrery::test::ChatModel::Who> chatter(const Server& me, const Json& entry) const;
  std::vector<const Server*> chat_servers() const;
  /// Gives a session a chat server, if one is ready, unless it has one that is.
  void attach_chat(const Session& session);

  Epoch next_epoch() { return Epoch{(std::uint64_t{1} << 32) + ++last_epoch_}; }
  const Server* find_server(const std::string& role, const std::string& kind, const std::string& key) const;
  Json target(const Server& source, ServerId server, Epoch epoch) const;
  Json targets(const Server& source, const Session& session) const;
  void start_in(ServerId server, Duration wait);
  /// Ends it; its owner has to be told when it `knows_not`.
  void end(Session& session, const std::string& reason, bool knows_not);
  Session* live_session(AccountId account);
  Key32 random_key();

  Json settings_;
  std::uint64_t keys_version_ = 1;
  std::map<AccountId, Account> accounts_;
  std::map<std::string, AccountId> devices_;  // by public key in hex
  std::map<ServerId, Server> servers_;
  std::map<SessionId, Session> sessions_;
  std::map<SessionId, Attachment> attachments_;
  std::map<std::pair<SessionId, std::uint64_t>, Json> commands_;  // what was answered, by session and id
  std::map<std::uint64_t, std::uint64_t> orders_;                 // how often it was carried out
  orrery::test::ChatModel chat_;
  std::set<std::string> chat_texts_;
  std::uint64_t last_epoch_ = 0, last_server_ = 0, last_session_ = 100, last_account_ = 0;
  double refused_hands_ = 0;
  double limited_ = 0;  // so many attempts in one are told to wait
};

}  // namespace orrery::wire_sim
