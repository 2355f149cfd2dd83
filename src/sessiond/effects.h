// What cores ask of the loop that drives them. The loop answers with SessionHost::on_… calls; tests script the answers.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <variant>

#include "base/address.h"
#include "base/bytes.h"
#include "base/ids.h"

namespace orrery::sessiond {

using Json = nlohmann::json;
/// JSON as text; never throws: what is no UTF-8 is replaced.
inline std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// The calls of docs/control.md, Server → database.
struct GetStartInfo {};
struct PublishKey {
  std::string public_key_hex;
};
struct Sync {
  Json taken;
};
struct GetCredential {
  std::string name;
};
struct SetPassword {
  std::string name, one_time_code, password_hash;
};
struct OpenSession {
  AccountId account;
  std::string client_address;
};
struct SelectSession {
  SessionId session;
  Epoch epoch;
  CharacterId character;
};
struct EndSessions {
  Json ends;
};
using DatabaseRequest =
    std::variant<GetStartInfo, PublishKey, Sync, GetCredential, SetPassword, OpenSession, SelectSession, EndSessions>;

using CallId = Id<struct CallTag>;
/// To be answered by exactly one on_database_answer(id, …).
struct DatabaseCall {
  CallId id;
  DatabaseRequest request;
};

using HashId = Id<struct HashTag>;
/// Password hashing off the loop: with a `hash`, is `password` its password? With none, hash `password`.
/// To be answered by exactly one on_hash_done.
struct HashJob {
  HashId id;
  std::string password;
  std::string hash;
};
struct HashDone {
  HashId id;
  bool verified = false;  // of a verification
  std::string hash{};     // made; empty when there was no memory for it
};

/// A sealed datagram to another server, by the private socket.
struct LinkSend {
  Address to;
  Bytes bytes;
};
/// JSON to the agent, by its local socket; may be lost.
struct AgentSend {
  std::string text;
};
/// Everything is up: READY=1.
struct ServerReady {};
/// The server goes down: STOPPING=1.
struct Stopping {};
/// Nothing is left to do: leave the loop with this exit status, after what poll_transmit still gives. `why`: in words,
/// for the agent's report (STATUS=); empty when all is well.
struct Exit {
  int code = 0;
  std::string why{};
};
using Effect = std::variant<DatabaseCall, HashJob, LinkSend, AgentSend, ServerReady, Stopping, Exit>;

inline constexpr int exit_usage = 2;    // the spawn contract was not kept
inline constexpr int exit_refused = 3;  // the database does not know this server (any more)
inline constexpr int exit_lease = 4;    // the lease passed with nothing newer

}  // namespace orrery::sessiond
