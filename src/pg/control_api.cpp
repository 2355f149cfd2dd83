#include "pg/control_api.h"

namespace orrery::pg {
namespace {

std::string text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

template <class Tag>
std::string text(Id<Tag> id) {
  return std::to_string(id.value);
}

void call(PgSocket& socket, const char* sql, Params params, Answer answer) {
  socket.query(sql, std::move(params), [answer = std::move(answer)](Result<Rows> rows) {
    if (!rows) return answer(rows.error());
    if (rows->empty() || rows->front().empty() || !rows->front().front()) return answer(Json(nullptr));
    const std::string& value = *rows->front().front();
    if (value.empty()) return answer(Json(nullptr));  // void
    Json json = Json::parse(value, nullptr, false);
    if (json.is_discarded()) {
      // Not its text: answers hold secrets.
      return answer(Error{"the database's answer of " + std::to_string(value.size()) + " bytes is not JSON", "json"});
    }
    answer(std::move(json));
  });
}

// Parameters that begin every call of a session server.
Params me(const ServerIdentity& self, Params rest = {}) {
  Params params{text(self.server), text(self.epoch), self.token};
  params.insert(params.end(), rest.begin(), rest.end());
  return params;
}

}  // namespace

void AgentApi::listen(Answer answer) { call(socket_, "listen orrery_doorbell", {}, std::move(answer)); }

void AgentApi::unlisten(Answer answer) { call(socket_, "unlisten orrery_doorbell", {}, std::move(answer)); }

void AgentApi::agent_register(const std::string& name, const std::string& identity, const Json& machine,
                              Answer answer) {
  call(socket_, "select orrery.agent_register($1::text, $2::text, $3::jsonb)", {name, identity, text(machine)},
       std::move(answer));
}

void AgentApi::agent_heartbeat(AgentId agent, const std::string& token, const Json& load, const std::string& digest,
                               const Json& inventory, Answer answer) {
  call(socket_, "select orrery.agent_heartbeat($1::bigint, $2::text, $3::jsonb, $4::text, $5::jsonb)",
       {text(agent), token, text(load), digest,
        inventory.is_null() ? std::nullopt : std::optional<std::string>(text(inventory))},
       std::move(answer));
}

void AgentApi::agent_report(AgentId agent, const std::string& token, const Json& reports, Answer answer) {
  call(socket_, "select orrery.agent_report($1::bigint, $2::text, $3::jsonb)", {text(agent), token, text(reports)},
       std::move(answer));
}

void SessionApi::server_start_info(Answer answer) {
  call(socket_, "select orrery.server_start_info($1::bigint, $2::bigint, $3::text)", me(self_), std::move(answer));
}

void SessionApi::cluster_keys(Answer answer) {
  call(socket_, "select orrery.cluster_keys($1::bigint, $2::bigint, $3::text)", me(self_), std::move(answer));
}

void SessionApi::cluster_key_publish(const Json& public_keys, Answer answer) {
  call(socket_, "select orrery.cluster_key_publish($1::bigint, $2::bigint, $3::text, $4::jsonb)",
       me(self_, {text(public_keys)}), std::move(answer));
}

void SessionApi::server_sync(const Json& taken, std::optional<std::uint64_t> news_after, Answer answer) {
  call(socket_, "select orrery.server_sync($1::bigint, $2::bigint, $3::text, $4::jsonb, $5::bigint)",
       me(self_, {text(taken), news_after ? std::optional(std::to_string(*news_after)) : std::nullopt}),
       std::move(answer));
}

void SessionApi::session_end(const Json& ends, Answer answer) {
  call(socket_, "select orrery.session_end($1::bigint, $2::bigint, $3::text, $4::jsonb)", me(self_, {text(ends)}),
       std::move(answer));
}

void SessionApi::login_begin(const Json& attempts, Answer answer) {
  call(socket_, "select orrery.login_begin($1::bigint, $2::bigint, $3::text, $4::jsonb)", me(self_, {text(attempts)}),
       std::move(answer));
}

void SessionApi::session_open(const Json& opens, Answer answer) {
  call(socket_, "select orrery.session_open($1::bigint, $2::bigint, $3::text, $4::jsonb)", me(self_, {text(opens)}),
       std::move(answer));
}

void SessionApi::session_select(const Json& selects, Answer answer) {
  call(socket_, "select orrery.session_select($1::bigint, $2::bigint, $3::text, $4::jsonb)", me(self_, {text(selects)}),
       std::move(answer));
}

void SessionApi::session_renew(const Json& renewals, Answer answer) {
  call(socket_, "select orrery.session_renew($1::bigint, $2::bigint, $3::text, $4::jsonb)", me(self_, {text(renewals)}),
       std::move(answer));
}

void SessionApi::session_resolve(const Json& resolves, Answer answer) {
  call(socket_, "select orrery.session_resolve($1::bigint, $2::bigint, $3::text, $4::jsonb)",
       me(self_, {text(resolves)}), std::move(answer));
}

void SessionApi::session_hand_off(const Json& hands, Answer answer) {
  call(socket_, "select orrery.session_hand_off($1::bigint, $2::bigint, $3::text, $4::jsonb)", me(self_, {text(hands)}),
       std::move(answer));
}

void SessionApi::session_command(const Json& commands, Answer answer) {
  call(socket_, "select orrery.session_command($1::bigint, $2::bigint, $3::text, $4::jsonb)",
       me(self_, {text(commands)}), std::move(answer));
}

void SessionApi::server_checkpoint(const Json& world, const Json& sessions, Answer answer) {
  call(socket_, "select orrery.server_checkpoint($1::bigint, $2::bigint, $3::text, $4::jsonb, $5::jsonb)",
       me(self_, {world.is_null() ? std::nullopt : std::optional(text(world)), text(sessions)}), std::move(answer));
}

void SessionApi::chat_channels(const Json& sessions, Answer answer) {
  call(socket_, "select orrery.chat_channels($1::bigint, $2::bigint, $3::text, $4::jsonb)", me(self_, {text(sessions)}),
       std::move(answer));
}

void SessionApi::chat_join(const Json& joins, Answer answer) {
  call(socket_, "select orrery.chat_join($1::bigint, $2::bigint, $3::text, $4::jsonb)", me(self_, {text(joins)}),
       std::move(answer));
}

void SessionApi::chat_leave(const Json& leaves, Answer answer) {
  call(socket_, "select orrery.chat_leave($1::bigint, $2::bigint, $3::text, $4::jsonb)", me(self_, {text(leaves)}),
       std::move(answer));
}

void SessionApi::chat_say(const Json& messages, Answer answer) {
  call(socket_, "select orrery.chat_say($1::bigint, $2::bigint, $3::text, $4::jsonb)", me(self_, {text(messages)}),
       std::move(answer));
}

void SessionApi::chat_read(const Json& after, Answer answer) {
  call(socket_, "select orrery.chat_read($1::bigint, $2::bigint, $3::text, $4::jsonb)", me(self_, {text(after)}),
       std::move(answer));
}

void SessionApi::chat_peers(Answer answer) {
  call(socket_, "select orrery.chat_peers($1::bigint, $2::bigint, $3::text)", me(self_), std::move(answer));
}

void SessionApi::account_password_set(const std::string& name, const std::string& one_time_code,
                                      const std::string& password_hash, const std::string& client_address,
                                      Answer answer) {
  call(socket_,
       "select orrery.account_password_set($1::bigint, $2::bigint, $3::text, $4::text, $5::text, $6::text, $7::text)",
       me(self_, {name, one_time_code, password_hash, client_address}), std::move(answer));
}

void SessionApi::device_enrol(SessionId session, Epoch epoch, const std::string& public_key_hex,
                              const std::string& name, Answer answer) {
  call(socket_,
       "select orrery.device_enrol($1::bigint, $2::bigint, $3::text, $4::bigint, $5::bigint, $6::text, $7::text)",
       me(self_, {text(session), text(epoch), public_key_hex, name}), std::move(answer));
}

void SessionApi::device_forget(SessionId session, Epoch epoch, const std::string& public_key_hex, Answer answer) {
  call(socket_, "select orrery.device_forget($1::bigint, $2::bigint, $3::text, $4::bigint, $5::bigint, $6::text)",
       me(self_, {text(session), text(epoch), public_key_hex}), std::move(answer));
}

}  // namespace orrery::pg
