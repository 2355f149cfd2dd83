#include "wire_sim/model_database.h"

#include <algorithm>

#include "wire_sim/protocol.h"

namespace orrery::wire_sim {
namespace {

constexpr Duration orphaned_for = 20s;
/// A server that lives and does not release a session within so long is overruled.
constexpr Duration release_for = 5s;
constexpr std::size_t entries_max = 200, keys_max = 4;

Error refusal(const char* code, std::string message) { return Error{std::move(message), code}; }

std::uint64_t number(const Json& row, const char* member) { return row.at(member).get<std::uint64_t>(); }

/// Answers a batch entry by entry, under the references that the caller gave.
template <class Answer>
Result<Json> each(const Json& entries, Answer&& answer) {
  if (entries.size() > entries_max) throw Broken{"a call with more entries than it may have"};
  Json out = Json::array();
  for (const Json& entry : entries) {
    Result<Json> one = answer(entry);
    Json row =
        one ? *one : Json{{"error", {{"code", one.error().code}, {"message", one.error().message}, {"hint", ""}}}};
    row["ref"] = entry.at("ref");
    out.push_back(std::move(row));
  }
  return out;
}

Json hex_of(const std::vector<Key32>& keys) {
  Json out = Json::array();
  for (const Key32& key : keys) out.push_back(to_hex(key));
  return out;
}

}  // namespace

ModelDatabase::ModelDatabase(World& world) : Database(world) {
  settings_ = Json{{"keepalive_ms", 2500},   {"lapse_ms", 10000},   {"sync_ms", 3000},     {"login_timeout_ms", 30000},
                   {"ready_wait_ms", 20000}, {"hash_threads", 2},   {"hash_queue_max", 8}, {"zone_tick_hz", 10},
                   {"zone_visible", 40},     {"zone_view_m", 1000}, {"token_ms", 150000},  {"logins_max", 64}};
  rotate_keys();
}

Key32 ModelDatabase::random_key() {
  Key32 key;
  ProcessRandom(world_.chance.next()).fill(key);
  return key;
}

Result<Json> ModelDatabase::answer(const Caller& caller, const sessiond::DatabaseRequest& request) {
  const auto found = servers_.find(caller.server);
  if (found == servers_.end()) return refusal("OR004", "no such server");
  if (found->second.epoch != caller.epoch || found->second.state == ServerState::dead)
    return refusal("OR007", fmt::format("server {} is at another epoch", caller.server.value));
  return std::visit([&](const auto& asked) { return ask(found->second, asked); }, request);
}

// Calls of servers.

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::GetStartInfo&) {
  Json world{{"size_m", 2000}};
  if (me.kind == "grid") world["asteroids"] = {{"seed", 1}, {"ores", {"cobalt"}}};
  return Json{{"cluster", "dev"},
              {"kind", me.kind},
              {"key", me.key},
              {"role", me.role},
              {"settings", settings_},
              {"link_root", to_hex(me.link_root)},
              {"static_keys", me.role == "login" ? hex_of(static_keys_) : Json()},
              {"keys_version", keys_version_},
              {"world", world}};
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::GetKeys&) {
  if (me.role != "login") return refusal("OR010", "not a login server");
  return Json{{"version", keys_version_}, {"static_keys", hex_of(static_keys_)}};
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::PublishKeys& asked) {
  if (me.role != "login") return refusal("OR010", "not a login server");
  for (const Json& hex : asked.public_keys) {
    if (std::none_of(static_keys_.begin(), static_keys_.end(),
                     [&](const Key32& secret) { return hex == to_hex(protocol::public_of(secret)); }))
      throw Broken{fmt::format("server {} publishes a key that it was not given", me.id.value)};
  }
  return Json();
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::Sync& asked) {
  for (const Json& row : asked.taken) {
    const SessionId id{number(row, "session_id")};
    const Epoch epoch{number(row, "epoch")};
    const bool is_ended = row.value("ended", false);
    if (row.at("role") == "owner") {
      const auto it = sessions_.find(id);
      if (it == sessions_.end() || it->second.owner != me.id || it->second.epoch != epoch) continue;
      if ((it->second.state == SessionState::ended) == is_ended) it->second.taken = true;
    } else {
      const auto it = attachments_.find(id);
      if (it == attachments_.end() || it->second.server != me.id || it->second.epoch != epoch) continue;
      if (it->second.ended == is_ended) it->second.taken = true;
    }
  }
  Json arrivals = Json::array(), ended = Json::array(), release = Json::array();
  const auto arrive = [&](const Session& session, const char* role, Epoch epoch) {
    const Account& account = accounts_.at(session.account);
    arrivals.push_back(
        Json{{"session_id", session.id.value},
             {"epoch", epoch.value},
             {"role", role},
             {"key", to_hex(protocol::session_key(session.root, session.id.value, me.id.value, epoch.value))},
             {"account_id", account.id.value},
             {"character_id", account.character.value},
             {"name", account.name},
             {"state", std::string(role) == "owner" ? account.state : Json::object()}});
  };
  const auto end = [&](const Session& session, const char* role, Epoch epoch) {
    ended.push_back(
        Json{{"session_id", session.id.value}, {"epoch", epoch.value}, {"role", role}, {"reason", session.reason}});
  };
  for (auto& [id, session] : sessions_) {
    if (session.owner == me.id && session.release_at && session.state != SessionState::ended)
      release.push_back(Json{{"session_id", id.value}, {"epoch", session.epoch.value}, {"reason", "superseded"}});
    if (session.owner == me.id && !session.taken) {
      if (session.state == SessionState::playing) arrive(session, "owner", session.epoch);
      if (session.state == SessionState::ended) end(session, "owner", session.epoch);
    }
    const auto attached = attachments_.find(id);
    if (attached == attachments_.end() || attached->second.server != me.id || attached->second.taken) continue;
    if (attached->second.ended) {
      end(session, "chat", attached->second.epoch);
    } else if (session.state != SessionState::ended) {
      arrive(session, "chat", attached->second.epoch);
    }
  }
  Json out{{"arrivals", arrivals}, {"ended", ended}, {"release", release}};
  if (me.role == "login") out["keys_version"] = keys_version_;
  return out;
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::EndSessions& asked) {
  for (const Json& row : asked.ends) {
    Session* session = find_owned(me, SessionId{number(row, "session_id")}, Epoch{number(row, "epoch")});
    if (session == nullptr) continue;
    if (row.at("state").is_object()) accounts_.at(session->account).state = row.at("state");
    end(*session, row.at("reason").get<std::string>(), false);
  }
  return Json();
}

