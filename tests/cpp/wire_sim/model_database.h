// What the wire needs of the database, as a model in memory: accounts, servers and their epochs, sessions and
// attachments, after docs/control.md ("Server → database"), not after the SQL. Single-threaded; each call is one
// transaction.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "chat_model.h"
#include "sessiond/effects.h"
#include "wire_sim/world.h"

namespace orrery::wire_sim {

using sessiond::Json;

class ModelDatabase {
 public:
  enum class ServerState { starting, ready, dead };
  struct Server {
    ServerId id;
    Epoch epoch;
    std::string role, kind, key;
    Address public_at, private_at;
    ServerState state = ServerState::starting;
    Key32 link_root{};
  };
  enum class SessionState { selecting, waiting, playing, orphaned, ended };
  struct Session {
    SessionId id;
    AccountId account;
    ServerId owner;
    Epoch epoch;
    SessionState state = SessionState::selecting;
    Key32 root{};
    std::string reason;
    std::pair<ServerId, Epoch> from;  // who handed it on
    bool taken = true;
    Time state_at{}, token_expires_at{};
    std::optional<Time> release_at;  // since when its owner is asked to end it
    std::set<ServerId> awaited_by;   // login servers that wait for that
  };
  struct Attachment {
    ServerId server;
    Epoch epoch;
    bool taken = false, ended = false;
  };
  /// Who calls: a server, by its row and epoch.
  struct Caller {
    ServerId server;
    Epoch epoch;
  };

  explicit ModelDatabase(World& world);

  Result<Json> answer(const Caller& caller, const sessiond::DatabaseRequest& request);

  // What agents and the DBA do.
  AccountId add_account(const std::string& name, const std::string& password, const std::string& kind,
                        const std::string& key);
  void rotate_keys();
  /// A row for a server, to be started.
  ServerId add_server(const std::string& role, const std::string& kind, const std::string& key,
                      const Address& public_at, const Address& private_at);
  void server_ready(ServerId server);
  /// Its process is gone. `replaced`: another row takes its place; else it is to be started again under a new epoch.
  void server_exited(ServerId server, bool died, bool replaced);
  void kick(SessionId session);
  void tick();

  const Server& server(ServerId id) const { return servers_.at(id); }
  const std::map<SessionId, Session>& sessions() const { return sessions_; }
  const Session* session(SessionId id) const;
  const Attachment* attachment(SessionId id) const;
  /// Whom a session was given to under this epoch, as owner or as an attachment; nobody: no such grant was ever made.
  std::optional<ServerId> granted_to(SessionId session, Epoch epoch) const;
  /// What the session's owner under this epoch was given of its character.
  Json granted_state(SessionId session, Epoch epoch) const;
  /// Those that login servers accept, newest first.
  const std::vector<Key32>& static_keys() const { return static_keys_; }
  const Json& settings() const { return settings_; }
  void set(const std::string& name, std::int64_t value) { settings_[name] = value; }
  void limit(double part) { limited_ = part; }
  /// So many hand-offs in one are told that the target is full.
  void refuse_hands(double part) { refused_hands_ = part; }

  /// A message to a server, by way of its agent.
  std::function<void(ServerId, Json)> tell;
  /// A hand-off or an adoption has come so far.
  std::function<void(const char* step, SessionId)> on_step = [](const char*, SessionId) {};

 private:
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
  void grant(SessionId session, Epoch epoch, ServerId server);
  /// Ends it; its owner has to be told when it `knows_not`.
  void end(Session& session, const std::string& reason, bool knows_not);
  Session* live_session(AccountId account);
  Key32 random_key();

  World& world_;
  Json settings_;
  std::vector<Key32> static_keys_;  // newest first
  std::uint64_t keys_version_ = 1;
  std::map<AccountId, Account> accounts_;
  std::map<std::string, AccountId> devices_;  // by public key in hex
  std::map<ServerId, Server> servers_;
  std::map<SessionId, Session> sessions_;
  std::map<SessionId, Attachment> attachments_;
  orrery::test::ChatModel chat_;
  std::set<std::string> chat_texts_;
  std::map<std::pair<SessionId, Epoch>, ServerId> grants_;
  std::map<std::pair<SessionId, Epoch>, Json> granted_states_;
  std::uint64_t last_epoch_ = 0, last_server_ = 0, last_session_ = 100, last_account_ = 0;
  double refused_hands_ = 0;
  double limited_ = 0;  // so many attempts in one are told to wait
};

}  // namespace orrery::wire_sim
