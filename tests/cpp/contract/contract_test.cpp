// The contract of docs/control.md between the SQL and the agent, checked on both at once: a verb, an edge or a function
// that one side has and the other does not know fails here.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "agents/agent_core.h"
#include "orrery_database.h"
#include "pg/control_api.h"

namespace orrery::contract {
namespace {

using namespace std::chrono_literals;
using agents::Action;
using agents::AgentCore;
using agents::Event;
using agents::Json;
using agents::ServerRef;

// An agent whose database is real and whose processes are what the test says.
class Agent {
 public:
  explicit Agent(const std::string& name, Json pinned = nullptr)
      : name_(name), connection_("test_agent"), api_(connection_.socket()), core_(self(name, std::move(pinned))) {}

  void connect() { give(agents::DatabaseConnected{}); }
  void beat() { give(agents::Doorbell{"*"}); }
  // The event, and what the database answers to what it brings about.
  void give(Event event) {
    events_.push_back(std::move(event));
    if (giving_) return;
    giving_ = true;
    for (; !events_.empty(); events_.pop_front()) {
      for (const Action& action : core_.on(events_.front(), now_)) {
        std::visit([this](const auto& a) { act(a); }, action);
        done_.push_back(action);
      }
    }
    giving_ = false;
  }
  // Lets time pass for this agent; the database's goes its own way.
  void pass(Duration duration) {
    const Instant end = now_ + duration;
    for (auto at = core_.next_deadline(); at && *at <= end; at = core_.next_deadline()) {
      now_ = std::max(now_, *at);
      give(agents::Timer{});
    }
    now_ = end;
  }
  // All actions of one type since the last asking.
  template <class T>
  std::vector<T> take() {
    std::vector<T> found;
    std::erase_if(done_, [&found](const Action& action) {
      if (!std::holds_alternative<T>(action)) return false;
      found.push_back(std::get<T>(action));
      return true;
    });
    return found;
  }
  template <class T>
  std::optional<T> take(ServerRef ref) {
    std::optional<T> last;
    for (const T& action : take<T>()) {
      if (action.ref == ref) last = action;
    }
    return last;
  }
  std::vector<Json> reported() {
    std::vector<Json> all;
    for (const auto& report : take<agents::Report>()) {
      all.insert(all.end(), report.reports.begin(), report.reports.end());
    }
    return all;
  }
  std::string said() {
    std::string all;
    for (const auto& say : take<agents::Say>()) all += say.text + "\n";
    return all;
  }
  Instant now() const { return now_; }
  Connection& connection() { return connection_; }

 private:
  static agents::AgentIdentity self(const std::string& name, Json pinned) {
    const Address any = *Address::parse("127.0.0.1", 0);
    std::string identity(64, '0');
    for (std::size_t i = 0; i < name.size(); ++i) identity[i] = "0123456789abcdef"[name[i] & 15];
    return {name,
            identity,
            Json{{"host", "h"},
                 {"boot_id", "b"},
                 {"version", "1"},
                 {"cpus", 8},
                 {"memory_bytes", 8LL << 30},
                 {"public_address", "127.0.0.1"},
                 {"private_address", "127.0.0.1"},
                 {"private_port", name == "a1" ? 7001 : 7002},
                 {"port_min", 20000},
                 {"port_max", 20999},
                 {"clusters", {"dev"}}},
            any,
            any,
            any,
            any,
            std::move(pinned)};
  }

  template <class T>
  pg::Answer answer() {
    ++waiting_;
    return [this](Result<Json> got) {
      --waiting_;
      events_.push_back(T{std::move(got)});
    };
  }
  void await() {
    ASSERT_TRUE(connection_.until([this] { return waiting_ == 0; }));
  }

  void act(const agents::Register& r) {
    api_.agent_register(name_, self(name_, nullptr).identity, r.machine, answer<agents::RegisterAnswer>());
    await();
  }
  void act(const agents::Heartbeat& h) {
    api_.agent_heartbeat(h.agent, h.token, h.load, h.digest, h.inventory, answer<agents::HeartbeatAnswer>());
    await();
  }
  void act(const agents::Report& r) {
    api_.agent_report(r.agent, r.token, r.reports, answer<agents::ReportAnswer>());
    await();
  }
  void act(const agents::Listen&) {
    note([this](pg::Answer a) { api_.listen(std::move(a)); });
  }
  void act(const agents::Unlisten&) {
    note([this](pg::Answer a) { api_.unlisten(std::move(a)); });
  }
  void note(const std::function<void(pg::Answer)>& call) {
    ++waiting_;
    call([this](const Result<Json>& got) {
      --waiting_;
      EXPECT_TRUE(got) << got.error().message;
    });
    await();
  }
  template <class T>
  void act(const T&) {}