// Logins.

Result<Json> ModelDatabase::ask(const Server&, const sessiond::BeginLogins& asked) {
  return each(asked.attempts, [&](const Json& attempt) { return begin(attempt); });
}

Result<Json> ModelDatabase::begin(const Json& attempt) {
  if (world_.chance.happens(limited_)) return Json{{"wait_ms", 200 + world_.chance.below(1500)}};
  Json out{{"account_id", nullptr}, {"password_hash", nullptr}, {"device_id", nullptr}};
  if (const auto key = attempt.find("device_key"); key != attempt.end()) {
    const auto device = devices_.find(key->get<std::string>());
    if (device == devices_.end() || accounts_.at(device->second).name != attempt.value("name", "")) return out;
    out["account_id"] = device->second.value;
    out["device_id"] = device->second.value;
    return out;
  }
  for (const auto& [id, account] : accounts_) {
    if (account.name != attempt.at("name")) continue;
    out["account_id"] = id.value;
    out["password_hash"] = account.password_hash;
  }
  return out;
}

Result<Json> ModelDatabase::ask(const Server&, const sessiond::SetPassword&) { return Json(); }

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::EnrolDevice& asked) {
  const Session* session = find_owned(me, asked.session, asked.epoch);
  if (session == nullptr) return refusal("OR007", "the session is not this server's any more");
  if (!devices_.emplace(asked.public_key_hex, session->account).second) return refusal("OR008", "the key is known");
  return Json{{"device_id", session->account.value}};
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::ForgetDevice& asked) {
  const Session* session = find_owned(me, asked.session, asked.epoch);
  if (session == nullptr) return refusal("OR007", "the session is not this server's any more");
  devices_.erase(asked.public_key_hex);
  return Json();
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::OpenSessions& asked) {
  return each(asked.opens, [&](const Json& one) { return open(me, one); });
}

