#include "sql_wire_sim/sql_database.h"

#include <algorithm>

#include "pg/control_api.h"
#include "sessiond/database_calls.h"

namespace orrery::wire_sim {
namespace {

using sim::Login;

constexpr Duration beat_each = 1s;
constexpr int sessions_max = 1000;

/// As the model has them; what is short is so for a minute to hold much of it.
const std::vector<std::pair<const char*, int>> settings{
    {"keepalive_ms", 2500},      {"lapse_ms", 10000},       {"sync_ms", 3000},
    {"login_timeout_ms", 30000}, {"ready_wait_ms", 20000},  {"hash_threads", 2},
    {"hash_queue_max", 8},       {"zone_tick_hz", 10},      {"zone_visible", 40},
    {"zone_view_m", 1000},       {"token_ms", 150000},      {"logins_max", 64},
    {"orphan_ms", 20000},        {"release_ms", 5000},      {"zone_checkpoint_ms", 3000},
    {"login_stale_ms", 45000},   {"start_backoff_ms", 200}, {"start_backoff_max_ms", 1000}};

constexpr const char* picture = R"(
  select json_build_object(
    'servers', (select json_agg(json_build_object('id', s.server_id, 'epoch', s.epoch, 'role', k.role, 'kind', s.kind, 'key', s.key,
        'public_host', s.public_host, 'public_port', s.public_port, 'private_host', s.private_host, 'private_port', s.private_port))
      from orrery.server s join orrery.server_kind k using (cluster, kind) where s.cluster = 'dev'),
    'sessions', (select json_agg(json_build_object('id', s.session_id, 'account', s.account_id, 'owner', s.server_id, 'epoch', s.epoch,
        'state', s.state, 'rule', s.rule, 'root', encode(x.root, 'hex'), 'payload', s.payload) order by s.session_id)
      from orrery.session s join orrery.session_secret x using (session_id) where s.cluster = 'dev'),
    'attachments', (select json_agg(json_build_object('session', a.session_id, 'server', a.server_id, 'epoch', a.epoch, 'taken', a.taken, 'ended', a.ended))
      from orrery.attachment a where a.cluster = 'dev' and a.role = 'chat'),
    'waits', exists (select from orrery.command c where c.cluster = 'dev' and c.state = 'pending'),
    'missing', (select json_agg(json_build_array(p.kind, p.key)) from orrery.placement p left join orrery.server s using (server_id)
      where p.cluster = 'dev' and coalesce(s.state in ('stopped', 'failed'), true))))";

std::uint64_t number(const Json& row, const char* member) { return row.at(member).get<std::uint64_t>(); }

Database::SessionState state_of(const std::string& word) {
  static const std::map<std::string, Database::SessionState> words{{"selecting", Database::SessionState::selecting},
                                                                   {"waiting", Database::SessionState::waiting},
                                                                   {"playing", Database::SessionState::playing},
                                                                   {"orphaned", Database::SessionState::orphaned},
                                                                   {"ended", Database::SessionState::ended}};
  return words.at(word);
}

template <class Each>
void each(const Json& list, Each&& what) {
  if (list.is_array()) std::for_each(list.begin(), list.end(), what);
}

}  // namespace

