#include "agents/agent_loop.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>

#include "agents/agent_core.h"
#include "agents/database_pin.h"
#include "agents/event.h"
#include "agents/fd.h"
#include "agents/machine.h"
#include "agents/process_host.h"
#include "agents/service_manager.h"
#include "agents/text.h"
#include "base/log.h"
#include "pg/control_api.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

// An answer later than this is as good as none: well under any lease.
constexpr Duration query_timeout = 5s;

// Datagrams read in one turn of the loop at most, so that a flood holds up nothing else.
constexpr int datagrams_per_turn = 64;
// One longer than this is no doorbell, whatever it says.
constexpr std::size_t bell_bytes_max = 64;
constexpr int status_cannot_go_on = 1;

struct BaseFree {
  void operator()(event_base* base) const { event_base_free(base); }
};

class AgentLoop {
 public:
  explicit AgentLoop(const AgentOptions& options) : options_(options), base_(make_base()) {}

  Result<int> run() {
    if (Status opened = open(); !opened) return opened.error();
    spdlog::info("orrery-agentd {} {}: public {}, private {}, data in {}", options_.version, options_.name,
                 options_.public_bind.host(), options_.private_bind.host(), options_.data_dir);
    const Result<std::vector<Event>> adopted = host_->adopt();
    if (!adopted) return adopted.error();
    for (const Event& found : *adopted) give(found);
    pg_->open();
    sample();
    manager_.tell("READY=1");
    event_base_dispatch(base_.get());
    return status_;
  }

 private:
  static event_base* make_base() {
    event_config* config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    event_base* base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
  }

  Status open() {
    std::error_code error;
    std::filesystem::create_directories(options_.data_dir, error);
    if (error) return Error{"cannot make data directory " + options_.data_dir + ": " + error.message()};
    options_.data_dir = std::filesystem::absolute(options_.data_dir).lexically_normal();
    if (options_.data_dir.ends_with('/')) options_.data_dir.pop_back();
    if (Status held = hold_lock(options_.data_dir + "/lock"); !held) {
      return Error{"data directory " + options_.data_dir + ": " + held.error().message,
                   {},
                   "each agent needs a --data-dir of its own"};
    }
    Result<std::string> identity = load_identity(options_.data_dir + "/identity");
    if (!identity) return identity.error();
    const Result<Json> pinned = load_pin(pin_path());
    if (!pinned) return pinned.error();
    if (Status bound = bind_private(); !bound) return bound;
    if (Status hosted = make_host(); !hosted) return hosted;
    identity_ = *identity;
    core_ = std::make_unique<AgentCore>(AgentIdentity{options_.name, identity_, machine(), options_.public_bind,
                                                      options_.public_advertise, options_.private_bind,
                                                      options_.private_advertise, *pinned});
    make_database();
    make_events();
    ::signal(SIGPIPE, SIG_IGN);
    return ok();
  }

  Status make_host() {
    ProcessHostConfig where{options_.data_dir, options_.bin_dir, options_.credentials};
    where.users = options_.users;
    auto host = ProcessHost::make(
        base_.get(), std::move(where),
        {[this](const ProcessStarted& started) { give(started); },
         [this](const ProcessFailed& failed) { give(failed); }, [this](const ProcessReady& ready) { give(ready); },
         [this](const ProcessExited& exited) { give(exited); }, [this](const TellSent& sent) { give(sent); },
         [this](const ProcessCounted& counted) { give(counted); }});
    if (!host) return host.error();
    host_ = std::move(*host);
    return ok();
  }

  void make_database() {
    pg::PgSocketConfig config;
    config.conninfo = options_.conninfo;
    config.application_name = "orrery-agentd " + options_.name;
    config.query_timeout = query_timeout;
    pg_ = std::make_unique<pg::PgSocket>(
        base_.get(), config,
        pg::PgSocket::Handlers{[this] {
                                 ++connection_;
                                 give(DatabaseConnected{});
                               },
                               [this](const Error& lost) {
                                 ++connection_;
                                 give(DatabaseLost{lost});
                               },
                               [this](const std::string& payload) { give(Doorbell{payload}); }});
    api_ = std::make_unique<pg::AgentApi>(*pg_);
  }

