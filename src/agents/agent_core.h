// What an agent does, without doing it: events and `now` in, actions and the next deadline out. Rules: docs/control.md.
#pragma once

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace orrery::agents {

using Json = nlohmann::json;

/// What does not change while the agent runs.
struct AgentIdentity {
  std::string name;
  std::string identity;                                                    // 64 hex digits
  Json machine;                                                            // agent_register's p_machine
  Address public_bind, public_advertise, private_bind, private_advertise;  // ports unused
  Json database;  // what was last pinned (docs/control.md, Which database); null: none yet
};

/// One start of a server. `server` may come again with a higher epoch, never with the same.
struct ServerRef {
  ServerId server;
  Epoch epoch;
  auto operator<=>(const ServerRef&) const = default;
};

// Events

struct DatabaseConnected {};
struct DatabaseLost {
  Error error;
};
/// Answers to the actions of the same name.
struct RegisterAnswer {
  Result<Json> answer;
};
struct HeartbeatAnswer {
  Result<Json> answer;
};
struct ReportAnswer {
  Result<Json> answer;
};
/// Payload of a notification on orrery_doorbell.
struct Doorbell {
  std::string payload;
};
/// A server that a shim of this machine runs since before this agent: given before anything else. Those that ended
/// meanwhile follow as ProcessExited.
struct ServerFound {
  ServerRef ref;
  std::string cluster, kind, key;
  enum class State { starting, ready, stopping } state;
  int pid;
  Duration ready_limit, grace;
  bool hold;
};
struct ProcessStarted {
  ServerRef ref;
  int pid;
};
struct ProcessFailed {
  ServerRef ref;
  std::string error;
};
struct ProcessReady {
  ServerRef ref;
};
/// `words`: "exit status 0", "killed by signal 9 (Killed)". `not_its_own`: the lease, its shim or the machine ended it.
struct ProcessExited {
  ServerRef ref;
  std::optional<int> exit_code, signal;
  std::string words;
  bool not_its_own = false;
};
/// A datagram on the private socket; anything may be in it.
struct PrivateDatagram {
  std::string bytes;
};
struct LoadSample {
  double cpu;  // 0..1 of all cores
  std::uint64_t memory_used_bytes;
};
/// The agent is to end: after its servers have been stopped (drain), or at once, leaving them to the next agent.
struct StopAsked {
  bool drain;
};
/// next_deadline() has passed.
struct Timer {};

using Event = std::variant<DatabaseConnected, DatabaseLost, RegisterAnswer, HeartbeatAnswer, ReportAnswer, Doorbell,
                           ServerFound, ProcessStarted, ProcessFailed, ProcessReady, ProcessExited, PrivateDatagram,
                           LoadSample, StopAsked, Timer>;

// Actions. Register, Heartbeat and Report are answered by one event each, whatever happens.

struct Listen {};
struct Unlisten {};
/// agent_register with AgentIdentity::machine and what was pinned last.
struct Register {
  Json machine;
};
/// Keep this durably, before any action that follows.
struct Pin {
  Json database;
};
struct Heartbeat {
  AgentId agent;
  std::string token;
  Json load;
  std::string digest;
  Json inventory;  // null: not sent
};
struct Report {
  AgentId agent;
  std::string token;
  Json reports;
};
/// Start a server under a shim by the spawn contract; answered by ProcessStarted or ProcessFailed, or by ProcessExited
/// when it was started before.
struct Spawn {
  ServerRef ref;
  std::string cluster, kind, key, token, command;
  std::vector<std::string> args;
  std::map<std::string, std::string> env;
  Address public_bind, public_advertise, private_bind, private_advertise;
  Duration ready_limit{}, grace{};
  bool hold = false;
  std::optional<Instant> lease_until;
  Json limits = Json::object();
  std::uint64_t log_bytes_max = 16 << 20;
  unsigned log_files = 3;
  std::optional<Duration> watchdog;
};
/// What the shim is to do from now on, whole: given on every change and each second. Dead at lease_until (nullopt: no
/// lease); asked to stop when stop_by is set, dead at stop_by.
struct Steer {
  ServerRef ref;
  std::optional<Instant> lease_until, stop_by;
};
/// The database has taken note of its exit: nothing of it needs to be kept.
struct Forget {
  ServerRef ref;
};
/// A datagram from the private socket.
struct SendPrivate {
  Address to;
  std::string bytes;
};
/// A local datagram to the server.
struct Tell {
  ServerRef ref;
  Json message;
};
enum class Level { debug, info, warn, error };
struct Say {
  Level level;
  std::string text;
};
struct Quit {
  int status;
};

using Action = std::variant<Listen, Unlisten, Register, Pin, Heartbeat, Report, Spawn, Steer, Forget, SendPrivate, Tell,
                            Say, Quit>;
using Actions = std::vector<Action>;

/// Exit status of an agent whose name or identity the database refuses.
inline constexpr int status_refused = 3;
/// Reports in one call at most.
inline constexpr std::size_t report_batch_max = 200;

class AgentCore {
 public:
  explicit AgentCore(AgentIdentity self) : self_(std::move(self)) {}

  Actions on(const Event& event, Instant now);
  std::optional<Instant> next_deadline() const;

 private:
  enum class State { starting, ready, stopping };
  enum class Link { away, registering, refused, registered };
  struct Server {
    ServerRef ref;
    std::string cluster, kind, key;
    State state = State::starting;
    int pid = 0;
    Duration ready_limit{}, grace{};
    Instant ready_by{};
    std::optional<Instant> kill_at;
    bool killed = false;
    std::string why;  // the agent's own reason to end it; goes before the exit's words
    bool why_is_all = false;
  };
  struct Cluster {
    std::string state;
    std::optional<Instant> stops_at;
    Json notice_id;
  };

  void handle(const DatabaseConnected&);
  void handle(const DatabaseLost&);
  void handle(const RegisterAnswer&);
  void handle(const HeartbeatAnswer&);
  void handle(const ReportAnswer&);
  void handle(const Doorbell&);
  void handle(const ProcessStarted&);
  void handle(const ProcessFailed&);
  void handle(const ProcessReady&);
  void handle(const ProcessExited&);
  void handle(const LoadSample&);
  void handle(const StopAsked&);
  void handle(const Timer&);

  void refuse(const Error& error);
  void register_anew();
  void carry_out(const Json& command);
  void start(CommandId command, const std::string& cluster, ServerRef ref, const Json& spec);
  void stop(CommandId command, ServerRef ref, Duration grace);
  void learn_clusters(const Json& clusters);
  void end(Server& server, Duration grace, std::string why);
  void kill(Server& server);
  void acknowledge(CommandId command, const std::string& error = {});
  void report_exit(ServerRef ref, Json exit_code, Json signal, const std::string& reason, bool by_agent = false);
  Server* find(ServerRef ref);
  void tell_state(const Server& server);
  Json inventory() const;
  void run_due();
  void heartbeat_if_due();
  void report_if_any();
  void quit(int status);
  void say(Level level, std::string text) { out_.push_back(Say{level, std::move(text)}); }
  std::optional<Instant> lease_end() const;

  AgentIdentity self_;
  Instant now_{};
  Actions out_;

  Link link_ = Link::away;
  bool away_ = false;  // the database was found away and it was said
  Instant away_since_{}, away_say_at_{};
  std::string away_error_;
  std::optional<Instant> register_at_;
  Instant register_sent_{};

  bool ever_registered_ = false;
  AgentId agent_;
  std::string token_;
  Duration heartbeat_every_ = std::chrono::seconds{1}, lease_{};
  std::optional<Instant> lease_from_;  // when the last answered heartbeat was sent
  bool lease_lapsed_ = false;

  Instant heartbeat_at_{}, heartbeat_sent_{};
  bool heartbeat_under_way_ = false, heartbeat_again_ = false, want_inventory_ = true, inventory_sent_ = false;
  Json load_ = Json::object();

  std::deque<Json> reports_;
  std::size_t reports_under_way_ = 0, report_batch_ = report_batch_max;
  std::optional<Instant> report_at_;  // not before, after an error

  std::map<ServerId, Server> servers_;
  std::map<ServerRef, CommandId> pending_start_;
  std::map<ServerId, Epoch> seen_;   // highest epoch ever started here: never started twice
  std::set<ServerRef> exit_untold_;  // exits the database has not acknowledged yet
  std::map<std::string, Cluster> clusters_;
  std::optional<Instant> relay_at_;

  std::optional<Instant> quit_by_;  // set once all servers are gone
  bool quitting_ = false;           // told to stop
  bool quit_ = false;               // Quit was given; nothing follows
};

}  // namespace orrery::agents