SqlDatabase::SqlDatabase(World& world) : Database(world), sql_("wire_sim"), base_(event_base_new(), event_base_free) {
  for (const auto& [name, value] : settings) set(name, value);
  const auto must = [this](const char* expression) {
    if (const auto done = dba(expression, {}); !done) throw Broken{expression + (": " + done.error().message)};
  };
  must("orrery.cluster_create('dev')");
  must("orrery.cluster_grant('dev', 'sim_session')");
  must(
      "orrery.server_kind_set('login-2', '{\"role\": \"login\", \"command\": \"login\", \"public_port\": 7000}', "
      "'dev')");
  must("orrery.server_kind_set('chat', '{\"public_port\": null}', 'dev')");
  must("orrery.server_kind_set('grid', '{\"idle_stop_ms\": null}', 'dev')");
  must("orrery.server_kind_set('station', '{\"idle_stop_ms\": null}', 'dev')");
  refuse_hands(false);
  sql_.rows("create schema sim");
  sql_.rows(
      "create table sim.carried_out (order_number bigint not null, cluster text not null, character_id bigint not "
      "null)");
  sql_.rows(
      R"(create function sim.carry_out(p_cluster text, p_character_id bigint, p_kind text, p_key text, p_name text, p_args jsonb) returns jsonb
    language plpgsql security definer as $$ begin
      insert into sim.carried_out values ((p_args ->> 'units')::bigint, p_cluster, p_character_id);
      return '{}'; end $$)");
  sql_.rows("grant usage on schema sim to public");
  must("orrery.hook_set('command', 'sim.carry_out')");
  const Json machine{{"host", "one.sim"},
                     {"boot_id", "1"},
                     {"version", "sim"},
                     {"cpus", 8},
                     {"memory_bytes", std::uint64_t{16} << 30},
                     {"public_address", "192.0.2.1"},
                     {"private_address", "10.0.0.1"},
                     {"private_port", 7000},
                     {"port_min", 20000},
                     {"port_max", 20999},
                     {"clusters", {"dev"}}};
  const auto known = call(Login::agent, "orrery.agent_register($2::text, $3::text, $4::jsonb)",
                          {"one", std::string(64, 'a'), machine.dump()});
  if (!known) throw Broken{known.error().message};
  agent_ = std::to_string(number(*known, "agent_id"));
  token_ = known->at("token").get<std::string>();
  beat();
  must("orrery.cluster_start('dev')");
  pg::PgSocketConfig config;
  config.conninfo = sql_.conninfo("sim_session");
  config.application_name = "wire_sim";
  socket_ = std::make_unique<pg::PgSocket>(base_.get(), config, pg::PgSocket::Handlers{});
  socket_->open();
  read_keys();
  tick();
}

SqlDatabase::~SqlDatabase() = default;

Duration SqlDatabase::wall() const { return 12h + world_.now(); }

void SqlDatabase::judge(const std::string& who, const Result<Json>& result) {
  if (!result && (!result.error().code.starts_with("OR") || result.error().code == "OR009"))
    throw Broken{fmt::format("{}: {} {}", who, result.error().code, result.error().message)};
}

Result<Json> SqlDatabase::call(Login login, const std::string& expression, sim::Params params) {
  sim::Called called = sql_.call(login, expression, std::move(params), wall());
  judge(expression, called.value);
  return std::move(called.value);
}

Result<Json> SqlDatabase::dba(const std::string& expression, sim::Params params) {
  return call(Login::dba, expression, std::move(params));
}

// Servers' calls.

Result<Json> SqlDatabase::answer(const Caller& caller, const sessiond::DatabaseRequest& request) {
  std::optional<Result<Json>> got;
  pg::SessionApi api(*socket_, {caller.server, caller.epoch, tokens_[{caller.server, caller.epoch}]});
  socket_->query("select set_config('orrery.fake_now', $1, false)", {sim::Database::timestamp(wall())}, [](auto) {});
  sessiond::ask(api, request, [&got](Result<Json> answer) { got = std::move(answer); });
  while (!got) event_base_loop(base_.get(), EVLOOP_ONCE);
  judge("a server's call", *got);
  if (*got) save(caller, request);
  look();
  if (*got) note(request, **got);
  return *got;
}

void SqlDatabase::save(const Caller& caller, const sessiond::DatabaseRequest& request) {
  const auto take = [&](const Json& rows) {
    for (const Json& row : rows) {
      const Session* session = this->session(SessionId{number(row, "session_id")});
      const bool is_its = session != nullptr && session->state != SessionState::ended &&
                          session->owner == caller.server && session->epoch.value == number(row, "epoch");
      if (is_its && row.at("state").is_object()) saved_[session->account] = row.at("state");
    }
  };
  handed_.clear();
  if (const auto* checkpoint = std::get_if<sessiond::Checkpoint>(&request)) take(checkpoint->sessions);
  if (const auto* ends = std::get_if<sessiond::EndSessions>(&request)) take(ends->ends);
  if (const auto* hands = std::get_if<sessiond::HandOffSessions>(&request))
    for (const Json& hand : hands->hands)
      if (hand.contains("state")) handed_[SessionId{number(hand, "session_id")}] = hand.at("state");
}