Result<Json> ModelDatabase::open(const Server& me, const Json& asked) {
  const auto account = accounts_.find(AccountId{number(asked, "account_id")});
  if (account == accounts_.end()) return refusal("OR001", "no such account");
  if (Session* live = live_session(account->first)) {
    const bool is_overdue = live->release_at && world_.now() - *live->release_at >= release_for &&
                            servers_.at(live->owner).state == ServerState::ready;
    if (live->state == SessionState::playing && !is_overdue) {
      if (!live->release_at) live->release_at = world_.now();
      live->awaited_by.insert(me.id);
      tell(live->owner, Json{{"tell", "sync"}});
      return Json{{"status", "superseding"}};
    }
    end(*live, "superseded", live->state != SessionState::orphaned);
  }
  Session session;
  session.id = SessionId{++last_session_};
  session.account = account->first;
  session.owner = me.id;
  session.epoch = next_epoch();
  session.root = random_key();
  session.state_at = world_.now();
  const Duration life = std::chrono::milliseconds{settings_.at("token_ms").get<std::int64_t>()};
  session.token_expires_at = world_.now() + life;
  grant(session.id, "owner", session.epoch, me.id);
  sessions_[session.id] = session;
  const Account& who = account->second;
  return Json{{"session_id", session.id.value},
              {"epoch", session.epoch.value},
              {"root", to_hex(session.root)},
              {"token_expires_in_ms", life / 1ms},
              {"characters", Json::array({Json{{"character_id", who.character.value},
                                               {"name", who.name},
                                               {"kind", who.kind},
                                               {"key", who.key},
                                               {"details", Json::object()}}})}};
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::SelectSessions& asked) {
  return each(asked.selects, [&](const Json& one) { return select(me, one); });
}

Result<Json> ModelDatabase::select(const Server& me, const Json& asked) {
  const Epoch epoch{number(asked, "epoch")};
  const auto found = sessions_.find(SessionId{number(asked, "session_id")});
  if (found == sessions_.end()) return refusal("OR007", "no such session");
  Session& session = found->second;
  const Account& account = accounts_.at(session.account);
  if (session.state == SessionState::playing && session.from == std::pair(me.id, epoch)) return targets(me, session);
  if (session.state == SessionState::ended || session.owner != me.id || session.epoch != epoch)
    return refusal("OR007", "the session is not this server's any more");
  if (account.character.value != number(asked, "character_id"))
    return refusal("OR001", "no such character of this account");
  const Server* owner = find_server("zone", account.kind, account.key);
  if (owner == nullptr || owner->state != ServerState::ready) {
    session.state = SessionState::waiting;
    return Json{{"status", "waiting"}, {"reason", fmt::format("{} {} is starting", account.kind, account.key)}};
  }
  session.from = {me.id, epoch};
  move(session, *owner);
  attach_chat(session);
  return targets(me, session);
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::HandOffSessions& asked) {
  return each(asked.hands, [&](const Json& one) { return hand_off(me, one); });
}

