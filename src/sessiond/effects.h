// What cores ask of the loop that drives them. The loop answers with SessionHost::on_… calls; tests script the answers.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>

#include "base/address.h"
#include "base/bytes.h"
#include "base/ids.h"

namespace orrery::sessiond {

using Json = nlohmann::json;
/// JSON as text; never throws: what is no UTF-8 is replaced.
inline std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }
/// A member's text; empty when there is none.
inline std::string text_of(const Json& object, const char* member) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The calls of docs/control.md, Server → database.
struct GetStartInfo {};
struct GetKeys {};
struct PublishKeys {
  Json public_keys;
};
struct Sync {
  Json taken;
  std::optional<std::uint64_t> news_after{};  // role zone: the number of the last news of its world that it has
};
struct EndSessions {
  Json ends;
};
// Of many logins at once: arrays of entries, each answered by itself.
struct BeginLogins {
  Json attempts;
};
struct OpenSessions {
  Json opens;
};
struct SelectSessions {
  Json selects;
};
struct RenewSessions {
  Json renewals;
};
struct ResolveSessions {
  Json resolves;
};
struct HandOffSessions {
  Json hands;
};
struct RunCommands {
  Json commands;
};
/// What a zone's replacement begins with. `world` null: as it was.
struct Checkpoint {
  Json world, sessions;
};
// Role chat, of many sessions at once.
struct AskChannels {
  Json sessions;
};
struct JoinChannels {
  Json joins;
};
struct LeaveChannels {
  Json leaves;
};
struct SayChat {
  Json messages;
};
struct ReadChat {
  Json after;
};
// Rare ones, one by one.
struct GetChatPeers {};
struct SetPassword {
  std::string name, one_time_code, password_hash, client_address;
};
struct EnrolDevice {
  SessionId session;
  Epoch epoch;
  std::string public_key_hex, name;
};
struct ForgetDevice {
  SessionId session;
  Epoch epoch;
  std::string public_key_hex;
};
using DatabaseRequest =
    std::variant<GetStartInfo, GetKeys, PublishKeys, Sync, EndSessions, BeginLogins, OpenSessions, SelectSessions,
                 RenewSessions, ResolveSessions, HandOffSessions, RunCommands, Checkpoint, AskChannels, JoinChannels,
                 LeaveChannels, SayChat, ReadChat, GetChatPeers, SetPassword, EnrolDevice, ForgetDevice>;

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