void SqlDatabase::note(const sessiond::DatabaseRequest& request, const Json& answer) {
  const auto errors = [&](const char* code) {
    return std::count_if(answer.begin(), answer.end(),
                         [&](const Json& row) { return row.contains("error") && row["error"]["code"] == code; });
  };
  const auto status = [](const Json& row, const char* word) { return row.value("status", "") == word; };
  if (std::holds_alternative<sessiond::HandOffSessions>(request)) {
    world_.counts["hand-offs refused"] += static_cast<std::uint64_t>(errors("OR006"));
    for (const Json& row : answer)
      if (status(row, "waiting")) world_.count("hand-offs that wait");
  } else if (const auto* resolves = std::get_if<sessiond::ResolveSessions>(&request)) {
    for (const Json& row : answer) {
      if (status(row, "ended")) world_.count("ended sessions resolved");
      if (!status(row, "ready")) continue;
      world_.count("sessions resolved");
      for (const Json& asked : resolves->resolves)
        if (asked.at("ref") == row.at("ref")) on_step("resolved", SessionId{number(asked, "session_id")});
    }
  } else if (std::holds_alternative<sessiond::RenewSessions>(request)) {
    world_.counts["tokens renewed"] += answer.size();
  }
}

// What the DBA does.

void SqlDatabase::add_account(const std::string& name, const std::string& password, const std::string& kind,
                              const std::string& key) {
  for (const auto& made : {dba("orrery.account_create($2, $3, 'dev')", {name, password_hash(password)}),
                           dba("orrery.character_create($2, $2, $3, $4, 'dev')", {name, kind, key})})
    if (!made) throw Broken{made.error().message};
}

void SqlDatabase::rotate_keys() {
  (void)dba("orrery.cluster_key_rotate('dev')", {});
  read_keys();
  look();
}

void SqlDatabase::read_keys() {
  static_keys_.clear();
  for (const auto& row : sql_.rows("select encode(static_key, 'hex') from orrery.cluster_key where cluster = 'dev' "
                                   "order by made_at desc")) {
    const auto bytes = from_hex(row[0]);
    Key32& key = static_keys_.emplace_back();
    std::copy(bytes->begin(), bytes->end(), key.begin());
  }
}

ServerId SqlDatabase::add_server(const std::string&, const std::string& kind, const std::string& key) {
  places_.emplace(kind, key);
  const auto asked = dba("orrery.server_request($2, $3, 'dev')", {kind, key});
  if (!asked) throw Broken{asked.error().message};
  look();
  if (!servers_.at(ServerId{number(*asked, "server_id")}).public_at.port)
    throw Broken{kind + " " + key + " is not placed"};
  return ServerId{number(*asked, "server_id")};
}

void SqlDatabase::stop_server(ServerId server) {
  (void)dba("orrery.server_stop($2::bigint)", {std::to_string(server.value)});
  look();
}

void SqlDatabase::kick(SessionId session) {
  (void)dba("orrery.session_kick($2::bigint)", {std::to_string(session.value)});
  look();
}

void SqlDatabase::set(const std::string& setting, std::int64_t value) {
  if (const auto done = dba("orrery.setting_set($2, $3::numeric)", {setting, std::to_string(value)}); !done)
    throw Broken{done.error().message};
}

void SqlDatabase::limit(bool on) {
  set("login_address_burst", on ? 1 : 200);
  set("login_address_per_minute", on ? 20 : 120);
}

void SqlDatabase::refuse_hands(bool on) {
  for (const char* kind : {"grid", "station"})
    (void)dba("orrery.server_kind_set($2, $3::jsonb, 'dev')",
              {kind, Json{{"sessions_max", on ? 4 : sessions_max}}.dump()});
}

void SqlDatabase::tick() {
  if (world_.now() - last_tick_ > 1s) ticks_since_ = world_.now();
  last_tick_ = world_.now();
  (void)call(Login::tick, "orrery.tick($2::timestamptz)", {sim::Database::timestamp(12h + ticks_since_)});
  look();
  for (const auto& [kind, key] : std::set(missing_))
    if (places_.contains({kind, key}) && world_.chance.happens(0.2))
      (void)dba("orrery.server_request($2, $3, 'dev')", {kind, key});
  if (world_.now() - last_beat_ >= beat_each) beat();
}