Result<Json> ModelDatabase::hand_off(const Server& me, const Json& asked) {
  const Epoch epoch{number(asked, "epoch")};
  const auto found = sessions_.find(SessionId{number(asked, "session_id")});
  if (found == sessions_.end()) return refusal("OR007", "no such session");
  Session& session = found->second;
  Account& account = accounts_.at(session.account);
  if (session.state == SessionState::playing && session.from == std::pair(me.id, epoch)) {
    world_.count("hand-offs asked again");
    return targets(me, session);
  }
  if (session.state != SessionState::playing || session.owner != me.id || session.epoch != epoch || session.release_at)
    return refusal("OR007", "the session is not this server's any more");
  const std::string kind = asked.at("kind").get<std::string>(), key = asked.at("key").get<std::string>();
  if (kind == account.kind && key == account.key) return refusal("OR003", "it is there");
  const Server* to = find_server("zone", kind, key);
  if (to == nullptr) return refusal("OR001", "no such place");
  if (to->state != ServerState::ready) {
    world_.count("hand-offs that wait");
    return Json{{"status", "waiting"}, {"reason", "it is starting"}};
  }
  if (!asked.contains("state")) return Json{{"status", "open"}};
  if (world_.chance.happens(refused_hands_)) {
    world_.count("hand-offs refused");
    return refusal("OR006", "it is full");
  }
  account.kind = kind;
  account.key = key;
  account.state = asked.at("state");
  session.from = {me.id, epoch};
  move(session, *to);
  if (const auto chat = attachments_.find(session.id); chat != attachments_.end() && !chat->second.ended)
    chat->second.taken = false;
  world_.count("hand-offs");
  on_step("committed", session.id);
  return targets(me, session);
}

void ModelDatabase::move(Session& session, const Server& to) {
  session.owner = to.id;
  session.epoch = next_epoch();
  session.state = SessionState::playing;
  session.state_at = world_.now();
  session.taken = false;
  grant(session.id, "owner", session.epoch, to.id);
  grant_state(session.id, session.epoch, accounts_.at(session.account).state);
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::RunCommands& asked) {
  return each(asked.commands, [&](const Json& command) -> Result<Json> {
    const SessionId id{number(command, "session_id")};
    const Session* session = find_owned(me, id, Epoch{number(command, "epoch")});
    if (session == nullptr || session->state != SessionState::playing)
      return refusal("OR007", "the session is not this server's any more");
    const auto [known, is_new] = commands_.try_emplace({id, number(command, "id")}, Json{{"result", Json::object()}});
    if (is_new) ++orders_[number(command.at("args"), "units")];
    return known->second;
  });
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::Checkpoint& asked) {
  for (const Json& row : asked.sessions) {
    Session* session = find_owned(me, SessionId{number(row, "session_id")}, Epoch{number(row, "epoch")});
    if (session != nullptr) accounts_.at(session->account).state = row.at("state");
  }
  return Json();
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::RenewSessions& asked) {
  Json out = Json::array();
  for (const Json& entry : asked.renewals) {
    Session* session = find_owned(me, SessionId{number(entry, "session_id")}, Epoch{number(entry, "epoch")});
    if (session == nullptr || session->release_at || session->token_expires_at <= world_.now()) continue;
    const Duration life = std::chrono::milliseconds{settings_.at("token_ms").get<std::int64_t>()};
    session->token_expires_at = world_.now() + life;
    out.push_back(Json{{"session_id", entry.at("session_id")}, {"expires_in_ms", life / 1ms}});
    world_.count("tokens renewed");
  }
  return out;
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::ResolveSessions& asked) {
  return each(asked.resolves, [&](const Json& one) { return resolve(me, one); });
}

