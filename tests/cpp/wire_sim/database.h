// What the simulation needs of a database: servers' calls, what agents and the DBA do, and a picture of it for the
// checkers. ModelDatabase is one in memory; tests/cpp/sql_wire_sim has the real one. Single-threaded; each call is one
// transaction, at one moment of virtual time.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sessiond/effects.h"
#include "wire_sim/world.h"

namespace orrery::wire_sim {

using sessiond::Json;

/// What is kept of a password.
inline std::string password_hash(const std::string& password) { return "$argon2id$sim:" + password; }

class Database {
 public:
  struct Server {
    ServerId id;
    Epoch epoch;
    std::string role, kind, key;
    Address public_at, private_at;
  };
  enum class SessionState { selecting, waiting, playing, orphaned, ended };
  struct Session {
    SessionId id;
    AccountId account;
    ServerId owner;
    Epoch epoch;
    SessionState state = SessionState::selecting;
    Key32 root{};
    std::pair<ServerId, Epoch> from;  // who handed it on
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

  explicit Database(World& world) : world_(world) {}
  virtual ~Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  virtual Result<Json> answer(const Caller& caller, const sessiond::DatabaseRequest& request) = 0;

  // What agents and the DBA do. While it is away agents keep what they have to say; nothing else is called then.
  virtual void set_away(bool) {}
  /// A player with one character, of the same name.
  virtual void add_account(const std::string& name, const std::string& password, const std::string& kind,
                           const std::string& key) = 0;
  virtual void rotate_keys() = 0;
  /// A server under this key, here from now on: `start` follows, and again each time that it is gone.
  virtual ServerId add_server(const std::string& role, const std::string& kind, const std::string& key) = 0;
  virtual void server_ready(ServerId server) = 0;
  /// Its process is gone, by itself or as it was told.
  virtual void server_exited(ServerId server, bool died) = 0;
  /// `stop` follows.
  virtual void stop_server(ServerId server) = 0;
  virtual void kick(SessionId session) = 0;
  virtual void tick() = 0;
  virtual void set(const std::string& setting, std::int64_t value) = 0;
  /// Some attempts to log in are told to wait.
  virtual void limit(bool) = 0;
  /// Some hand-offs are told that the target is full.
  virtual void refuse_hands(bool) = 0;

  virtual const Server& server(ServerId id) const = 0;
  virtual const Session* session(SessionId id) const = 0;
  virtual std::vector<const Session*> sessions() const = 0;
  virtual const Attachment* attachment(SessionId id) const = 0;
  /// How often an order of a player was carried out: see Player::order.
  virtual std::uint64_t carried_out(std::uint64_t order) = 0;
  /// Secrets of the keys that login servers accept, newest first.
  const std::vector<Key32>& static_keys() const { return static_keys_; }
  /// Whom a session was given to under this epoch, as owner or as an attachment; nobody: no such grant was ever made.
  std::optional<ServerId> granted_to(SessionId session, Epoch epoch) const;
  /// What the session's owner under this epoch was given of its character.
  Json granted_state(SessionId session, Epoch epoch) const;

  /// An agent is to start a server, under its epoch and at its addresses; to ask its process to stop; to hand it a
  /// message.
  std::function<void(ServerId)> start, stop;
  std::function<void(ServerId, Json)> tell;
  /// A hand-off or an adoption has come so far.
  std::function<void(const char* step, SessionId)> on_step = [](const char*, SessionId) {};

 protected:
  /// A session has this owner or attachment under this epoch: no other ever, nor a higher epoch before.
  void grant(SessionId session, const char* role, Epoch epoch, ServerId server);
  void grant_state(SessionId session, Epoch epoch, Json state) { granted_states_[{session, epoch}] = std::move(state); }

  World& world_;
  std::vector<Key32> static_keys_;

 private:
  std::map<std::pair<SessionId, Epoch>, ServerId> grants_;
  std::map<std::pair<SessionId, std::string>, Epoch> epochs_;  // the last
  std::map<std::pair<SessionId, Epoch>, Json> granted_states_;
};

}  // namespace orrery::wire_sim