// What an agent does.

void SqlDatabase::set_away(bool away) {
  if (std::exchange(is_away_, away) == away || away) return;
  send_reports();
  beat();
}

void SqlDatabase::beat_soon() {
  if (std::exchange(beats_soon_, true)) return;
  world_.timeline.in(world_.now() == Time{} ? Duration{} : world_.chance.scale(200us, 50ms), [this] {
    beats_soon_ = false;
    beat();
  });
}

void SqlDatabase::beat() {
  if (is_away_) return;
  last_beat_ = world_.now();
  Json inventory = Json::array();
  for (const auto& [server, epoch] : running_)
    inventory.push_back(
        {{"server_id", server.value}, {"epoch", epoch.value}, {"state", "ready"}, {"pid", server.value}});
  const auto told = call(Login::agent, "orrery.agent_heartbeat($2::bigint, $3::text, $4::jsonb, '00', $5::jsonb)",
                         {agent_, token_, R"({"cpu": 0.1, "memory_used_bytes": 1})",
                          wants_inventory_ ? std::optional(inventory.dump()) : std::nullopt});
  if (!told) throw Broken{told.error().message};
  wants_inventory_ = told->value("want_inventory", false);
  if (told->contains("commands"))
    for (const Json& command : told->at("commands")) carry_out(command);
  look();
}

void SqlDatabase::carry_out(const Json& command) {
  const Run run{ServerId{number(command, "server_id")}, Epoch{number(command, "epoch")}};
  const auto id = number(command, "command_id");
  const bool runs = running_.contains(run.first) && running_.at(run.first) == run.second;
  const std::string verb = command.at("verb");
  if (verb == "tell") {
    if (runs) tell(run.first, command.at("message"));
    return report({{"command_id", id}, {"ok", true}});
  }
  if (verb == "start") {
    if (!fetched_.insert(run).second) return;
    tokens_[run] = command.at("spec").at("token");
    world_.timeline.in(world_.now() == Time{} ? Duration{} : world_.chance.scale(20ms, 2s),
                       [this, run, id] { begin(run, id); });
    return;
  }
  if (runs) {
    stops_[run.first] = id;
    if (stopped_.insert(run).second) stop(run.first);
    return;
  }
  stopped_.insert(run);
  report({{"command_id", id}, {"ok", true}});
}

void SqlDatabase::begin(Run run, std::uint64_t command) {
  if (stopped_.contains(run)) {
    report({{"command_id", command}, {"ok", false}, {"error", "it was stopped"}});
    return report_exit(run, "it was stopped");
  }
  running_[run.first] = run.second;
  report({{"command_id", command}, {"ok", true}});
  if (server(run.first).epoch != run.second)
    throw Broken{fmt::format("server {} begins under an epoch that is not its own", run.first.value)};
  start(run.first);
}

void SqlDatabase::server_ready(ServerId server) {
  report(
      {{"server_id", server.value}, {"epoch", running_.at(server).value}, {"state", "ready"}, {"pid", server.value}});
}

void SqlDatabase::server_exited(ServerId server, bool died) {
  const Epoch epoch = running_.at(server);
  running_.erase(server);
  report_exit({server, epoch}, died ? "signal 9 (KILL)" : "exit status 0");
  if (const auto told = stops_.extract(server)) report({{"command_id", told.mapped()}, {"ok", true}});
}

void SqlDatabase::report_exit(Run run, const char* reason) {
  report({{"server_id", run.first.value}, {"epoch", run.second.value}, {"state", "exited"}, {"reason", reason}});
}

void SqlDatabase::report(Json one) {
  reports_.push_back(std::move(one));
  if (!is_away_) send_reports();
}

void SqlDatabase::send_reports() {
  if (reports_.empty()) return;
  const auto told = call(Login::agent, "orrery.agent_report($2::bigint, $3::text, $4::jsonb)",
                         {agent_, token_, Json(std::exchange(reports_, {})).dump()});
  if (!told) throw Broken{told.error().message};
  look();
}

// The picture.