Result<Json> ModelDatabase::resolve(const Server& me, const Json& asked) {
  // One is charged once, however often it is asked again.
  if (!asked.value("again", false) && world_.chance.happens(limited_))
    return Json{{"wait_ms", 200 + world_.chance.below(1500)}};
  const auto ended = [](const std::string& reason) { return Json{{"status", "ended"}, {"reason", reason}}; };
  const auto found = sessions_.find(SessionId{number(asked, "session_id")});
  if (found == sessions_.end()) return ended("unknown");
  Session& session = found->second;
  const auto hash = from_hex(asked.at("handshake_hash").get<std::string>());
  const Key32 kept = protocol::hmac(session.root, {as_bytes("orrery/1 resolve")});
  if (to_hex(protocol::hmac(kept, {*hash})) != asked.at("proof").get<std::string>()) return ended("unknown");
  if (session.state == SessionState::ended) {
    world_.count("ended sessions resolved");
    return ended(session.reason);
  }
  world_.count("sessions resolved");
  if (session.release_at) return ended("superseded");
  if (session.token_expires_at <= world_.now()) return ended("token expired");
  if (session.state == SessionState::selecting) return ended("login not finished");
  if (session.state == SessionState::orphaned) {
    const Account& account = accounts_.at(session.account);
    const Server* replacement = find_server("zone", account.kind, account.key);
    if (replacement != nullptr && replacement->state == ServerState::ready) adopt(session, *replacement);
  }
  if (session.state != SessionState::playing) return Json{{"status", "waiting"}, {"reason", "its server is starting"}};
  attach_chat(session);
  on_step("resolved", session.id);
  return targets(me, session);
}

void ModelDatabase::adopt(Session& session, const Server& replacement) {
  session.from = {};
  move(session, replacement);
  tell(replacement.id, Json{{"tell", "sync"}});
  world_.count("sessions adopted");
  on_step("adopted", session.id);
}

// What agents and the DBA do.

void ModelDatabase::add_account(const std::string& name, const std::string& password, const std::string& kind,
                                const std::string& key) {
  const AccountId id{++last_account_};
  accounts_[id] = Account{id, name, password_hash(password), CharacterId{1000 + id.value}, kind, key};
}

/// A new key, newest first. None is retired: clients go on with those that they know.
void ModelDatabase::rotate_keys() {
  if (static_keys_.size() >= keys_max) return;
  static_keys_.insert(static_keys_.begin(), random_key());
  ++keys_version_;
}

ServerId ModelDatabase::add_server(const std::string& role, const std::string& kind, const std::string& key) {
  const ServerId id{++last_server_};
  const auto number = static_cast<std::uint16_t>(last_server_);
  servers_[id] = Server{
      {id, next_epoch(), role, kind, key, *Address::parse("192.0.2.1", static_cast<std::uint16_t>(7000 + number)),
       *Address::parse("10.0.0.1", static_cast<std::uint16_t>(8000 + number))},
      ServerState::starting,
      random_key()};
  start_in(id, 0ms);
  return id;
}

void ModelDatabase::start_in(ServerId id, Duration wait) {
  world_.timeline.in(wait, [this, id] { start(id); });
}

void ModelDatabase::server_ready(ServerId id) {
  Server& server = servers_.at(id);
  if (server.state != ServerState::starting) return;
  server.state = ServerState::ready;
  for (const auto& [other, login] : servers_) {
    if (login.role == "login" && login.state == ServerState::ready && server.role == "zone")
      tell(other, Json{{"tell", "ready"}, {"kind", server.kind}, {"key", server.key}});
  }
  if (server.role != "zone") return;
  for (auto& [session_id, session] : sessions_) {
    const Account& account = accounts_.at(session.account);
    if (session.state == SessionState::orphaned && account.kind == server.kind && account.key == server.key &&
        session.token_expires_at > world_.now())
      adopt(session, server);
  }
}