  std::string name_;
  Connection connection_;
  pg::AgentApi api_;
  AgentCore core_;
  Instant now_ = BootClock::now();
  std::deque<Event> events_;
  std::vector<Action> done_;
  int waiting_ = 0;
  bool giving_ = false;
};

struct Edge {
  std::string machine, from, to, verb;
  auto operator<=>(const Edge&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Edge& edge) {
  return out << edge.machine << " " << edge.from << " -> " << edge.to << " by " << edge.verb;
}

class ContractTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { superuser().rows("select orrery.cluster_start('dev')"); }
  ContractTest() : db_(superuser()) {}

  std::string state(ServerRef ref) {
    return db_.value("select state from orrery.server where server_id = $1::bigint", {text(ref)});
  }
  std::string command(ServerRef ref, const std::string& verb) {
    return db_.value(
        "select state from orrery.command where server_id = $1::bigint and verb = $2 order by command_id desc limit 1",
        {text(ref), verb});
  }
  static std::string text(ServerRef ref) { return std::to_string(ref.server.value); }
  ServerRef request(const std::string& key) {
    const Json got = Json::parse(db_.value("select orrery.server_request('thing', $1, 'dev')", {key}));
    return {ServerId{got["server_id"].get<std::uint64_t>()}, Epoch{got["epoch"].get<std::uint64_t>()}};
  }

  // Each carries out one edge with the real functions and says what the core must do.

  ServerRef carry_out_start(Agent& agent, const std::string& key) {
    const ServerRef ref = request(key);
    EXPECT_EQ(state(ref), "starting");
    EXPECT_EQ(command(ref, "start"), "pending");
    agent.beat();
    const auto spawn = agent.take<agents::Spawn>(ref);
    if (!spawn) {
      ADD_FAILURE() << "no Spawn: " << agent.said();
      return ref;
    }
    EXPECT_EQ(spawn->cluster + " " + spawn->kind + " " + spawn->key, "dev thing " + key);
    EXPECT_EQ(spawn->command, "thing");
    EXPECT_EQ(spawn->args, (std::vector<std::string>{"--a", "b"}));
    EXPECT_EQ(spawn->env, (std::map<std::string, std::string>{{"N", "v"}}));
    EXPECT_EQ(spawn->token.size(), 64u);
    EXPECT_EQ(spawn->ready_limit, 7100ms);
    EXPECT_EQ(spawn->grace, 2300ms);
    EXPECT_TRUE(spawn->hold);
    EXPECT_EQ(spawn->limits, (Json{{"nofile", 77}}));
    EXPECT_EQ(spawn->log_bytes_max, 65536u);
    EXPECT_EQ(spawn->log_files, 4u);
    EXPECT_EQ(spawn->watchdog, 1900ms);
    EXPECT_TRUE(spawn->terms) << spawn->terms.error().message;
    const agents::StartTerms terms = spawn->terms ? *spawn->terms : agents::StartTerms{};
    std::string ports;
    for (const agents::ServerPort& port : terms.ports)
      ports += words_of(port) + " x" + std::to_string(port.count) + "\n";
    EXPECT_EQ(
        ports,
        db_.value(
            "select format(E'game (udp %s) x3\\nquery (tcp %s) x1\\n', min(p.port) filter (where p.name = 'game'), "
            "min(p.port) filter (where p.name = 'query')) from orrery.port p where p.server_id = $1::bigint",
            {text(ref)}));
    EXPECT_EQ(terms.ready_by, agents::ReadyBy::output);
    EXPECT_EQ(terms.ready_pattern, "^up$");
    EXPECT_EQ(terms.stop_signal, SIGUSR2);
    EXPECT_EQ(command(ref, "start"), "claimed") << "not done before the process runs";
    agent.give(agents::ProcessStarted{ref, 123});
    EXPECT_EQ(command(ref, "start"), "done");
    EXPECT_EQ(state(ref), "starting");
    return ref;
  }
  void carry_out_stop(Agent& agent, ServerRef ref) {
    db_.rows("select orrery.server_stop($1::bigint)", {text(ref)});
    EXPECT_EQ(state(ref), "stopping");
    EXPECT_EQ(command(ref, "stop"), "pending");
    agent.take<agents::Steer>();
    agent.beat();
    const auto steer = agent.take<agents::Steer>(ref);
    ASSERT_TRUE(steer) << agent.said();
    EXPECT_EQ(steer->stop_by, agent.now() + 2300ms);
    EXPECT_EQ(command(ref, "stop"), "claimed") << "not done before the process is gone";
    EXPECT_EQ(state(ref), "stopping");
    agent.give(agents::ProcessExited{ref, 0, std::nullopt, "exit status 0"});
    EXPECT_EQ(command(ref, "stop"), "done");
    EXPECT_EQ(state(ref), "stopped");
    EXPECT_TRUE(agent.take<agents::Forget>(ref)) << "the database has taken note";
  }
  void carry_out_edge(Agent& agent, const Edge& edge, const std::string& key) {
    if (edge == Edge{"server", "requested", "starting", "start"}) {
      carry_out_start(agent, key);
    } else if (edge == Edge{"server", "starting", "stopping", "stop"}) {
      carry_out_stop(agent, carry_out_start(agent, key));
    } else if (edge == Edge{"server", "ready", "stopping", "stop"}) {
      const ServerRef ref = carry_out_start(agent, key);
      agent.give(agents::ProcessReady{ref});
      EXPECT_EQ(state(ref), "ready");
      carry_out_stop(agent, ref);
    } else {
      ADD_FAILURE() << "the database may assign " << edge << ", and no agent was seen to carry it out";
    }
  }