std::uint64_t SqlDatabase::carried_out(std::uint64_t order) {
  return std::stoull(
      sql_.rows("select count(*) from sim.carried_out where order_number = $1::bigint", {std::to_string(order)})[0][0]);
}

const Database::Session* SqlDatabase::session(SessionId id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : &found->second;
}

std::vector<const Database::Session*> SqlDatabase::sessions() const {
  std::vector<const Session*> all;
  for (const auto& [id, session] : sessions_) all.push_back(&session);
  return all;
}

const Database::Attachment* SqlDatabase::attachment(SessionId id) const {
  const auto found = attachments_.find(id);
  return found == attachments_.end() ? nullptr : &found->second;
}

void SqlDatabase::look() {
  const Json now = Json::parse(sql_.rows(picture).at(0).at(0));
  each(now.at("servers"), [this](const Json& row) { look_at_server(row); });
  each(now.at("sessions"), [this](const Json& row) { look_at_session(row); });
  each(now.at("attachments"), [this](const Json& row) { look_at_attachment(row); });
  if (now.at("waits") == true) beat_soon();
  missing_.clear();
  each(now.at("missing"), [this](const Json& row) { missing_.emplace(row.at(0), row.at(1)); });
}

void SqlDatabase::look_at_server(const Json& row) {
  Server& server = servers_[ServerId{number(row, "id")}];
  server.id = ServerId{number(row, "id")};
  server.epoch = Epoch{number(row, "epoch")};
  server.role = row.at("role");
  server.kind = row.at("kind");
  server.key = row.at("key");
  const auto address = [&row](const char* host, const char* port) {
    return row.at(port).is_null() ? Address{}
                                  : *Address::parse(row.at(host).get<std::string>(), row.at(port).get<std::uint16_t>());
  };
  server.public_at = address("public_host", "public_port");
  server.private_at = address("private_host", "private_port");
}

void SqlDatabase::look_at_session(const Json& row) {
  const SessionId id{number(row, "id")};
  const auto [found, is_new] = sessions_.try_emplace(id);
  Session& session = found->second;
  const Session before = session;
  session.id = id;
  session.account = AccountId{number(row, "account")};
  session.owner = ServerId{number(row, "owner")};
  session.epoch = Epoch{number(row, "epoch")};
  session.state = state_of(row.at("state"));
  if (const Json& root = row.at("root"); root.is_string()) {  // none when it has ended
    const auto bytes = from_hex(root.get<std::string>());
    std::copy(bytes->begin(), bytes->end(), session.root.begin());
  }
  const Json& payload = row.at("payload");
  session.from = {};
  if (const auto from = payload.find("from"); from != payload.end())
    session.from = {ServerId{number(*from, "server_id")}, Epoch{number(*from, "epoch")}};
  grant(id, "owner", session.epoch, session.owner);
  if (session.state == SessionState::orphaned && before.state != SessionState::orphaned) on_step("orphaned", id);
  if (is_new || before.epoch == session.epoch) return;
  if (row.at("rule") == "session_hand_off") saved_[session.account] = handed_.at(id);
  const Json given = payload.value("state", Json::object());
  const auto saved = saved_.find(session.account);
  if (given != (saved == saved_.end() ? Json::object() : saved->second))
    throw Broken{fmt::format("session {} is given by {} with {}, not with {}", id.value, row.at("rule").dump(),
                             given.dump(), saved == saved_.end() ? "nothing" : saved->second.dump())};
  grant_state(id, session.epoch, given);
  if (row.at("rule") == "session_hand_off") {
    world_.count("hand-offs");
    on_step("committed", id);
  } else if (row.at("rule") == "session_adopt") {
    world_.count("sessions adopted");
    on_step("adopted", id);
  }
}

void SqlDatabase::look_at_attachment(const Json& row) {
  const SessionId id{number(row, "session")};
  Attachment& attachment = attachments_[id];
  attachment.server = ServerId{number(row, "server")};
  attachment.epoch = Epoch{number(row, "epoch")};
  attachment.taken = row.at("taken");
  attachment.ended = row.at("ended");
  grant(id, "chat", attachment.epoch, attachment.server);
}

}  // namespace orrery::wire_sim
