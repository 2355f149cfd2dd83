// The only daemon code that names SQL functions. Shapes of the JSON: docs/control.md.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "pg/pg_socket.h"

namespace orrery::pg {

using Json = nlohmann::json;
/// Answer of a call: the function's jsonb (null for void), or the error. Malformed JSON is an Error with code "json".
using Answer = std::function<void(Result<Json>)>;

/// What agents call.
class AgentApi {
 public:
  explicit AgentApi(PgSocket& socket) : socket_(socket) {}
  /// LISTEN orrery_doorbell on this connection.
  void listen(Answer answer);
  void unlisten(Answer answer);
  void agent_register(const std::string& name, const std::string& identity, const Json& machine, Answer answer);
  /// `inventory` null: not sent.
  void agent_heartbeat(AgentId agent, const std::string& token, const Json& load, const std::string& digest,
                       const Json& inventory, Answer answer);
  void agent_report(AgentId agent, const std::string& token, const Json& reports, Answer answer);

 private:
  PgSocket& socket_;
};

/// Who a session server is in every call it makes.
struct ServerIdentity {
  ServerId server;
  Epoch epoch;
  std::string token;
};

/// What session servers call.
class SessionApi {
 public:
  SessionApi(PgSocket& socket, ServerIdentity self) : socket_(socket), self_(std::move(self)) {}
  void server_start_info(Answer answer);
  void cluster_keys(Answer answer);
  /// `public_keys`: [hex…], those that this server accepts logins under.
  void cluster_key_publish(const Json& public_keys, Answer answer);
  /// `news_after`: the number of the last news of its world that a zone has.
  void server_sync(const Json& taken, std::optional<std::uint64_t> news_after, Answer answer);
  void session_end(const Json& ends, Answer answer);
  // Arrays of at most 200 entries; each is answered by itself.
  void login_begin(const Json& attempts, Answer answer);
  void session_open(const Json& opens, Answer answer);
  void session_select(const Json& selects, Answer answer);
  void session_renew(const Json& renewals, Answer answer);
  void session_resolve(const Json& resolves, Answer answer);
  void session_hand_off(const Json& hands, Answer answer);
  void session_command(const Json& commands, Answer answer);
  /// `world` null: it is as it was.
  void server_checkpoint(const Json& world, const Json& sessions, Answer answer);
  void chat_channels(const Json& sessions, Answer answer);
  void chat_join(const Json& joins, Answer answer);
  void chat_leave(const Json& leaves, Answer answer);
  void chat_say(const Json& messages, Answer answer);
  void chat_read(const Json& after, Answer answer);
  void chat_peers(Answer answer);
  void account_password_set(const std::string& name, const std::string& one_time_code, const std::string& password_hash,
                            const std::string& client_address, Answer answer);
  void device_enrol(SessionId session, Epoch epoch, const std::string& public_key_hex, const std::string& name,
                    Answer answer);
  void device_forget(SessionId session, Epoch epoch, const std::string& public_key_hex, Answer answer);

 private:
  PgSocket& socket_;
  ServerIdentity self_;
};

}  // namespace orrery::pg