void ModelDatabase::server_exited(ServerId id, bool died) {
  Server& server = servers_.at(id);
  for (auto& [session_id, session] : sessions_) {
    if (session.owner != id) continue;
    if (session.state == SessionState::ended) {
      session.taken = true;
    } else if (died && (session.state == SessionState::playing || session.state == SessionState::orphaned)) {
      session.state = SessionState::orphaned;
      session.state_at = world_.now();
      on_step("orphaned", session_id);
    } else {
      end(session, died ? "lapse" : "shutdown", false);
    }
  }
  for (auto& [session_id, attachment] : attachments_) {
    if (attachment.server == id) attachment.taken = attachment.ended;
  }
  // Another row takes its place, or it is started again under a new epoch.
  const bool is_replaced = server.role != "chat" && world_.chance.happens(0.4);
  server.state = is_replaced ? ServerState::dead : ServerState::starting;
  server.epoch = next_epoch();
  const Duration wait = world_.chance.scale(20ms, 2s);
  if (!is_replaced) return start_in(id, wait);
  const ServerId next{++last_server_};
  servers_[next] =
      Server{{next, next_epoch(), server.role, server.kind, server.key, server.public_at, server.private_at},
             ServerState::starting,
             random_key()};
  start_in(next, wait);
}

void ModelDatabase::kick(SessionId id) {
  Session& session = sessions_.at(id);
  if (session.state == SessionState::ended) return;
  end(session, "kicked", true);
}

void ModelDatabase::tick() {
  for (auto& [id, session] : sessions_) {
    if (session.state == SessionState::orphaned && world_.now() - session.state_at >= orphaned_for)
      end(session, "lapse", false);
    if (session.state != SessionState::ended && session.token_expires_at <= world_.now())
      end(session, "token expired", true);
  }
}

// Chat.

std::optional<orrery::test::ChatModel::Who> ModelDatabase::chatter(const Server& me, const Json& entry) const {
  const SessionId id{number(entry, "session_id")};
  const Attachment* attached = attachment(id);
  if (attached == nullptr || attached->ended || attached->server != me.id ||
      attached->epoch.value != number(entry, "epoch"))
    return std::nullopt;
  const Account& account = accounts_.at(sessions_.at(id).account);
  return orrery::test::ChatModel::Who{account.character.value, account.name, account.kind + " " + account.key};
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::AskChannels& asked) {
  return each(asked.sessions, [&](const Json& entry) -> Result<Json> {
    const auto who = chatter(me, entry);
    if (!who) return refusal("OR007", "not attached here");
    return chat_.channels(*who);
  });
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::JoinChannels& asked) {
  return each(asked.joins, [&](const Json& entry) -> Result<Json> {
    const auto who = chatter(me, entry);
    if (!who) return refusal("OR007", "not attached here");
    return chat_.join(*who, entry.at("name").get<std::string>(), entry.at("create").get<bool>());
  });
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::LeaveChannels& asked) {
  return each(asked.leaves, [&](const Json& entry) -> Result<Json> {
    const auto who = chatter(me, entry);
    if (!who) return refusal("OR007", "not attached here");
    return chat_.leave(*who, number(entry, "channel_id"));
  });
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::SayChat& asked) {
  return each(asked.messages, [&](const Json& entry) -> Result<Json> {
    const auto who = chatter(me, entry);
    if (!who) return refusal("OR007", "not attached here");
    const auto count = [this] { return chat_.find("cluster", "dev").messages.size(); };
    const std::size_t before = count();
    Json answer = chat_.say(*who, number(entry, "session_id"), entry);
    world_.count(count() == before ? "chat: said again" : "chat: said");
    // Texts tell who said them, and as which of his.
    if (count() != before && !chat_texts_.insert(entry.at("text").get<std::string>()).second)
      throw Broken{"said twice in chat: " + entry.at("text").get<std::string>().substr(0, 40)};
    return answer;
  });
}

Result<Json> ModelDatabase::ask(const Server&, const sessiond::ReadChat& asked) {
  return each(asked.after, [&](const Json& entry) -> Result<Json> { return chat_.read(entry); });
}

Result<Json> ModelDatabase::ask(const Server& me, const sessiond::GetChatPeers&) {
  Json peers = Json::array();
  for (const Server* other : chat_servers())
    if (other->id != me.id) peers.push_back(target(me, other->id, Epoch{}));
  return peers;
}

