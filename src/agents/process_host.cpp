#include "agents/process_host.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <thread>

#include "agents/files.h"
#include "agents/json_read.h"
#include "agents/leftovers.h"
#include "agents/machine.h"
#include "agents/processes.h"
#include "agents/run_dir.h"
#include "agents/shim_plan.h"
#include "agents/spawn_plan.h"
#include "agents/sweeper.h"
#include "agents/text.h"
#include "agents/unix_datagram.h"
#include "base/log.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

constexpr Duration tick_every = 1s;
// From a shim's last word until its exit is told though it has not ended: its log may take it as long.
constexpr unsigned last_word_ticks_max = 2;
constexpr unsigned silent_ticks_max = 5;  // in which the host itself ran, so that its own stop is no shim's silence
constexpr Duration sweep_every = 20ms, sweep_every_later = 500ms;
constexpr int sweeps_soon = 50;  // sweeps before they become rare: what is left cannot be killed
constexpr Duration adopt_limit = 1s;
constexpr unsigned tidy_ticks = 3600;
constexpr int datagrams_at_once = 256;
constexpr const char* silent_words = "its shim was silent and was killed";

}  // namespace

class ProcessHost::Impl {
 public:
  Impl(event_base* base, ProcessHostConfig config, Handlers handlers)
      : base_(base), config_(std::move(config)), handlers_(std::move(handlers)), boot_id_(read_boot_id()) {
    if (config_.shim_path.empty()) {
      std::error_code error;
      config_.shim_path = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "orrery-shim";
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status open() {
    if (Status opened = planner_.open(); !opened) return opened;
    for (const auto& [path, into] :
         {std::pair{planner_.shims_path(), &shims_socket_}, {planner_.servers_path(), &servers_socket_}}) {
      Result<Fd> bound = bind_datagram(path);
      if (!bound) return bound.error();
      *into = std::move(*bound);
    }
    if (planner_.has_users() && chmod(planner_.servers_path().c_str(), 0666) != 0) {
      return system_error("chmod " + planner_.servers_path());
    }
    if (Status helper = leftovers_.start(); !helper) return helper;
    listen(shims_event_, shims_socket_.get(), [](Impl& self) { self.hear_shims(); });
    listen(servers_event_, servers_socket_.get(), [](Impl& self) { self.hear_servers(); });
    after(post_event_, [](Impl& self) { self.give_posted(); });
    after(sweep_event_, [](Impl& self) { self.sweep(); });
    after(tick_event_, [](Impl& self) { self.tick(); });
    schedule(tick_event_, tick_every);
    return ok();
  }

  Result<std::vector<Event>> adopt() {
    std::vector<Event> events;
    std::error_code error;
    for (std::filesystem::directory_iterator it(config_.data_dir + "/run", error), end; !error && it != end;
         it.increment(error)) {
      const auto parts = run_name_parts(it->path().filename());
      if (!parts) continue;
      const Result<bool> taken = take_over(it->path(), parts->first, parts->second);
      if (taken) continue;
      const std::string path = it->path();
      const Result<Lock> lock = lock_of(path);
      const auto living = sweeper_.find(parts->first, parts->second);  // what a shim that was killed left behind
      if (!lock || *lock == Lock::held || !living) {
        return Error{"whether a server runs is not known: " + taken.error().message, taken.error().code,
                     "see that the agent can read " + path};
      }
      if (*living) {
        if (const Result<bool> ended = end_without_plan(path, parts->first, parts->second); !ended)
          return ended.error();
        continue;
      }
      spdlog::error(
          "run directory {} cannot be read and is left ({}): nothing of it runs, but how its server ended is not told. "
          "See that the agent can read it and restart the agent, or remove it",
          path, taken.error().message);
    }
    if (error) return Error{"what runs is not known: " + config_.data_dir + "/run: " + error.message()};
    const Instant until = BootClock::now() + adopt_limit;
    while (sweep_once() && BootClock::now() < until) std::this_thread::sleep_for(10ms);
    for (const auto& [ref, server] : servers_) {
      if (server.phase != Phase::ended) events.push_back(found(server));
    }
    for (const auto& [ref, server] : servers_) {
      if (server.phase == Phase::ended) events.push_back(exit_of(server));
    }
    posted_.clear();  // what came to be told is in the events
    for (const char* name : {"/run", "/work", "/log"}) leftovers_.remove_taken(config_.data_dir + name);
    look_for_old();
    return events;
  }

  void spawn(const Spawn& spawn) {
    if (const auto known = servers_.find(spawn.ref); known != servers_.end()) return answer_again(known->second);
    const Result<bool> there = take_over_start(spawn.ref);
    if (!there) {
      const auto [waits, is_new] = unclear_.try_emplace(spawn.ref);
      waits->second.spawn = spawn;
      if (is_new) {
        spdlog::error("whether server {} runs is not known, so it is not started: {}", spawn.ref.server.value,
                      there.error().message);
      }
      return;
    }
    const auto waited = unclear_.extract(spawn.ref);
    const std::optional<Steer> wish = waited ? waited.mapped().wish : std::nullopt;
    if (*there) {
      Server* found = find(spawn.ref);
      if (!found) {
        return post_failed(spawn.ref,
                           "EEXIST: " + planner_.run_path(spawn.ref) + " is of another start of this server");
      }
      if (found->phase == Phase::running) answer_again(*found);
    } else if (waited && !waited.mapped().is_wanted()) {
      return post_failed(spawn.ref, wish && wish->stop_by ? "stopped before it could be started"
                                                          : "its lease ran out before it could be started");
    } else if (const Status begun = begin(waited ? waited.mapped().spawn : spawn); !begun) {
      return post_failed(spawn.ref, begun.error().message);
    }
    if (wish) steer(*wish);
  }

  void steer(const Steer& steer) {
    if (const auto waits = unclear_.find(steer.ref); waits != unclear_.end()) waits->second.hear(steer);
    Server* server = find(steer.ref);
    if (!server || server->phase == Phase::ended) return;
    server->wish = ShimWish{steer.lease_until, steer.stop_by, steer.keep_lease, steer.shutdown_at, steer.keep_shutdown};
    send_wish(*server);
  }

  void forget(ServerRef ref) {
    const auto found = servers_.find(ref);
    if (found == servers_.end() || found->second.phase != Phase::ended) return;
    if (found->second.pidfd) {  // its shim may still write there
      found->second.is_forgotten = true;
      return;
    }
    const Server server = std::move(found->second);
    servers_.erase(found);
    remove(server.directory);
    if (server.plan.directory.empty() || in_use(server.plan.directory)) return;
    const auto& terms = server.plan.terms;
    const bool well =
        server.state.exit_code == 0 || (server.state.asked && terms && server.state.signal == terms->stop_signal);
    if (well) {
      remove(server.plan.directory);
    } else {
      rmdir(server.plan.directory.c_str());  // nothing to see in it
    }
  }

  void tell(ServerRef ref, const std::string& text, std::optional<CommandId> command) {
    const Server* server = find(ref);
    if (!server || server->phase != Phase::running) return;
    if (!send_datagram(servers_socket_, SpawnPlanner::server_socket(server->directory, server->plan.user.has_value()),
                       text)) {
      spdlog::debug("server {} did not take a datagram: {}", ref.server.value, std::strerror(errno));
    } else if (command) {
      post([this, sent = TellSent{*command}] { handlers_.tell_sent(sent); });
    }
  }

 private:
  // running: its shim lives. sweeping: that is gone, and of what it ran there may be something left. ended: its exit is
  // told; its shim is gone too, or hangs in the disk after its last word (pidfd).
  enum class Phase { running, sweeping, ended };
  // A start of which it is not known whether it was made before, and what was wanted of it meanwhile.
  struct Unclear {
    Spawn spawn;
    std::optional<Steer> wish;

    void hear(const Steer& steer) {
      wish = steer;
      if (!steer.keep_lease) spawn.lease_until = steer.lease_until;
    }
    bool is_wanted() const {
      const bool is_lease_over = !spawn.hold && spawn.lease_until && *spawn.lease_until <= BootClock::now();
      return !is_lease_over && !(wish && wish->stop_by);
    }
  };
  struct Server {
    Impl* host;
    ServerRef ref;
    std::string directory;
    ShimPlan plan;
    Phase phase = Phase::running;
    ShimState state{};  // as last heard
    Fd pidfd{};         // of the shim; -1 while that is not known, and once it has ended
    bool told_started = false, told_ready = false;
    std::string told_counters{};
    bool silenced = false;      // its shim was killed for its silence
    bool is_forgotten = false;  // as soon as its shim has ended
    unsigned silent_ticks = 0;
    std::optional<ShimWish> wish{};
    bool wish_sent = true;
    EventPtr end_event{};
  };

  // Small things

  Server* find(ServerRef ref) {
    const auto found = servers_.find(ref);
    return found == servers_.end() ? nullptr : &found->second;
  }
  bool in_use(const std::string& directory) const {
    return std::any_of(servers_.begin(), servers_.end(),
                       [&](const auto& entry) { return entry.second.plan.directory == directory; });
  }
  void remove(const std::string& path) {
    if (const Status removed = leftovers_.remove(path); !removed) spdlog::error("{}", removed.error().message);
  }
  void listen(EventPtr& into, int fd, void (*act)(Impl&)) { into = make_event(fd, EV_READ | EV_PERSIST, act); }
  void after(EventPtr& into, void (*act)(Impl&)) { into = make_event(-1, 0, act); }
  EventPtr make_event(int fd, short what, void (*act)(Impl&)) {
    calls_.push_back({this, act});
    EventPtr made(event_new(
        base_, fd, what,
        [](evutil_socket_t, short, void* to) {
          const auto* call = static_cast<const Call*>(to);
          call->act(*call->host);
        },
        &calls_.back()));
    if (fd >= 0) event_add(made.get(), nullptr);
    return made;
  }
  static void schedule(const EventPtr& event, Duration wait) {
    const timeval time = to_timeval(wait);
    event_add(event.get(), &time);
  }
  // What is to be told is posted, so that handlers run from the loop only and may call what they like.
  void post(std::function<void()> tell) {
    posted_.push_back(std::move(tell));
    event_active(post_event_.get(), EV_TIMEOUT, 0);
  }
  void give_posted() {
    while (!posted_.empty()) {
      const auto tell = std::move(posted_.front());
      posted_.pop_front();
      tell();
    }
  }
  void post_started(const Server& server) {
    post([this, started = ProcessStarted{server.ref, server.state.pid}] { handlers_.started(started); });
  }
  void post_failed(ServerRef ref, std::string why) {
    post([this, failure = ProcessFailed{ref, std::move(why)}] { handlers_.failed(failure); });
  }
  void post_last_word(const Server& server) {
    if (!server.told_started && !server.state.started) return post_failed(server.ref, server.state.words);
    post([this, exited = exit_of(server)] { handlers_.exited(exited); });
  }

  // Starting

  Status begin(const Spawn& spawn) {
    const std::string directory = planner_.run_path(spawn.ref);
    Result<ShimPlan> plan = planner_.plan_for(spawn);
    if (!plan) return plan.error();
    const Result<Fd> secret = planner_.credential(spawn);
    if (!secret) return secret.error();
    if (Status made = make_work_directory(*plan); !made) return made;
    Server server{this, spawn.ref, directory, std::move(*plan)};
    const Result<Fd> state = make_run_dir(directory, server.plan, boot_id_);
    if (!state) return state.error();
    const Result<pid_t> pid =
        launch_shim(config_.shim_path, directory, server.plan, planner_.servers_path(), *secret, *state);
    if (!pid) {
      std::error_code ignored;
      std::filesystem::remove_all(directory, ignored);
      return pid.error();
    }
    server.state.shim_pid = *pid;
    server.state.boot_id = boot_id_;
    watch(servers_.insert_or_assign(spawn.ref, std::move(server)).first->second);
    return ok();
  }

  static std::uint32_t low_half(Epoch epoch) { return static_cast<std::uint32_t>(epoch.value); }

  void answer_again(Server& server) {
    if (server.phase == Phase::ended) return post_last_word(server);
    if (server.told_started) post_started(server);
  }

  // Finding again

  // False when it was never made. Error when that is not known, as of take_over.
  Result<bool> take_over_start(ServerRef ref) {
    const std::string directory = planner_.run_path(ref);
    struct stat info {};
    if (lstat(directory.c_str(), &info) == 0) return take_over(directory, ref.server, low_half(ref.epoch));
    return errno == ENOENT ? Result<bool>(false) : system_error(directory);
  }

  // False when the directory was of no start and is gone now. Error when it is not known whether its shim lives.
  Result<bool> take_over(const std::string& directory, ServerId id, std::uint32_t low) {
    const Result<Lock> lock = lock_of(directory);
    if (!lock) return lock.error();
    const Result<std::string> text = read_file(directory + "/" + plan_name);
    // What lies there in place of the plan is none.
    const bool is_lost = !text && *lock == Lock::held && text.error().code == "EISDIR";
    if (!text && !is_lost && text.error().code != "ENOENT") return text.error();
    const auto plan = text ? plan_of(*text) : std::nullopt;
    if (!plan || plan->server != id || low_half(plan->epoch) != low) {
      if (*lock == Lock::held) return end_without_plan(directory, id, low);
      // The shim is started after the plan was written: without one there was none.
      spdlog::warn("{} has no plan: it is removed", directory);
      if (const Status removed = leftovers_.remove(directory); !removed) return removed.error();
      return false;
    }
    const ServerRef ref{plan->server, plan->epoch};
    if (servers_.contains(ref)) return true;
    Server& server = servers_.emplace(ref, Server{this, ref, directory, *plan}).first->second;
    if (*lock == Lock::free) {
      server.told_started = server.told_ready = true;
      on_shim_gone(server);
      return true;
    }
    if (const auto state = read_state_of(directory); state && *state) {
      server.state = **state;
    } else {
      spdlog::error("{}/{} cannot be read{}: what the shim says counts", directory, state_name,
                    state ? "" : " (" + state.error().message + ")");
    }
    server.told_started = server.state.started;
    server.told_ready = server.state.phase == ShimState::Phase::ready;
    tell_counters(server);
    watch(server);
    return true;
  }

  // How long it may live, and where its server's things are, is lost: it is killed with its server. Both name it.
  Result<bool> end_without_plan(const std::string& directory, ServerId id, std::uint32_t low) {
    const auto holder = sweeper_.find(id, low);
    if (!holder) return holder.error();
    if (!*holder) return Error{directory + " has no plan, and whoever holds its lock is not found"};
    const ServerRef ref = **holder;
    if (servers_.contains(ref)) return true;
    spdlog::error("{} has no plan, though what it started lives: it is killed", directory);
    ShimPlan plan;
    plan.server = ref.server;
    plan.epoch = ref.epoch;
    Server& server = servers_.emplace(ref, Server{this, ref, directory, plan}).first->second;
    server.told_started = true;
    server.state.words = "its plan was lost, so its shim was killed";
    sweep_soon(server);
    return true;
  }

  // The number is the shim's when the shim, which wrote it, lives afterwards.
  void watch(Server& server) {
    if (server.state.shim_pid <= 0) return;
    server.pidfd = open_pidfd(server.state.shim_pid);
    const Result<Lock> lock = lock_of(server.directory);
    if (!server.pidfd || !lock || *lock != Lock::held) {
      // Gone, or not yet begun; of a child of ours the number is nobody else's.
      if (!server.pidfd ||
          waitid(P_PIDFD, static_cast<id_t>(server.pidfd.get()), nullptr, WEXITED | WNOHANG | WNOWAIT) != 0) {
        server.pidfd = Fd();
        return;  // tick() sees to it
      }
    }
    server.end_event.reset(event_new(
        base_, server.pidfd.get(), EV_READ,
        [](evutil_socket_t, short, void* of) {
          auto* ended = static_cast<Server*>(of);
          ended->host->on_shim_end(*ended);
        },
        &server));
    event_add(server.end_event.get(), nullptr);
  }

  Event found(const Server& server) {
    const auto state = server.phase == Phase::sweeping                    ? ServerFound::State::stopping
                       : server.state.phase == ShimState::Phase::starting ? ServerFound::State::starting
                       : server.state.phase == ShimState::Phase::ready    ? ServerFound::State::ready
                                                                          : ServerFound::State::stopping;
    return ServerFound{server.ref,       server.plan.cluster,     server.plan.kind,  server.plan.key, state,
                       server.state.pid, server.plan.ready_limit, server.plan.grace, server.plan.hold};
  }

  // Hearing

  void hear_shims() {
    for (int i = 0; i < datagrams_at_once; ++i) {
      const auto got = receive_datagram(shims_socket_, datagram_bytes_max);
      if (!got) return;
      const auto news = news_of(got->text);
      Server* server = news ? find({news->server, news->epoch}) : nullptr;
      if (!server || server->phase != Phase::running) continue;
      if (server->state.shim_pid == 0 && got->uid == geteuid() && got->pid == news->state.shim_pid) {
        believe(*server, got->pid);
      }
      if (got->pid == 0 || got->pid != server->state.shim_pid) continue;
      server->silent_ticks = 0;
      learn(*server, news->state);
    }
  }

  // Whose shim it is was not to be read from its file, but it says so itself, and it lives.
  void believe(Server& server, pid_t shim_pid) {
    server.state.shim_pid = shim_pid;
    watch(server);
    if (!server.pidfd) server.state.shim_pid = 0;
  }

  void tell_counters(Server& server) {
    if (server.state.counters == server.told_counters || !handlers_.counted) return;
    server.told_counters = server.state.counters;
    post([this, counted = ProcessCounted{server.ref, Json::parse(server.told_counters, nullptr, false)}] {
      handlers_.counted(counted);
    });
  }

  void learn(Server& server, const ShimState& state) {
    if (server.state.phase == ShimState::Phase::exited) return;  // that was its last word
    const pid_t shim_pid = server.state.shim_pid;
    server.state = state;
    server.state.shim_pid = shim_pid;
    if (!server.wish_sent) send_wish(server);
    if (state.started && !server.told_started) {
      server.told_started = true;
      post_started(server);
    }
    if (state.phase == ShimState::Phase::ready && !server.told_ready) {
      server.told_ready = true;
      post([this, ready = ProcessReady{server.ref}] { handlers_.ready(ready); });
    }
    tell_counters(server);
  }

  void send_wish(Server& server) {
    server.wish_sent = send_datagram(shims_socket_, server.directory + "/" + shim_socket_name, to_text(*server.wish));
  }

  // What servers say each second is for the log only.
  void hear_servers() {
    for (int i = 0; i < datagrams_at_once; ++i) {
      const auto got = receive_datagram(servers_socket_, datagram_bytes_max);
      if (!got) return;
      const Json said = Json::parse(got->text, nullptr, false);
      spdlog::trace("server {} has {} sessions", read_u64(said, "server_id"), read_int(said, "sessions", -1));
    }
  }

  // Ending

  void on_shim_end(Server& server) {
    hear_shims();
    waitid(P_PIDFD, static_cast<id_t>(server.pidfd.get()), nullptr, WEXITED | WNOHANG);  // a child of ours, or not
    if (server.phase != Phase::ended) return on_shim_gone(server);
    server.end_event.reset();
    server.pidfd = Fd();
    if (server.is_forgotten) forget(server.ref);
  }

  // What it has written is its last. Its last word may have been heard, and not been written for a disk that hangs.
  void on_shim_gone(Server& server) {
    server.end_event.reset();
    server.pidfd = Fd();
    ShimState& state = server.state;
    bool is_read = true;
    if (state.phase != ShimState::Phase::exited) {
      const auto last = read_state_of(server.directory);
      is_read = last && *last;
      if (is_read && state.shim_pid == 0) state.shim_pid = (*last)->shim_pid;
      if (is_read) learn(server, **last);
      if (!is_read) server.told_started = true;  // it may have run
    }
    if (state.phase == ShimState::Phase::exited) return conclude(server);
    state.exit_code.reset();
    state.signal.reset();
    if (!state.boot_id.empty() && state.boot_id != boot_id_) {
      state.words = "the machine was rebooted";
      return conclude(server);
    }
    state.words = server.silenced       ? silent_words
                  : !is_read            ? "its state could not be read"
                  : state.shim_pid == 0 ? "the agent ended while it was being started"
                                        : "its shim was killed";
    sweep_soon(server);
  }

  void sweep_soon(Server& server) {
    server.phase = Phase::sweeping;
    sweeper_.add(server.ref);
    sweeps_ = 0;
    schedule(sweep_event_, 0ns);
  }

  void conclude(Server& server) {
    server.phase = Phase::ended;
    post_last_word(server);
  }

  ProcessExited exit_of(const Server& server) const {
    const ShimState& state = server.state;
    return {server.ref,
            state.exit_code,
            state.signal,
            state.words,
            state.by_lease || state.by_shutdown || state.phase != ShimState::Phase::exited,
            state.by_lease && !state.by_shutdown};
  }

  // True while something is left.
  bool sweep_once() {
    for (const ServerRef ref : sweeper_.sweep()) conclude(*find(ref));
    return !sweeper_.is_done();
  }

  void sweep() {
    if (sweep_once()) schedule(sweep_event_, ++sweeps_ < sweeps_soon ? sweep_every : sweep_every_later);
  }

  // Each second

  void tick() {
    schedule(tick_event_, tick_every);
    hear_shims();
    for (auto& [ref, server] : servers_) {
      if (server.phase != Phase::running && !server.pidfd) continue;
      ++server.silent_ticks;
      if (!server.pidfd && !find_shim(server)) continue;
      const bool is_over = server.phase == Phase::running && server.state.phase == ShimState::Phase::exited;
      if (is_over && server.silent_ticks > last_word_ticks_max) conclude(server);
      if (server.silent_ticks <= silent_ticks_max) continue;
      say_silent(server);
      signal_pidfd(server.pidfd, SIGKILL);
    }
    for (const auto& [ref, start] : std::map(unclear_)) spawn(start.spawn);
    for (const std::string& error : leftovers_.errors()) spdlog::error("{}", error);
    for (const std::string& path : leftovers_.found()) {
      if (!is_needed(path)) remove(path);
    }
    if (++ticks_ % tidy_ticks == 0) look_for_old();
  }

  // False when it is gone, or not found.
  bool find_shim(Server& server) {
    const Result<Lock> lock = lock_of(server.directory);
    if (!lock) return false;
    // After the lock: what a shim that is gone has written is its last.
    const auto state = read_state_of(server.directory);
    const bool may_pass = !state && server.silent_ticks <= silent_ticks_max;  // no descriptor for it, say
    if (*lock == Lock::free) {
      if (!may_pass) on_shim_gone(server);
      return false;
    }
    if (state && *state && (*state)->shim_pid > 0) {
      server.state.shim_pid = (*state)->shim_pid;
      learn(server, **state);
      watch(server);
    } else if (server.state.shim_pid == 0 && server.silent_ticks > silent_ticks_max) {
      kill_unknown_shim(server);
    }
    return static_cast<bool>(server.pidfd);
  }
  // Neither its file nor it itself says who it is.
  void kill_unknown_shim(Server& server) {
    const auto holder = sweeper_.find(server.ref.server, low_half(server.ref.epoch));
    if (!holder || *holder != server.ref) return;
    say_silent(server);
    server.told_started = true;  // it may have run
    server.state.words = silent_words;
    sweep_soon(server);
  }
  static void say_silent(Server& server) {
    if (std::exchange(server.silenced, true)) return;
    spdlog::error("the shim of server {} is silent: it is killed", server.ref.server.value);
  }

  void look_for_old() {
    leftovers_.look_for_old(config_.data_dir + "/tidied", {config_.data_dir + "/work", config_.data_dir + "/log"},
                            std::int64_t{config_.log_days} * 24 * 3600);
  }
  bool is_needed(const std::string& path) const {
    return in_use(path) || std::any_of(servers_.begin(), servers_.end(), [&](const auto& entry) {
             return !entry.second.plan.log.empty() && path.starts_with(entry.second.plan.log);
           });
  }

  struct Call {
    Impl* host;
    void (*act)(Impl&);
  };

  event_base* base_;
  ProcessHostConfig config_;
  Handlers handlers_;
  std::string boot_id_;
  SpawnPlanner planner_{config_};
  Sweeper sweeper_{planner_.servers_path()};
  Fd shims_socket_, servers_socket_;
  std::deque<Call> calls_;
  EventPtr shims_event_, servers_event_, post_event_, sweep_event_, tick_event_;
  std::deque<std::function<void()>> posted_;
  std::map<ServerRef, Server> servers_;
  std::map<ServerRef, Unclear> unclear_;  // to be started once it is known that they were not
  Leftovers leftovers_;
  int sweeps_ = 0;
  unsigned ticks_ = 0;
};

ProcessHost::ProcessHost(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProcessHost::~ProcessHost() = default;

Result<std::unique_ptr<ProcessHost>> ProcessHost::make(event_base* base, ProcessHostConfig config, Handlers handlers) {
  auto impl = std::make_unique<Impl>(base, std::move(config), std::move(handlers));
  if (Status opened = impl->open(); !opened) return opened.error();
  return std::unique_ptr<ProcessHost>(new ProcessHost(std::move(impl)));
}
Result<std::vector<Event>> ProcessHost::adopt() { return impl_->adopt(); }
void ProcessHost::spawn(const Spawn& spawn) { impl_->spawn(spawn); }
void ProcessHost::steer(const Steer& steer) { impl_->steer(steer); }
void ProcessHost::forget(ServerRef ref) { impl_->forget(ref); }
void ProcessHost::tell(ServerRef ref, const std::string& text, std::optional<CommandId> command) {
  impl_->tell(ref, text, command);
}

}  // namespace orrery::agents
