// What a ProcessHost hears of its shims, what it wants of them, and how they and their servers end.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agents/json_read.h"
#include "agents/process_host_impl.h"
#include "agents/processes.h"
#include "agents/run_dir.h"
#include "agents/unix_datagram.h"
#include "base/log.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

// From a shim's last word until its exit is told though it has not ended: its log may take it as long.
constexpr unsigned last_word_ticks_max = 2;
constexpr unsigned silent_ticks_max = 5;  // in which the host itself ran, so that its own stop is no shim's silence
constexpr Duration sweep_every = 20ms, sweep_every_later = 500ms;
constexpr int sweeps_soon = 50;  // sweeps before they become rare: what is left cannot be killed
constexpr unsigned tidy_ticks = 3600;
constexpr int datagrams_at_once = 256;
constexpr const char* silent_words = "its shim was silent and was killed";

}  // namespace

// Wishes and news

void ProcessHost::Impl::steer(const Steer& steer) {
  if (const auto waits = unclear_.find(steer.ref); waits != unclear_.end()) waits->second.hear(steer);
  Server* server = find(steer.ref);
  if (!server || server->phase == Phase::ended) return;
  server->wish = ShimWish{steer.lease_until, steer.stop_by, steer.keep_lease, steer.shutdown_at, steer.keep_shutdown};
  send_wish(*server);
}

void ProcessHost::Impl::send_wish(Server& server) {
  server.wish_sent = send_datagram(shims_socket_, server.directory + "/" + shim_socket_name, to_text(*server.wish));
}

// The number is the shim's when the shim, which wrote it, lives afterwards.
void ProcessHost::Impl::watch(Server& server) {
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

void ProcessHost::Impl::hear_shims() {
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
void ProcessHost::Impl::believe(Server& server, pid_t shim_pid) {
  server.state.shim_pid = shim_pid;
  watch(server);
  if (!server.pidfd) server.state.shim_pid = 0;
}

void ProcessHost::Impl::tell_counters(Server& server) {
  if (server.state.counters == server.told_counters || !handlers_.counted) return;
  server.told_counters = server.state.counters;
  post([this, counted = ProcessCounted{server.ref, Json::parse(server.told_counters, nullptr, false)}] {
    handlers_.counted(counted);
  });
}

void ProcessHost::Impl::learn(Server& server, const ShimState& state) {
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

// What servers say each second is for the log only.
void ProcessHost::Impl::hear_servers() {
  for (int i = 0; i < datagrams_at_once; ++i) {
    const auto got = receive_datagram(servers_socket_, datagram_bytes_max);
    if (!got) return;
    const Json said = Json::parse(got->text, nullptr, false);
    spdlog::trace("server {} has {} sessions", read_u64(said, "server_id"), read_int(said, "sessions", -1));
  }
}

// Ending

void ProcessHost::Impl::on_shim_end(Server& server) {
  hear_shims();
  waitid(P_PIDFD, static_cast<id_t>(server.pidfd.get()), nullptr, WEXITED | WNOHANG);  // a child of ours, or not
  if (server.phase != Phase::ended) return on_shim_gone(server);
  server.end_event.reset();
  server.pidfd = Fd();
  if (server.is_forgotten) forget(server.ref);
}

// What it has written is its last. Its last word may have been heard, and not been written for a disk that hangs.
void ProcessHost::Impl::on_shim_gone(Server& server) {
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

void ProcessHost::Impl::sweep_soon(Server& server) {
  server.phase = Phase::sweeping;
  sweeper_.add(server.ref);
  sweeps_ = 0;
  schedule(sweep_event_, 0ns);
}

void ProcessHost::Impl::conclude(Server& server) {
  server.phase = Phase::ended;
  post_last_word(server);
}

ProcessExited ProcessHost::Impl::exit_of(const Server& server) const {
  const ShimState& state = server.state;
  return {server.ref,
          state.exit_code,
          state.signal,
          state.words,
          state.by_lease || state.by_shutdown || state.phase != ShimState::Phase::exited,
          state.by_lease && !state.by_shutdown};
}

// True while something is left.
bool ProcessHost::Impl::sweep_once() {
  for (const ServerRef ref : sweeper_.sweep()) conclude(*find(ref));
  return !sweeper_.is_done();
}

void ProcessHost::Impl::sweep() {
  if (sweep_once()) schedule(sweep_event_, ++sweeps_ < sweeps_soon ? sweep_every : sweep_every_later);
}

// Each second

void ProcessHost::Impl::tick() {
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
bool ProcessHost::Impl::find_shim(Server& server) {
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
void ProcessHost::Impl::kill_unknown_shim(Server& server) {
  const auto holder = sweeper_.find(server.ref.server, low_half(server.ref.epoch));
  if (!holder || *holder != server.ref) return;
  say_silent(server);
  server.told_started = true;  // it may have run
  server.state.words = silent_words;
  sweep_soon(server);
}

void ProcessHost::Impl::say_silent(Server& server) {
  if (std::exchange(server.silenced, true)) return;
  spdlog::error("the shim of server {} is silent: it is killed", server.ref.server.value);
}

}  // namespace orrery::agents