  Connection& db_;
};

// Catches an edge that the database assigns and the agent leaves undone, begins but never reports, or reports too
// early.
TEST_F(ContractTest, TheAgentCarriesOutEveryEdgeThatTheDatabaseMayAssign) {
  Agent agent("a1");
  agent.connect();
  std::size_t edges = 0;
  for (const pg::Row& row : db_.rows("select machine, from_state, to_state, agent_verb from orrery.transition "
                                     "where agent_verb is not null order by 1, 2, 3")) {
    const Edge edge{*row[0], *row[1], *row[2], *row[3]};
    SCOPED_TRACE(testing::PrintToString(edge));
    carry_out_edge(agent, edge, "edge " + std::to_string(++edges));
  }
  EXPECT_GE(edges, 3u);
}

// Catches a verb that is new in SQL and unknown to the agent, and one that transition names and no command can carry.
TEST_F(ContractTest, TheAgentKnowsEveryVerbOfACommand) {
  std::set<std::string> verbs;
  for (const pg::Row& row :
       db_.rows("select (regexp_matches(pg_get_constraintdef(c.oid), '''([^'']*)''', 'g'))[1] from pg_constraint c "
                "where c.conname = 'command_verb_known' and c.conrelid = 'orrery.command'::regclass")) {
    verbs.insert(*row[0]);
  }
  EXPECT_GE(verbs.size(), 3u);
  for (const pg::Row& row :
       db_.rows("select distinct agent_verb from orrery.transition where agent_verb is not null")) {
    EXPECT_TRUE(verbs.contains(*row[0])) << *row[0];
  }
  verbs.insert("no such verb");
  for (const std::string& verb : verbs) {
    AgentCore core({"a", {}, Json::object(), {}, {}, {}, {}, nullptr});
    core.on(agents::DatabaseConnected{}, Instant{1s});
    core.on(agents::RegisterAnswer{Json{
                {"agent_id", 1}, {"token", "t"}, {"database", {{"incarnation", 1}, {"lineage", "aa"}}}}},
            Instant{1s});
    const agents::Actions actions = core.on(
        agents::HeartbeatAnswer{
            Json{{"commands", Json::array({{{"command_id", 1}, {"verb", verb}, {"server_id", 1}, {"epoch", 1}}})}}},
        Instant{1s});
    bool unknown = false, answered = false;
    for (const Action& action : actions) {
      answered |= std::holds_alternative<agents::Spawn>(action) || std::holds_alternative<agents::Report>(action);
      if (const auto* report = std::get_if<agents::Report>(&action)) {
        unknown |= report->reports.dump().find("knows no verb") != std::string::npos;
      }
    }
    EXPECT_TRUE(answered) << verb << ": it would be delivered for ever";
    EXPECT_EQ(unknown, verb == "no such verb") << verb;
  }
}

// Catches answers whose members are not called what the core reads: pinned, refused, relayed.
TEST_F(ContractTest, TheDatabaseSaysWhichOneItIsAndRefusesAnAgentThatHasObeyedALaterOne) {
  Agent first("pin");
  first.connect();
  const auto pins = first.take<agents::Pin>();
  ASSERT_EQ(pins.size(), 1u) << first.said();
  Agent again("pin", pins[0].database);
  again.connect();
  EXPECT_EQ(again.take<agents::Heartbeat>().size(), 1u) << again.said();
  EXPECT_TRUE(again.take<agents::Pin>().empty());
  Json later = pins[0].database;
  later["incarnation"] = later["incarnation"].get<std::int64_t>() + 1;
  Agent ahead("pin", later);
  ahead.connect();
  EXPECT_TRUE(ahead.take<agents::Heartbeat>().empty());
  const std::string said = ahead.said();
  EXPECT_NE(said.find("this database is not obeyed"), std::string::npos) << said;
  EXPECT_NE(said.find("OR011"), std::string::npos) << said;
  EXPECT_NE(said.find("incarnation_raise"), std::string::npos) << said;
  Json twin = pins[0].database;
  twin["lineage"] = std::string(twin["lineage"].get<std::string>().size(), '0');
  Agent other("pin", twin);
  other.connect();
  EXPECT_TRUE(other.take<agents::Heartbeat>().empty());
  again.beat();
  EXPECT_EQ(again.take<agents::Heartbeat>().size(), 1u);
  EXPECT_EQ(again.said().find("refused"), std::string::npos) << "the refused ones took nothing from it";
}

// Catches a doorbell that no listener hears, or one that is not passed on to those that do not listen.
TEST_F(ContractTest, OneListensAndPassesDoorbellsOnToTheOther) {
  db_.rows("update orrery.agent set state = 'stopped', rule = 'test', listens = false");
  db_.rows("select orrery.setting_set('listeners_max', 1)");
  Agent listener("a1"), other("a2");
  listener.connect();
  other.connect();
  EXPECT_TRUE(listener.take<agents::Unlisten>().empty());
  EXPECT_EQ(other.take<agents::Unlisten>().size(), 1u) << other.said();
  db_.rows("select orrery.agent_listeners()");
  listener.beat();
  listener.give(agents::Doorbell{"*"});
  const auto sent = listener.take<agents::SendPrivate>();
  ASSERT_FALSE(sent.empty()) << listener.said();
  EXPECT_EQ(sent.back().to.to_string(), "127.0.0.1:7002");
  other.take<agents::Heartbeat>();
  other.give(agents::PrivateDatagram{sent.back().bytes});
  EXPECT_EQ(other.take<agents::Heartbeat>().size(), 1u) << "it knows its own name in " << sent.back().bytes;
  const std::size_t heard = listener.connection().notified().size();
  request("rung for");
  EXPECT_TRUE(listener.connection().until([&] { return listener.connection().notified().size() > heard; }));
  EXPECT_TRUE(other.connection().notified().empty());
  db_.rows("select orrery.setting_set('listeners_max', 64)");
}

// Catches two processes of one identity that both act, that take the name from each other for ever, or that both end.
TEST_F(ContractTest, OfTwoAgentsOfOneIdentityTheLaterTakesOver) {
  Agent earlier("twin");
  earlier.connect();
  earlier.pass(31s);
  Agent later("twin");
  later.connect();
  earlier.pass(2s);
  auto quits = earlier.take<agents::Quit>();
  ASSERT_EQ(quits.size(), 1u) << earlier.said();
  EXPECT_EQ(quits[0].status, agents::status_superseded);
  later.pass(60s);
  EXPECT_TRUE(later.take<agents::Quit>().empty()) << later.said();
  later.take<agents::Heartbeat>();
  later.beat();
  EXPECT_EQ(later.take<agents::Heartbeat>().size(), 1u);
}

// The same of two that begin together: each may take a lost token for a late registration of its own, once.
TEST_F(ContractTest, OfTwoAgentsOfOneIdentityThatBeginTogetherOneIsLeft) {
  Agent first("pair"), second("pair");
  first.connect();
  second.connect();
  std::size_t ended = 0, registrations = 0;
  for (int i = 0; i < 120; ++i) {
    for (Agent* agent : {&first, &second}) {
      agent->pass(500ms);
      ended += agent->take<agents::Quit>().size();
      registrations += agent->take<agents::Register>().size();
    }
  }
  EXPECT_EQ(ended, 1u);
  EXPECT_LE(registrations, 5u);
  EXPECT_EQ(db_.value("select state from orrery.agent where name = 'pair'"), "up");
}

struct Call {
  std::string name;
  std::vector<std::string> types;
  std::string role;
};

// The statements that src/pg/control_api.cpp sends.
std::vector<Call> calls() {
  std::ifstream file(ORRERY_SOURCE_DIR "/src/pg/control_api.cpp");
  std::stringstream buffer;
  buffer << file.rdbuf();
  const std::string source = buffer.str();
  const std::regex statement(R"re(void (Agent|Session)Api::|select (\w+)\.(\w+)\(([^()]*)\))re");
  std::vector<Call> found;
  std::string role;
  for (std::sregex_iterator at(source.begin(), source.end(), statement), end; at != end; ++at) {
    if ((*at)[1].matched) {
      role = (*at)[1] == "Agent" ? "agent" : "session";
      continue;
    }
    Call call{(*at)[2].str() + "." + (*at)[3].str(), {}, role};
    const std::string params = (*at)[4];
    const std::regex param(R"(\$\d+::(\w+))");
    for (std::sregex_iterator p(params.begin(), params.end(), param); p != end; ++p) call.types.push_back((*p)[1]);
    found.push_back(std::move(call));
  }
  return found;
}

// Catches a function that was renamed, lost or won a parameter, or is not granted to those who call it, or to others
// too.
TEST_F(ContractTest, EveryFunctionThatDaemonsCallIsThereForThemAndForNobodyElse) {
  const std::vector<Call> all = calls();
  EXPECT_GE(all.size(), 11u);
  Connection agent("test_agent"), session("test_session");
  for (const Call& call : all) {
    SCOPED_TRACE(call.name);
    std::string types, nulls;
    for (const std::string& type : call.types) {
      types += (types.empty() ? "" : ",") + type;
      nulls += (nulls.empty() ? "null::" : ", null::") + type;
    }
    const pg::Rows rows = db_.rows(
        "select p.pronargs, p.pronargdefaults, array_to_string(p.proargnames, ','), p.oid::bigint, "
        "has_function_privilege('orrery_agent', p.oid, 'execute'), has_function_privilege('orrery_session', p.oid, "
        "'execute'), has_function_privilege('orrery_viewer', p.oid, 'execute') "
        "from pg_proc p where p.pronamespace::regnamespace::text || '.' || p.proname = $1",
        {call.name});
    ASSERT_EQ(rows.size(), 1u) << "one function of this name";
    const pg::Row& row = rows[0];
    EXPECT_EQ(std::stoul(*row[0]), call.types.size()) << "each parameter is given";
    const std::string begins =
        call.role == "agent"
            ? (call.name == "orrery.agent_register" ? "p_name,p_identity,p_machine" : "p_agent_id,p_token,")
            : "p_server_id,p_epoch,p_token";
    EXPECT_EQ(row[2]->substr(0, begins.size()), begins);
    EXPECT_EQ(*row[4], call.role == "agent" ? "t" : "f") << "orrery_agent";
    EXPECT_EQ(*row[5], call.role == "session" ? "t" : "f") << "orrery_session";
    EXPECT_EQ(*row[6], "f") << "orrery_viewer";
    const std::string sql = "select " + call.name + "(" + nulls + ")";
    const auto answer = (call.role == "agent" ? agent : session).ask(sql);
    EXPECT_TRUE(answer || answer.error().code.starts_with("OR"))
        << sql << ": " << answer.error().message << " [" << answer.error().code << "]";
    const auto refused = (call.role == "agent" ? session : agent).ask(sql);
    ASSERT_FALSE(refused) << sql << " by the other role";
    EXPECT_EQ(refused.error().code, "42501");
  }
}

}  // namespace
}  // namespace orrery::contract