  void make_events() {
    timer_.reset(event_new(
        base_.get(), -1, 0, [](int, short, void* self) { static_cast<AgentLoop*>(self)->give(Timer{}); }, this));
    sample_event_.reset(event_new(
        base_.get(), -1, EV_PERSIST, [](int, short, void* self) { static_cast<AgentLoop*>(self)->sample(); }, this));
    const timeval second{1, 0};
    event_add(sample_event_.get(), &second);
    if (const auto every = manager_.watchdog_every()) {
      watchdog_event_.reset(event_new(
          base_.get(), -1, EV_PERSIST,
          [](int, short, void* self) { static_cast<AgentLoop*>(self)->manager_.tell("WATCHDOG=1"); }, this));
      const timeval wait = to_timeval(*every);
      event_add(watchdog_event_.get(), &wait);
    }
    for (const int number : {SIGTERM, SIGINT}) {
      stop_events_.emplace_back(event_new(
          base_.get(), number, EV_SIGNAL | EV_PERSIST,
          [](int got, short, void* self) { static_cast<AgentLoop*>(self)->stop(got); }, this));
      event_add(stop_events_.back().get(), nullptr);
    }
  }

  std::string pin_path() const { return options_.data_dir + "/database"; }

  // Agents pass doorbells on to each other over it.
  Status bind_private() {
    sockaddr_storage address{};
    Address wanted = options_.private_bind;
    wanted.port = 0;
    socklen_t size = wanted.to_sockaddr(address);
    private_socket_ = Fd(socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!private_socket_ || bind(private_socket_.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
      return Error{"cannot bind private address " + wanted.host() + ": " + std::strerror(errno)};
    }
    size = sizeof address;
    getsockname(private_socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    private_port_ = Address::from_sockaddr(address).port;
    private_event_.reset(event_new(
        base_.get(), private_socket_.get(), EV_READ | EV_PERSIST,
        [](int, short, void* self) { static_cast<AgentLoop*>(self)->read_datagrams(); }, this));
    event_add(private_event_.get(), nullptr);
    return ok();
  }

  void read_datagrams() {
    std::array<char, bell_bytes_max> bytes;
    for (int turn = 0; turn < datagrams_per_turn; ++turn) {
      const ssize_t size = recv(private_socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (size < 0) return;
      give(PrivateDatagram{std::string(bytes.data(), static_cast<std::size_t>(size))});
    }
  }

  void stop(int number) {
    const bool drain = number == SIGINT || options_.drain_on_term;
    spdlog::info("{}: {}", number == SIGINT ? "SIGINT" : "SIGTERM", drain ? "drains" : "hands over");
    manager_.tell("STOPPING=1");
    give(StopAsked{drain});
  }

  Json machine() const {
    Json clusters = Json::array();
    for (const auto& [name, file] : options_.credentials) clusters.push_back(name);
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    Json machine{{"host", read_host_name()},
                 {"boot_id", read_boot_id()},
                 {"version", options_.version},
                 {"cpus", options_.cpus > 0 ? options_.cpus : static_cast<unsigned>(std::max(1L, cpus))},
                 {"memory_bytes", options_.memory_bytes > 0 ? options_.memory_bytes : read_memory().total_bytes},
                 {"public_address", options_.public_advertise.host()},
                 {"private_address", options_.private_advertise.host()},
                 {"private_port", private_port_},
                 {"port_min", options_.port_min},
                 {"port_max", options_.port_max},
                 {"clusters", clusters},
                 {"labels", options_.labels}};
    if (options_.servers_max) machine["servers_max"] = *options_.servers_max;
    return machine;
  }

  void sample() {
    const CpuTimes now = read_cpu_times();
    const double share = cpu_share(cpu_, now);
    cpu_ = now;
    give(LoadSample{share, read_memory().used_bytes});
    manager_.tell_status(core_->status());
  }

  void give(const Event& event) {
    if (over_) return;
    for (const Action& action : core_->on(event, BootClock::now())) {
      std::visit([this](const auto& a) { act(a); }, action);
      if (over_) return;
    }
    const auto at = core_->next_deadline();
    if (!at) {
      event_del(timer_.get());
      return;
    }
    const timeval after = to_timeval(std::max<Duration>(*at - BootClock::now(), 0ns) + 1us);  // rounded up: never early
    event_add(timer_.get(), &after);
  }

  // An answer of a connection that is gone says nothing about the present one.
  template <class AnswerEvent>
  pg::Answer answer() {
    return [this, connection = connection_](Result<Json> got) {
      if (connection == connection_) give(AnswerEvent{std::move(got)});
    };
  }

  void act(const Listen&) { api_->listen(note("listen")); }
  void act(const Unlisten&) { api_->unlisten(note("unlisten")); }
  static pg::Answer note(const char* what) {
    return [what](const Result<Json>& got) {
      if (!got && got.error().code != "connection") spdlog::error("cannot {}: {}", what, got.error().message);
    };
  }
  void act(const Register& registration) {
    api_->agent_register(options_.name, identity_, registration.machine, answer<RegisterAnswer>());
  }
  // Nothing of a database that could not be noted is obeyed.
  void act(const Pin& pin) {
    const Status kept = save_pin(pin_path(), pin.database);
    if (kept) return;
    spdlog::critical("{} ({}); servers go on, and the next agent tries again", kept.error().message, kept.error().hint);
    act(Quit{status_cannot_go_on});
  }
  void act(const Heartbeat& beat) {
    api_->agent_heartbeat(beat.agent, beat.token, beat.load, beat.digest, beat.inventory, answer<HeartbeatAnswer>());
  }
  void act(const Report& report) {
    api_->agent_report(report.agent, report.token, report.reports, answer<ReportAnswer>());
  }
  void act(const Spawn& spawn) { host_->spawn(spawn); }
  void act(const Steer& steer) { host_->steer(steer); }
  void act(const Forget& forget) { host_->forget(forget.ref); }
  void act(const SendPrivate& send) {
    sockaddr_storage address{};
    const socklen_t size = send.to.to_sockaddr(address);
    // A lost one is made up for by the other's heartbeat.
    (void)sendto(private_socket_.get(), send.bytes.data(), send.bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), size);
  }
  void act(const Tell& tell) { host_->tell(tell.ref, to_text(tell.message), tell.command); }
  void act(const Say& say) {
    static constexpr std::array levels{spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                       spdlog::level::err};
    spdlog::log(levels[static_cast<std::size_t>(say.level)], "{}", say.text);
  }
  void act(const Quit& quit) {
    over_ = true;
    status_ = quit.status;
    manager_.tell("STOPPING=1\nSTATUS=ended with status " + std::to_string(status_));
    spdlog::info("ends with status {}", status_);
    event_base_loopexit(base_.get(), nullptr);
  }

  AgentOptions options_;
  std::unique_ptr<event_base, BaseFree> base_;
  std::string identity_;
  Fd private_socket_;
  std::uint16_t private_port_ = 0;
  ServiceManager manager_;
  std::unique_ptr<AgentCore> core_;
  std::unique_ptr<ProcessHost> host_;
  std::unique_ptr<pg::PgSocket> pg_;
  std::unique_ptr<pg::AgentApi> api_;
  EventPtr private_event_, timer_, sample_event_, watchdog_event_;
  std::vector<EventPtr> stop_events_;
  CpuTimes cpu_ = read_cpu_times();
  std::uint64_t connection_ = 0;  // grows at each connect and loss
  bool over_ = false;             // Quit was given
  int status_ = 0;
};

}  // namespace

Result<int> run_agent(const AgentOptions& options) { return AgentLoop(options).run(); }

}  // namespace orrery::agents
