// An agent on its machine: a real AgentCore, and a model of the loop around it: its connection to the database
// (pg_socket: one call under way, others wait in order; dropped and made anew), its process host, its timer.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agents/agent_core.h"
#include "sim/agent_audit.h"
#include "sim/database.h"
#include "sim/world.h"

namespace orrery::sim {

/// A database as agents reach it. `made` grows when all connections to it are lost.
struct Service {
  Database* database = nullptr;
  bool is_up = true;
  bool is_foreign = false;  // not the one that the agents obey
  std::uint64_t made = 0;
  Clock wall;
};

/// What the network does to an agent's calls.
struct Weather {
  double lost = 0, answer_lost = 0, late = 0, doubled = 0, bell_lost = 0;
};

class AgentProcess;

/// What an agent needs of the simulation.
struct Surroundings {
  World& world;
  Weather& weather;
  /// The database that the name in its connection string leads to now.
  std::function<Service&()> service;
  /// A call was carried out: checks what it did, rings whom it rang for.
  std::function<void(Service&, const std::string& who, const std::string& what, const Called&)> called;
  std::function<void(AgentProcess&, int status)> quit;
  std::function<void(const Address&, const std::string&)> datagram;
};

class AgentProcess : public std::enable_shared_from_this<AgentProcess> {
 public:
  AgentProcess(Surroundings& around, Machine& machine, std::vector<std::string> clusters);

  void begin();
  /// No more of it happens: it crashed, or its machine did.
  void kill();
  void stop(bool drain) { give(agents::StopAsked{drain}); }
  /// SIGSTOP for so long: nothing reaches it until then.
  void freeze(Duration how_long);
  /// No packet passes between it and the database until then.
  void cut_off(Duration how_long);
  void heal();
  /// All connections to the service were lost.
  void connection_lost(const std::string& why);
  void ring(const Service& service, const std::string& payload);
  void datagram(const std::string& bytes);

  bool is_alive() const { return alive_; }
  bool is_connected() const { return state_ == State::ready; }
  Machine& machine() { return machine_; }
  static Address private_address(std::size_t machine);

 private:
  enum class State { waiting, connecting, ready };
  struct Call {
    enum class What { listen, unlisten, registering, heartbeat, report } what;
    std::string expression, words;
    Params params;
    Instant deadline, sent;
    std::optional<Known> known{};  // of a heartbeat that was carried out
  };

  void give(const agents::Event& event);
  void act(const agents::Action& action);
  void arm();
  void sample();
  /// Does `what` when the process runs: at once, or when it is thawed; never when it has died meanwhile.
  void when_running(std::function<void()> what);

  void ask(Call call);
  void pump();
  void arrive(Call call, std::uint64_t connection, Service& service, std::uint64_t made, int fate);
  Called carry_out(Call& call, Service& service);
  void answer(const Call& call, std::uint64_t connection, const Called& called);
  void check_deadline();
  void connect();
  void lose(const std::string& why);
  Duration travel();
  bool is_cut() const { return around_.world.timeline.now() < cut_until_; }

  Surroundings& around_;
  Machine& machine_;
  agents::AgentCore core_;
  AgentAudit audit_;
  bool alive_ = true, in_connected_ = false;
  std::uint64_t timer_ = 0;
  Time frozen_until_{}, cut_until_{};
  std::deque<std::function<void()>> held_;  // while frozen

  State state_ = State::waiting;
  Service* service_ = nullptr;
  std::uint64_t connection_ = 0;
  Duration backoff_;
  std::deque<Call> calls_;
  std::size_t first_ = 0;
  std::optional<Call> current_;
  bool listening_ = false;
  Duration lease_{};
};

}  // namespace orrery::sim
