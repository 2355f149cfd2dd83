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

#include "agents/start_terms.h"
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
/// What it counts now, by name, all of it: {"players":{"count":3,"capacity":16}}.
struct ProcessCounted {
  ServerRef ref;
  Json counters;
};
/// `words`: "exit status 0", "killed by signal 9 (Killed)". `not_its_own`: the lease, its shim or the machine ended it;
/// `by_lease`: of these, the lease.
struct ProcessExited {
  ServerRef ref;
  std::optional<int> exit_code, signal;
  std::string words;
  bool not_its_own = false, by_lease = false;
};
/// The message of a Tell with this command was sent.
struct TellSent {
  CommandId command;
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
                           ServerFound, ProcessStarted, ProcessFailed, ProcessReady, ProcessCounted, ProcessExited,
                           TellSent, PrivateDatagram, LoadSample, StopAsked, Timer>;

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
/// when it was started before. One whose terms are an error has failed for it.
struct Spawn {
  ServerRef ref;
  std::string cluster, kind, key, token, command;
  std::vector<std::string> args;
  std::map<std::string, std::string> env;
  Address public_bind, public_advertise, private_bind, private_advertise;  // ports unused
  Result<StartTerms> terms = StartTerms{};
  Duration ready_limit{}, grace{};
  bool hold = false;
  bool database = true;  // it is told how to log in to it
  std::optional<Instant> lease_until;
  Json limits = Json::object();
  std::uint64_t log_bytes_max = 16 << 20;
  unsigned log_files = 3;
  std::optional<Duration> watchdog;
};
/// What the shim is to do from now on, whole: given on every change and each second. Dead at lease_until (nullopt: no
/// lease); asked to stop when stop_by is set, dead at stop_by.
/// Ended as by its cluster's deadline at shutdown_at, should this agent not be there to say so.
struct Steer {
  ServerRef ref;
  std::optional<Instant> lease_until, stop_by;
  bool keep_lease = false;  // no lease is known here: what the shim was told before stays
  std::optional<Instant> shutdown_at{};
  bool keep_shutdown = true;  // nothing is known here of a deadline: likewise
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
/// A local datagram to the server. One with a command is answered by TellSent when it was sent; when it was not, by
/// nothing: the database gives the command again.
struct Tell {
  ServerRef ref;
  Json message;
  std::optional<CommandId> command{};
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
/// Of one whose place another process of its identity took. A service manager must not start it again (the unit's
/// RestartPreventExitStatus): it would take the place back, and so would the other.
inline constexpr int status_superseded = 4;
/// Reports in one call at most.
inline constexpr std::size_t report_batch_max = 200;

class AgentCore {
 public:
  explicit AgentCore(AgentIdentity self) : self_(std::move(self)) {}

  Actions on(const Event& event, Instant now);
  std::optional<Instant> next_deadline() const;
  /// How it is at the last event, in words for whoever watches the process.
  std::string status() const;

 private:
  using State = ServerFound::State;
  // superseded: another process registered under this identity; nothing is obeyed or asked any more.
  enum class Link { away, waiting, registering, registered, superseded };
  struct Server {
    ServerRef ref;
    std::string cluster, kind, key;
    State state = State::starting;
    bool hold = false;
    int pid = 0;
    Duration ready_limit{}, grace{};
    Instant ready_by{};              // once it has a pid: before that its shim alone knows since when it runs
    std::optional<Instant> stop_by;  // when it is killed; not set while stopping: as the agent before this one said
    std::string why;                 // the agent's own reason to end it; goes before the exit's words
    bool why_is_all = false;
    std::set<CommandId> starts, stops;  // under way, reported when done
    Json counters;                      // not yet reported; null: nothing new
  };
  struct Cluster {
    std::string state;
    std::optional<Instant> stops_at;
    Json notice_id;
  };
  struct Relay {
    AgentId agent;
    Address to;
  };
  struct Complaint {
    std::string code;
    Instant again_at;
  };
  using Reports = std::vector<Json>;

