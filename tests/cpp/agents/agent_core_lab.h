// A core on virtual time; what it does is kept until asked for.
#pragma once

#include <gtest/gtest.h>

#include "agents/agent_core.h"

namespace orrery::agents {

using namespace std::chrono_literals;

inline constexpr ServerRef one{ServerId{3}, Epoch{4294967297}};
inline constexpr ServerRef one_later{ServerId{3}, Epoch{4294967298}};
inline constexpr ServerRef two{ServerId{4}, Epoch{4294967299}};

class AgentCoreTest : public testing::Test {
 protected:
  AgentCoreTest() : core_(self(nullptr)) {}
  static AgentIdentity self(Json database) {
    return {"a1",
            std::string(64, 'a'),
            Json{{"host", "h"}},
            *Address::parse("192.0.2.1", 0),
            *Address::parse("203.0.113.1", 0),
            *Address::parse("10.0.0.1", 0),
            *Address::parse("10.0.0.1", 0),
            std::move(database)};
  }
  // As of an agent that obeyed this database before.
  void pinned(Json database) { core_ = AgentCore(self(std::move(database))); }

  void give(const Event& event) {
    for (Action& action : core_.on(event, now_)) done_.push_back(std::move(action));
  }
  // Lets time pass, waking the core only at the deadlines it names.
  void pass(Duration duration) {
    const Instant end = now_ + duration;
    for (int turns = 0; turns < 100'000; ++turns) {
      const auto at = core_.next_deadline();
      if (!at || *at > end) {
        now_ = end;
        return;
      }
      now_ = std::max(now_, *at);
      give(Timer{});
      if (beating_) answer_heartbeats();
    }
    FAIL() << "the core names deadlines that it does not meet";
  }
  // All actions of one type since the last asking.
  template <class T>
  std::vector<T> take() {
    std::vector<T> found;
    std::erase_if(done_, [&found](Action& action) {
      if (!std::holds_alternative<T>(action)) return false;
      found.push_back(std::get<T>(std::move(action)));
      return true;
    });
    return found;
  }
  bool said(const std::string& words) {
    bool found = false;
    for (const Say& say : take<Say>()) found |= say.text.find(words) != std::string::npos;
    return found;
  }
  std::vector<Json> reported() {
    std::vector<Json> all;
    for (const Report& report : take<Report>()) all.insert(all.end(), report.reports.begin(), report.reports.end());
    return all;
  }

  static Json register_answer(int lease_ms = 15000) {
    return {{"agent_id", 7},        {"token", "t0"},  {"heartbeat_ms", 1000},
            {"lease_ms", lease_ms}, {"listen", true}, {"database", database()}};
  }
  static Json database(std::int64_t incarnation = 5, char lineage = 'a') {
    return {{"system_identifier", "71"}, {"incarnation", incarnation}, {"lineage", std::string(32, lineage)}};
  }
  static Json beat(Json commands = Json::array(), Json clusters = Json::array()) {
    return {{"want_inventory", false}, {"commands", commands}, {"unknown", Json::array()}, {"clusters", clusters}};
  }
  static Json cluster(const std::string& state, Json stops_in_ms = nullptr, Json notice = nullptr) {
    return Json::array({{{"name", "dev"}, {"state", state}, {"stops_in_ms", stops_in_ms}, {"notice_id", notice}}});
  }
  static Json start(int id, ServerRef ref, int ready_deadline_ms = 10000) {
    return {{"command_id", id},
            {"verb", "start"},
            {"cluster", "dev"},
            {"server_id", ref.server.value},
            {"epoch", ref.epoch.value},
            {"spec",
             {{"kind", "grid"},
              {"key", "42"},
              {"role", "zone"},
              {"command", "orrery-sessiond"},
              {"args", {"--role", "zone"}},
              {"env", {{"A", "b"}}},
              {"ports",
               {{{"name", "public"}, {"protocol", "udp"}, {"port", 20001}, {"count", 1}},
                {{"name", "private"}, {"protocol", "udp"}, {"port", 20002}, {"count", 1}}}},
              {"ready_deadline_ms", ready_deadline_ms},
              {"stop_grace_ms", 3000},
              {"token", "secret"}}}};
  }
  static Json stop(int id, ServerRef ref, int grace_ms = 5000) {
    return {{"command_id", id},         {"verb", "stop"},      {"cluster", "dev"}, {"server_id", ref.server.value},
            {"epoch", ref.epoch.value}, {"grace_ms", grace_ms}};
  }

  static Json tell(int id, ServerRef ref) {
    return {{"command_id", id},         {"verb", "tell"},
            {"cluster", "dev"},         {"server_id", ref.server.value},
            {"epoch", ref.epoch.value}, {"message", {{"tell", "sync"}}}};
  }
  static ServerFound found(ServerRef ref, ServerFound::State state, bool hold = false) {
    return {ref, "dev", "grid", "42", state, 77, 700ms, 3s, hold};
  }

  // What the shim of a server was told last; nothing when it was told nothing since the last asking.
  std::optional<Steer> steered(ServerRef ref) {
    std::optional<Steer> last;
    for (const Steer& steer : take<Steer>()) {
      if (steer.ref == ref) last = steer;
    }
    return last;
  }
  bool stops(ServerRef ref) {
    const auto steer = steered(ref);
    return steer && steer->stop_by;
  }

  void connect(Json answer = register_answer()) {
    give(DatabaseConnected{});
    give(RegisterAnswer{std::move(answer)});
  }
  void lose() { give(DatabaseLost{{"gone", "connection"}}); }
  // A heartbeat is under way: this is its answer.
  void answer(Json json) { give(HeartbeatAnswer{std::move(json)}); }
  void answer_heartbeats() {
    if (!take<Heartbeat>().empty()) answer(beat());
    if (!take<Report>().empty()) give(ReportAnswer{Json()});
  }
  // Rings, so that a heartbeat is under way, and answers it.
  void order(const Json& json) {
    give(Doorbell{"7"});
    answer(json);
  }
  void run_ready(ServerRef ref, int command = 1) {
    order(beat(Json::array({start(command, ref)})));
    give(ProcessStarted{ref, 100});
    give(ProcessReady{ref});
    give(ReportAnswer{Json()});
    while (!take<Report>().empty()) give(ReportAnswer{Json()});
    done_.clear();
  }
  void connect_and_run(ServerRef ref) {
    connect();
    answer(beat());
    run_ready(ref);
  }

  Instant now_{1000s};
  AgentCore core_;
  Actions done_;
  bool beating_ = false;
};

}  // namespace orrery::agents
