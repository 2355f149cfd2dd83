#include "agents/agent_loop.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>

#include "agents/agent_core.h"
#include "agents/machine.h"
#include "agents/process_host.h"
#include "agents/text.h"
#include "base/log.h"
#include "pg/control_api.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

// An answer later than this is as good as none: well under any lease.
constexpr Duration query_timeout = 5s;

struct BaseFree {
  void operator()(event_base* base) const { event_base_free(base); }
};

// Tells systemd, if it started us, that we run.
void notify_systemd() {
  const char* path = getenv("NOTIFY_SOCKET");
  if (!path) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(address.sun_path));
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (sendto(fd.get(), "READY=1", 7, MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    spdlog::warn("cannot notify {}: {}", path, std::strerror(errno));
  }
  unsetenv("NOTIFY_SOCKET");
}

class AgentLoop {
 public:
  explicit AgentLoop(const AgentOptions& options) : options_(options), base_(make_base()) {}

  Result<int> run() {
    if (Status opened = open(); !opened) return opened.error();
    notify_systemd();
    spdlog::info("orrery-agentd {} {}: public {}, private {}, data in {}", options_.version, options_.name,
                 options_.public_bind.host(), options_.private_bind.host(), options_.data_dir);
    pg_->open();
    sample();
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
    if (Status bound = bind_private(); !bound) return bound;
    auto host = ProcessHost::make(
        base_.get(), {options_.data_dir, options_.bin_dir, options_.credentials},
        {[this](ServerRef ref) { give(ProcessReady{ref}); }, [this](const ProcessExited& exited) { give(exited); }});
    if (!host) return host.error();
    host_ = std::move(*host);

    core_ = std::make_unique<AgentCore>(AgentIdentity{options_.name, *identity, machine(), options_.public_bind,
                                                      options_.public_advertise, options_.private_bind,
                                                      options_.private_advertise});
    identity_ = *identity;
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

    timer_.reset(event_new(
        base_.get(), -1, 0, [](int, short, void* self) { static_cast<AgentLoop*>(self)->give(Timer{}); }, this));
    sample_event_.reset(event_new(
        base_.get(), -1, EV_PERSIST, [](int, short, void* self) { static_cast<AgentLoop*>(self)->sample(); }, this));
    const timeval second{1, 0};
    event_add(sample_event_.get(), &second);
    for (const int number : {SIGTERM, SIGINT}) {
      stop_events_.emplace_back(event_new(
          base_.get(), number, EV_SIGNAL | EV_PERSIST,
          [](int, short, void* self) { static_cast<AgentLoop*>(self)->give(StopAsked{}); }, this));
      event_add(stop_events_.back().get(), nullptr);
    }
    ::signal(SIGPIPE, SIG_IGN);
    return ok();
  }

  // Agents will tell each other of doorbells over it; so far what comes is counted and dropped.
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
        [](int, short, void* self) { static_cast<AgentLoop*>(self)->drop_datagrams(); }, this));
    event_add(private_event_.get(), nullptr);
    return ok();
  }

  void drop_datagrams() {
    std::array<char, 2048> bytes;
    while (recv(private_socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) >= 0) ++dropped_;
  }

  Json machine() const {
    Json clusters = Json::array();
    for (const auto& [name, file] : options_.credentials) clusters.push_back(name);
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return {{"host", read_host_name()},
            {"boot_id", read_boot_id()},
            {"version", options_.version},
            {"cpus", options_.cpus > 0 ? options_.cpus : static_cast<unsigned>(std::max(1L, cpus))},
            {"memory_bytes", options_.memory_bytes > 0 ? options_.memory_bytes : read_memory().total_bytes},
            {"public_address", options_.public_advertise.host()},
            {"private_address", options_.private_advertise.host()},
            {"private_port", private_port_},
            {"port_min", options_.port_min},
            {"port_max", options_.port_max},
            {"clusters", clusters}};
  }

  void sample() {
    const CpuTimes now = read_cpu_times();
    const double share = cpu_share(cpu_, now);
    cpu_ = now;
    give(LoadSample{share, read_memory().used_bytes});
  }

  void give(const Event& event) {
    for (const Action& action : core_->on(event, BootClock::now())) {
      std::visit([this](const auto& a) { act(a); }, action);
    }
    const auto at = core_->next_deadline();
    if (!at) {
      event_del(timer_.get());
      return;
    }
    const auto wait = std::max<Duration>(*at - BootClock::now(), 0ns) + 1us;  // rounded up: never early
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(wait).count();
    const timeval after{static_cast<time_t>(us / 1'000'000), static_cast<suseconds_t>(us % 1'000'000)};
    event_add(timer_.get(), &after);
  }

  // An answer of a connection that is gone says nothing about the present one.
  template <class AnswerEvent>
  pg::Answer answer() {
    return [this, connection = connection_](Result<Json> got) {
      if (connection == connection_) give(AnswerEvent{std::move(got)});
    };
  }

  void act(const Listen&) {
    api_->listen([](const Result<Json>& got) {
      if (!got && got.error().code != "connection") spdlog::error("cannot listen: {}", got.error().message);
    });
  }
  void act(const Register&) { api_->agent_register(options_.name, identity_, machine(), answer<RegisterAnswer>()); }
  void act(const Heartbeat& beat) {
    api_->agent_heartbeat(beat.agent, beat.token, beat.load, beat.digest, beat.inventory, answer<HeartbeatAnswer>());
  }
  void act(const Report& report) {
    api_->agent_report(report.agent, report.token, report.reports, answer<ReportAnswer>());
  }
  void act(const Spawn& spawn) {
    const Result<int> pid = host_->spawn(spawn);
    if (pid) {
      give(ProcessStarted{spawn.ref, *pid});
    } else {
      give(ProcessFailed{spawn.ref, pid.error().message});
    }
  }
  void act(const Signal& signal) { host_->signal(signal.ref, signal.kill); }
  void act(const Tell& tell) { host_->tell(tell.ref, to_text(tell.message)); }
  void act(const Say& say) {
    static constexpr std::array levels{spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                       spdlog::level::err};
    spdlog::log(levels[static_cast<std::size_t>(say.level)], "{}", say.text);
  }
  void act(const Quit& quit) {
    status_ = quit.status;
    if (dropped_ > 0) spdlog::info("{} datagrams came to the private socket and were dropped", dropped_);
    spdlog::info("ends with status {}", status_);
    event_base_loopexit(base_.get(), nullptr);
  }

  AgentOptions options_;
  std::unique_ptr<event_base, BaseFree> base_;
  std::string identity_;
  Fd private_socket_;
  std::uint16_t private_port_ = 0;
  std::uint64_t dropped_ = 0;
  std::unique_ptr<AgentCore> core_;
  std::unique_ptr<ProcessHost> host_;
  std::unique_ptr<pg::PgSocket> pg_;
  std::unique_ptr<pg::AgentApi> api_;
  EventPtr private_event_, timer_, sample_event_;
  std::vector<EventPtr> stop_events_;
  CpuTimes cpu_ = read_cpu_times();
  std::uint64_t connection_ = 0;  // grows at each connect and loss
  int status_ = 0;
};

}  // namespace

Result<int> run_agent(const AgentOptions& options) { return AgentLoop(options).run(); }

}  // namespace orrery::agents