  void handle(const DatabaseConnected&);
  void handle(const DatabaseLost&);
  void handle(const RegisterAnswer&);
  void handle(const HeartbeatAnswer&);
  void handle(const ReportAnswer&);
  void handle(const Doorbell&);
  void handle(const ServerFound&);
  void handle(const ProcessStarted&);
  void handle(const ProcessFailed&);
  void handle(const ProcessReady&);
  void handle(const ProcessCounted&);
  void handle(const ProcessExited&);
  void handle(const TellSent&);
  void handle(const PrivateDatagram&);
  void handle(const LoadSample&);
  void handle(const StopAsked&);
  void handle(const Timer&) {}

  // Database (agent_core_database.cpp)
  void obey(const Json& registered);
  Status follow(const Json& database);
  void refuse(const Error& error);
  void register_anew();
  void token_refused(const Error& error);
  void listen(bool wanted);
  void learn_clusters(const Json& clusters);
  void learn_relays(const Json& relays);
  void settle(const Reports& told, bool taken);
  void register_if_due();
  void report_if_any();
  void heartbeat_if_due();
  void forget_told();
  Json inventory() const;

  // Servers (agent_core_servers.cpp)
  void carry_out(const Json& command);
  bool is_reported(CommandId command) const;
  void start(CommandId command, const std::string& cluster, ServerRef ref, const Json& spec);
  void stop(CommandId command, ServerRef ref, Duration grace);
  void stop_unknown(const Json& unknown);
  void end(Server& server, Duration grace, const std::string& why);
  void watch(Server& server);
  void steer(const Server& server);
  void tell_state(const Server& server);
  void steer_if_due();
  void report_exit(ServerRef ref, Reports before, Json exit_code, Json signal, const std::string& reason, bool by_agent,
                   bool by_lease = false);
  Server* find(ServerRef ref);
  std::size_t count(State state) const;

  // All of it (agent_core.cpp)
  void run_due();
  std::optional<Instant> lease_end() const;
  std::string lease_words() const;
  void say_periodically();
  void quit(int status);
  void say(Level level, std::string text) { out_.push_back(Say{level, std::move(text)}); }
  void complain(const std::string& about, const Error& error, const std::string& text);

  AgentIdentity self_;
  Instant now_{};
  Actions out_;

  Link link_ = Link::away;
  bool away_ = false;  // the database was found away and it was said
  Instant away_since_{}, away_say_at_{};
  std::string away_error_;
  std::optional<Instant> register_at_;
  Instant register_sent_{}, registered_at_{};
  bool token_was_refused_ = false;  // soon after the last registration, and was asked for again
  bool name_lost_ = false;          // the database says that another holds the name: ends once no server runs
  bool listening_ = false;

  bool ever_registered_ = false;
  AgentId agent_;
  std::string token_;
  Duration heartbeat_every_ = std::chrono::seconds{1}, lease_{};
  std::optional<Instant> lease_from_;  // when the last answered heartbeat was sent
  bool lease_lapsed_ = false;

  Instant heartbeat_at_{}, heartbeat_sent_{};
  bool heartbeat_under_way_ = false, heartbeat_again_ = false, want_inventory_ = true, inventory_sent_ = false;
  std::optional<Instant> heartbeat_not_before_;  // after a refusal, whoever rings
  std::optional<Instant> bell_at_, bell_last_;   // heartbeats that other agents' datagrams ask for
  std::uint64_t strays_ = 0;                     // private datagrams that were nothing
  std::vector<Relay> relays_;
  Json load_ = Json::object();

  std::deque<Reports> reports_;  // what must be told in one call stands together
  std::size_t reports_under_way_ = 0;
  bool one_by_one_ = false;           // after a refusal: which one was it
  std::optional<Instant> report_at_;  // not before, after an error

  std::map<ServerRef, Server> servers_;
  // Ended; false until the database has taken note, then true while a heartbeat is under way that may still name it.
  std::map<ServerRef, bool> ended_;
  std::map<std::string, Cluster> clusters_;
  std::optional<Instant> steer_at_;
  Instant steered_until_{};  // the lease that all shims were last told

  std::map<std::string, Complaint> complaints_;
  std::optional<Instant> summary_at_;
  std::optional<Instant> quit_by_;  // set once all servers are gone
  bool draining_ = false;
  bool quit_ = false;  // Quit was given; nothing follows
};

}  // namespace orrery::agents