std::vector<const ModelDatabase::Server*> ModelDatabase::chat_servers() const {
  std::vector<const Server*> ready;
  for (const auto& [id, server] : servers_)
    if (server.role == "chat" && server.state == ServerState::ready) ready.push_back(&server);
  return ready;
}

void ModelDatabase::attach_chat(const Session& session) {
  const auto ready = chat_servers();
  const Attachment* has = attachment(session.id);
  // One that starts may have heard of the session already.
  if (ready.empty() || (has && !has->ended && servers_.at(has->server).state != ServerState::dead)) return;
  const Server& chat = *ready[session.id.value % ready.size()];
  if (has) world_.count("chat: given to another server, or anew");
  attachments_[session.id] = Attachment{chat.id, next_epoch()};
  grant(session.id, "chat", attachments_[session.id].epoch, chat.id);
  tell(chat.id, Json{{"tell", "sync"}});
}

// Inside.

ModelDatabase::Session* ModelDatabase::find_owned(const Server& me, SessionId id, Epoch epoch) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second.owner != me.id || found->second.epoch != epoch) return nullptr;
  return found->second.state == SessionState::ended ? nullptr : &found->second;
}

const Database::Session* ModelDatabase::session(SessionId id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

std::vector<const Database::Session*> ModelDatabase::sessions() const {
  std::vector<const Database::Session*> all;
  for (const auto& [id, session] : sessions_) all.push_back(&session);
  return all;
}

const Database::Attachment* ModelDatabase::attachment(SessionId id) const {
  const auto found = attachments_.find(id);
  return found == attachments_.end() ? nullptr : &found->second;
}

const ModelDatabase::Server* ModelDatabase::find_server(const std::string& role, const std::string& kind,
                                                        const std::string& key) const {
  for (const auto& [id, server] : servers_) {
    if (server.role == role && server.kind == kind && server.key == key && server.state != ServerState::dead)
      return &server;
  }
  return nullptr;
}

Json ModelDatabase::target(const Server& source, ServerId id, Epoch epoch) const {
  const Server& to = servers_.at(id);
  const Key32 link = protocol::hmac(to.link_root, {big_endian(source.id.value), big_endian(source.epoch.value)});
  return Json{{"server_id", id.value},
              {"server_epoch", to.epoch.value},
              {"kind", to.kind},
              {"key", to.key},
              {"epoch", epoch.value},
              {"public_host", to.public_at.host()},
              {"public_port", to.public_at.port},
              {"private_host", to.private_at.host()},
              {"private_port", to.private_at.port},
              {"link_key", to_hex(link)}};
}

Json ModelDatabase::targets(const Server& source, const Session& session) const {
  const Attachment* chat = attachment(session.id);
  return Json{{"status", "ready"},
              {"owner", target(source, session.owner, session.epoch)},
              {"chat", chat && !chat->ended && servers_.at(chat->server).state == ServerState::ready
                           ? target(source, chat->server, chat->epoch)
                           : Json()}};
}

void ModelDatabase::end(Session& session, const std::string& reason, bool knows_not) {
  const Server& owner = servers_.at(session.owner);
  session.state = SessionState::ended;
  session.state_at = world_.now();
  session.reason = reason;
  session.taken = !knows_not || owner.state == ServerState::dead;
  if (const auto found = attachments_.find(session.id); found != attachments_.end() && !found->second.ended) {
    found->second.ended = true;
    found->second.taken = servers_.at(found->second.server).state == ServerState::dead;
  }
  if (!session.taken) tell(session.owner, Json{{"tell", "sync"}});
  for (const ServerId login : session.awaited_by)
    tell(login, Json{{"tell", "released"}, {"account_id", session.account.value}});
  session.awaited_by.clear();
}

ModelDatabase::Session* ModelDatabase::live_session(AccountId account) {
  for (auto& [id, session] : sessions_) {
    if (session.account == account && session.state != SessionState::ended) return &session;
  }
  return nullptr;
}

}  // namespace orrery::wire_sim
