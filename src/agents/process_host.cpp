// Starting servers, finding those of an earlier agent, and what is told of all of them.
#include "agents/process_host.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "agents/files.h"
#include "agents/machine.h"
#include "agents/process_host_impl.h"
#include "agents/run_dir.h"
#include "agents/unix_datagram.h"
#include "base/log.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

constexpr Duration adopt_limit = 1s;

}  // namespace

ProcessHost::Impl::Impl(event_base* base, ProcessHostConfig config, Handlers handlers)
    : base_(base), config_(std::move(config)), handlers_(std::move(handlers)), boot_id_(read_boot_id()) {
  if (config_.shim_path.empty()) {
    std::error_code error;
    config_.shim_path = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "orrery-shim";
  }
}

Status ProcessHost::Impl::open() {
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

Result<std::vector<Event>> ProcessHost::Impl::adopt() {
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
      if (const Result<bool> ended = end_without_plan(path, parts->first, parts->second); !ended) return ended.error();
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

void ProcessHost::Impl::spawn(const Spawn& spawn) {
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
      return post_failed(spawn.ref, "EEXIST: " + planner_.run_path(spawn.ref) + " is of another start of this server");
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

void ProcessHost::Impl::forget(ServerRef ref) {
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

void ProcessHost::Impl::tell(ServerRef ref, const std::string& text, std::optional<CommandId> command) {
  const Server* server = find(ref);
  if (!server || server->phase != Phase::running) return;
  if (!send_datagram(servers_socket_, SpawnPlanner::server_socket(server->directory, server->plan.user.has_value()),
                     text)) {
    spdlog::debug("server {} did not take a datagram: {}", ref.server.value, std::strerror(errno));
  } else if (command) {
    post([this, sent = TellSent{*command}] { handlers_.tell_sent(sent); });
  }
}

// Small things

bool ProcessHost::Impl::in_use(const std::string& directory) const {
  return std::any_of(servers_.begin(), servers_.end(),
                     [&](const auto& entry) { return entry.second.plan.directory == directory; });
}

void ProcessHost::Impl::remove(const std::string& path) {
  if (const Status removed = leftovers_.remove(path); !removed) spdlog::error("{}", removed.error().message);
}

EventPtr ProcessHost::Impl::make_event(int fd, short what, void (*act)(Impl&)) {
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

void ProcessHost::Impl::give_posted() {
  while (!posted_.empty()) {
    const auto tell = std::move(posted_.front());
    posted_.pop_front();
    tell();
  }
}

// What is to be told is posted, so that handlers run from the loop only and may call what they like.
void ProcessHost::Impl::post(std::function<void()> tell) {
  posted_.push_back(std::move(tell));
  event_active(post_event_.get(), EV_TIMEOUT, 0);
}

void ProcessHost::Impl::post_started(const Server& server) {
  post([this, started = ProcessStarted{server.ref, server.state.pid}] { handlers_.started(started); });
}

void ProcessHost::Impl::post_failed(ServerRef ref, std::string why) {
  post([this, failure = ProcessFailed{ref, std::move(why)}] { handlers_.failed(failure); });
}

void ProcessHost::Impl::post_last_word(const Server& server) {
  if (!server.told_started && !server.state.started) return post_failed(server.ref, server.state.words);
  post([this, exited = exit_of(server)] { handlers_.exited(exited); });
}

// Starting

Status ProcessHost::Impl::begin(const Spawn& spawn) {
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

void ProcessHost::Impl::answer_again(Server& server) {
  if (server.phase == Phase::ended) return post_last_word(server);
  if (server.told_started) post_started(server);
}

// Finding again

// False when it was never made. Error when that is not known, as of take_over.
Result<bool> ProcessHost::Impl::take_over_start(ServerRef ref) {
  const std::string directory = planner_.run_path(ref);
  struct stat info {};
  if (lstat(directory.c_str(), &info) == 0) return take_over(directory, ref.server, low_half(ref.epoch));
  return errno == ENOENT ? Result<bool>(false) : system_error(directory);
}

// False when the directory was of no start and is gone now. Error when it is not known whether its shim lives.
Result<bool> ProcessHost::Impl::take_over(const std::string& directory, ServerId id, std::uint32_t low) {
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
Result<bool> ProcessHost::Impl::end_without_plan(const std::string& directory, ServerId id, std::uint32_t low) {
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

Event ProcessHost::Impl::found(const Server& server) {
  const auto state = server.phase == Phase::sweeping                    ? ServerFound::State::stopping
                     : server.state.phase == ShimState::Phase::starting ? ServerFound::State::starting
                     : server.state.phase == ShimState::Phase::ready    ? ServerFound::State::ready
                                                                        : ServerFound::State::stopping;
  return ServerFound{server.ref,       server.plan.cluster,     server.plan.kind,  server.plan.key, state,
                     server.state.pid, server.plan.ready_limit, server.plan.grace, server.plan.hold};
}

// What lies about

void ProcessHost::Impl::look_for_old() {
  leftovers_.look_for_old(config_.data_dir + "/tidied", {config_.data_dir + "/work", config_.data_dir + "/log"},
                          std::int64_t{config_.log_days} * 24 * 3600);
}

bool ProcessHost::Impl::is_needed(const std::string& path) const {
  return in_use(path) || std::any_of(servers_.begin(), servers_.end(), [&](const auto& entry) {
           return !entry.second.plan.log.empty() && path.starts_with(entry.second.plan.log);
         });
}

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
