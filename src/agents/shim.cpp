#include "agents/shim.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agents/exec_child.h"
#include "agents/files.h"
#include "agents/notify_text.h"
#include "agents/output_match.h"
#include "agents/port_owner.h"
#include "agents/processes.h"
#include "agents/shim_disk.h"
#include "agents/shim_plan.h"
#include "agents/text.h"
#include "agents/unix_datagram.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

constexpr Duration tell_every = 1s;
constexpr Duration tell_again_after = 20ms;  // the agent's queue was full
constexpr Duration abort_grace = 2s;         // from SIGABRT to SIGKILL
constexpr Duration sweep_every = 20ms;
constexpr Duration sweep_limit = 10s;            // then what cannot be killed is said and left
constexpr int datagrams_at_once = 64;            // so that no sender keeps the loop to itself
constexpr std::size_t output_bytes_max = 65536;  // read at once
constexpr int last_reads_max = 32;               // of what a pipe still holds at the end
constexpr std::size_t tail_bytes_max = 1024;
constexpr Duration log_finish_limit = 2s;  // under what the agent takes for silence
constexpr Duration look_every = 20ms;
constexpr int look_cost_factor = 10;  // so that looking takes a tenth of a processor at most
constexpr int look_age_divisor = 50;  // so that what starts for long is not found much later for it, but costs little
constexpr Duration health_every = 5s;
constexpr int misses_max = 3;
constexpr Duration lapse_seen_within = 5s;  // from a lapse of the lease until the server, which runs again, acts on it

std::string ms_text(Duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count()) + " ms";
}

// What this thread has used of a processor.
Duration cpu_time() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

class Shim {
 public:
  Shim(ShimPlan plan, ShimState state)
      : plan_(std::move(plan)),
        state_(std::move(state)),
        disk_(plan_.log, plan_.log_bytes_max, plan_.log_files, shim_state_fd) {
    wish_.lease_until = plan_.lease_until;
  }

  int run() {
    now_ = BootClock::now();
    state_.shim_pid = getpid();
    // By it the next agent finds this process: before there is a server. Should it fail, by what this process says.
    write_state(shim_state_fd, state_);
    if (Status begun = begin(); !begun) {
      state_.words = begun.error().message;
      return end();
    }
    while (!gone_) {
      act_on_time();
      if (!gone_) wait();
    }
    return end();
  }

 private:
  enum Source { signals, timer, shim_socket, notify_socket, output, source_count };

  Status begin() {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    umask(077);
    if (!plan_.terms) return plan_.terms.error();
    terms_ = *plan_.terms;
    if (terms_.ready_by == ReadyBy::output) {
      if (Status can = match_.open(terms_.ready_pattern); !can) return can;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    sigset_t heard;
    sigemptyset(&heard);
    sigaddset(&heard, SIGCHLD);
    sigaddset(&heard, SIGTERM);
    sigprocmask(SIG_BLOCK, &heard, nullptr);
    signals_ = Fd(signalfd(-1, &heard, SFD_NONBLOCK | SFD_CLOEXEC));
    timer_ = Fd(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC));
    if (!signals_ || !timer_) return Error{std::string("cannot wait for events: ") + std::strerror(errno)};
    for (auto& [name, into] : {std::pair{shim_socket_name, &shim_}, std::pair{notify_socket_name, &notify_}}) {
      Result<Fd> bound = bind_datagram(name);
      if (!bound) return bound.error();
      *into = std::move(*bound);
    }
    if (plan_.user && chown(notify_socket_name, plan_.user->uid, plan_.user->gid) != 0) {
      return Error{std::string("cannot give the server its socket: ") + std::strerror(errno)};
    }
    if (Status writes = disk_.start(); !writes) return writes;
    std::array<int, 2> ends;
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return Error{std::string("pipe: ") + std::strerror(errno)};
    output_ = Fd(ends[0]);
    const Fd server_end(ends[1]);
    fcntl(output_.get(), F_SETFL, O_NONBLOCK);

    const Result<pid_t> pid = exec_child({plan_.path, plan_.directory, plan_.args, plan_.env, plan_.limits, plan_.user,
                                          server_end.get(), plan_.database ? shim_credential_fd : -1});
    close(shim_credential_fd);
    if (!pid) return pid.error();
    state_.pid = *pid;
    state_.started = true;
    if (plan_.ready_limit > Duration{}) ready_by_ = now_ + plan_.ready_limit;
    if (terms_.ready_by == ReadyBy::port) look_at_ = began_at_ = now_;
    changed();
    return ok();
  }

  // Events

  void wait() {
    const Instant at = next_deadline();
    const auto since_boot = std::max<Duration>(at.time_since_epoch(), 1ns).count();
    itimerspec when{};
    when.it_value.tv_sec = since_boot / 1'000'000'000;
    when.it_value.tv_nsec = since_boot % 1'000'000'000;
    timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
    std::array<pollfd, source_count> sources{};
    const std::array fds{&signals_, &timer_, &shim_, &notify_, &output_};
    for (std::size_t i = 0; i < sources.size(); ++i) sources[i] = {fds[i]->get(), POLLIN, 0};
    if (poll(sources.data(), sources.size(), -1) < 0 && errno != EINTR) return;
    now_ = BootClock::now();
    // Before time is looked at: what lay waiting while this process did not run may prolong the lease.
    if (sources[shim_socket].revents) hear_agent();
    if (sources[notify_socket].revents) hear_server();
    if (sources[output].revents) copy_output();
    if (sources[signals].revents) hear_signals();
  }

  Instant next_deadline() const {
    Instant at = tell_at_;
    const auto by = [&at](std::optional<Instant> t) {
      if (t) at = std::min(at, *t);
    };
    if (sweeping_) {
      by(sweep_at_);
      return at;
    }
    if (killed_) return at;
    if (!termed_) by(ready_by_);
    by(look_at_);
    if (!plan_.hold) by(wish_.lease_until);
    if (termed_) by(wish_.stop_by);
    if (!termed_ && !abort_by_) by(wish_.shutdown_at);
    by(abort_by_ ? abort_by_ : watchdog_at_);
    return at;
  }

  bool is_lease_over() const { return !plan_.hold && wish_.lease_until && now_ >= *wish_.lease_until; }

  void act_on_time() {
    if (now_ >= tell_at_) tell();
    if (sweeping_) return sweep();
    if (killed_) return;
    if (is_lease_over()) {
      state_.by_lease = true;
      return kill_all("the lease has run out");
    }
    if (wish_.shutdown_at && now_ >= *wish_.shutdown_at && !wish_.stop_by && !abort_by_) shut_down();
    if (wish_.stop_by && !termed_) stop();
    if (wish_.stop_by && now_ >= *wish_.stop_by) return kill_all({});
    if (look_at_ && (now_ >= *look_at_ || (ready_by_ && now_ >= *ready_by_))) look_at_port();
    if (ready_by_ && !termed_ && now_ >= *ready_by_) {
      return kill_all("not READY within " + ms_text(plan_.ready_limit) + what_is_missing());
    }
    if (abort_by_ && now_ >= *abort_by_) return kill_all({});
    if (watchdog_at_ && !abort_by_ && now_ >= *watchdog_at_) abort("no WATCHDOG=1 within " + ms_text(*plan_.watchdog));
  }

  // Only the agent's user can say what is wanted.
  void hear_agent() {
    if (is_lease_over()) lapsed_at_ = now_;
    for (int i = 0; i < datagrams_at_once; ++i) {
      const auto got = receive_datagram(shim_, datagram_bytes_max);
      if (!got) return;
      if (got->pid == 0 || got->uid != geteuid()) continue;
      const auto wish = wish_of(got->text);
      if (!wish) continue;
      if (!wish->keep_lease) wish_.lease_until = wish->lease_until;
      if (!wish->keep_shutdown) wish_.shutdown_at = wish->shutdown_at;
      // A stop is neither taken back nor put off, however many agents come and ask for it anew.
      if (wish->stop_by) wish_.stop_by = std::min(*wish->stop_by, wish_.stop_by.value_or(*wish->stop_by));
    }
  }

  void hear_server() {
    bool new_words = false;
    for (int i = 0; i < datagrams_at_once; ++i) {
      const auto got = receive_datagram(notify_, datagram_bytes_max);  // closes a barrier that came with it
      if (!got) break;
      if (sweeping_ || !is_own(got->pid)) continue;
      const NotifyText said = notify_text_of(got->text);
      if (said.status) {
        state_.status = *said.status;
        new_words = true;
      }
      if (said.counters) {
        std::string counted = counted_with(state_.counters, *said.counters);
        new_words = new_words || counted != state_.counters;
        state_.counters = std::move(counted);
      }
      if (said.is_ready && terms_.ready_by == ReadyBy::notify) be_ready();
      if (said.is_alive && watchdog_at_) watchdog_at_ = now_ + *plan_.watchdog;
      if (said.is_stuck && watchdog_at_ && !abort_by_) abort("WATCHDOG=trigger");
      if (said.is_stopping && state_.phase != ShimState::Phase::stopping) {
        state_.phase = ShimState::Phase::stopping;
        watchdog_at_.reset();
        look_at_.reset();
        new_words = true;
      }
    }
    if (new_words) changed();
  }

  void be_ready() {
    if (state_.phase != ShimState::Phase::starting) return;
    state_.phase = ShimState::Phase::ready;
    ready_by_.reset();
    if (plan_.watchdog) watchdog_at_ = now_ + *plan_.watchdog;
    if (look_at_) look_at_ = now_ + health_every;
    changed();
  }

  // Before it is READY, for that; afterwards, whether it still is.
  void look_at_port() {
    const ServerPort& port = terms_.ports.front();
    const Duration before = cpu_time();
    owner_ = port_owner(state_.pid, getpid(), port.protocol, port.first);
    const bool was_ready = state_.phase == ShimState::Phase::ready;
    look_at_ = now_ + (was_ready ? health_every
                                 : std::max({look_every, look_cost_factor * (cpu_time() - before),
                                             (now_ - began_at_) / look_age_divisor}));
    if (owner_ == PortOwner::own) {
      misses_ = 0;
      return be_ready();
    }
    if (was_ready && owner_ != PortOwner::unknown && ++misses_ == misses_max) {
      abort("its port " + port.name + " is not bound any more");
    }
  }

  std::string what_is_missing() const {
    if (terms_.ready_by == ReadyBy::output) return ": no line of its output matched";
    if (terms_.ready_by != ReadyBy::port) return {};
    return ": its port " + words_of(terms_.ports.front()) +
           (owner_ == PortOwner::nobody  ? " is not bound"
            : owner_ == PortOwner::other ? " is bound by another process"
                                         : " cannot be looked at");
  }

  bool is_own(pid_t pid) const {
    return pid > 0 && state_.pid > 0 &&
           (pid == state_.pid || getsid(pid) == state_.pid || descends_from(pid, getpid()));
  }

  // True when something was there.
  bool copy_output() {
    static std::array<char, output_bytes_max> bytes;
    const ssize_t size = read(output_.get(), bytes.data(), bytes.size());
    if (size < 0) return false;
    if (size == 0) {
      output_ = Fd();
      if (is_awaiting_output() && match_.finish()) be_ready();
      return false;
    }
    const std::string_view text(bytes.data(), static_cast<std::size_t>(size));
    tail_ += text.substr(text.size() - std::min(text.size(), tail_bytes_max));
    if (tail_.size() > tail_bytes_max) tail_.erase(0, tail_.size() - tail_bytes_max);
    disk_.log(text);
    if (is_awaiting_output() && match_.add(text)) be_ready();
    return true;
  }

  bool is_awaiting_output() const {
    return terms_.ready_by == ReadyBy::output && state_.phase == ShimState::Phase::starting && !killed_ && !sweeping_;
  }

  void hear_signals() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) == sizeof info) {
      // The machine is being shut down, or somebody means the server.
      if (info.ssi_signo == SIGTERM && !wish_.stop_by) wish_.stop_by = now_ + plan_.grace;
    }
    siginfo_t paused{};
    while (waitid(P_PID, static_cast<id_t>(state_.pid), &paused, WSTOPPED | WCONTINUED | WNOHANG) == 0 &&
           paused.si_pid != 0) {
      if (paused.si_code != CLD_STOPPED) {
        on_server_continued();
      } else if (!plan_.hold) {
        lease_when_stopped_ = wish_.lease_until;
      }
      paused = {};
    }
    for (;;) {
      siginfo_t ended{};
      if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return;
      if (ended.si_pid == state_.pid) {
        on_server_end();
      } else {
        waitpid(ended.si_pid, nullptr, WNOHANG);
      }
    }
  }

  // While it is stopped it hears of no newer lease.
  void on_server_continued() {
    if (lease_when_stopped_ && now_ >= *lease_when_stopped_) lapsed_at_ = now_;
    lease_when_stopped_.reset();
  }

  // The server is a zombie: until it is waited for, its number is nobody else's.
  void on_server_end() {
    hear_server();  // what it said last
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(state_.pid), &info, WEXITED | WNOHANG | WNOWAIT);
    went_away_ = info.si_code == CLD_EXITED && info.si_status == 0 && state_.phase == ShimState::Phase::starting &&
                 !killed_ && !descendants_of(getpid()).empty();
    on_server_continued();
    // It looks at its lease too, and may leave a moment before it would have been killed, or though it is prolonged
    // since.
    const bool by_itself = info.si_code == CLD_EXITED && !termed_ && !killed_ && !abort_by_;
    if (is_lease_over() || (by_itself && lapsed_at_ && now_ < *lapsed_at_ + lapse_seen_within)) state_.by_lease = true;
    kill(-state_.pid, SIGKILL);
    waitpid(state_.pid, &exit_status_, 0);
    sweeping_ = true;
    sweep_at_ = now_;
    sweep_until_ = now_ + sweep_limit;
  }

  // Whatever descends from the server is a child of this subreaper, or of one.
  void sweep() {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) {
      gone_ = true;
      return;
    }
    const std::size_t left = kill_descendants(getpid());
    if (now_ >= sweep_until_) {
      left_ = left;
      gone_ = true;
    }
    sweep_at_ = now_ + sweep_every;
  }

  // Ends

  void stop() {
    termed_ = true;
    state_.phase = ShimState::Phase::stopping;
    state_.asked = true;
    watchdog_at_.reset();
    look_at_.reset();
    kill(state_.pid, terms_.stop_signal);
    kill(state_.pid, SIGCONT);
    changed();
  }

  // No agent has said it: it died, or has no database to tell it so.
  void shut_down() {
    why_ = "cluster " + plan_.cluster + " is shut down";
    state_.by_shutdown = true;
    wish_.stop_by = now_ + plan_.grace;
  }

  void abort(std::string why) {
    why_ = std::move(why);
    abort_by_ = now_ + abort_grace;
    look_at_.reset();
    kill(state_.pid, SIGABRT);
    kill(state_.pid, SIGCONT);
  }

  void kill_all(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    killed_ = true;
    kill(-state_.pid, SIGKILL);
    kill_descendants(getpid());
  }

  int end() {
    for (int i = 0; i < last_reads_max && output_ && copy_output(); ++i) {
    }
    state_.phase = ShimState::Phase::exited;
    if (state_.started) {
      if (WIFEXITED(exit_status_)) state_.exit_code = WEXITSTATUS(exit_status_);
      if (WIFSIGNALED(exit_status_)) state_.signal = WTERMSIG(exit_status_);
      state_.words = words();
    }
    // Told before it is written, should the disk hang and this process be killed for its silence.
    send();
    const bool kept = disk_.keep_last(state_);
    disk_.finish(log_finish_limit);
    return kept ? 0 : 1;
  }

  std::string words() const {
    if (killed_ && !why_.empty() && !abort_by_) return why_;
    std::string words = (why_.empty() ? "" : why_ + ": ") + words_of_exit(exit_status_);
    if (WIFEXITED(exit_status_) && WEXITSTATUS(exit_status_) != 0) {
      const std::string said = state_.status.empty() ? last_line() : state_.status;
      if (!said.empty()) words += ": " + said;
    }
    if (went_away_) {
      words +=
          " before it was READY, and it left processes behind: it seems to have gone into the background, but a server "
          "must stay in the foreground";
    }
    if (left_ > 0) words += "; " + std::to_string(left_) + " processes that it left behind could not be killed";
    return words;
  }

  std::string last_line() const {
    const auto end = tail_.find_last_not_of(" \t\r\n");
    if (end == std::string::npos) return {};
    const auto before = tail_.find_last_of('\n', end);
    const auto from = before == std::string::npos ? 0 : before + 1;
    return printable(tail_.substr(from, std::min(end + 1 - from, said_bytes_max)));
  }

  // Telling

  bool send() { return send_datagram(shim_, plan_.agent_socket, to_text(ShimNews{plan_.server, plan_.epoch, state_})); }
  void changed() {
    disk_.keep(state_);
    tell();
  }
  void tell() { tell_at_ = now_ + (send() || errno != EAGAIN ? tell_every : tell_again_after); }

  ShimPlan plan_;
  StartTerms terms_;  // the plan's
  ShimState state_;
  ShimDisk disk_;
  ShimWish wish_;
  Fd signals_, timer_, shim_, notify_, output_;
  Instant now_{}, tell_at_{}, sweep_at_{}, sweep_until_{};
  std::optional<Instant> ready_by_, watchdog_at_, abort_by_;
  OutputMatch match_;               // of what is ready by its output
  std::optional<Instant> look_at_;  // of what is ready by its port
  Instant began_at_{};
  PortOwner owner_ = PortOwner::nobody;
  int misses_ = 0;                             // of looks in a row
  std::optional<Instant> lapsed_at_;           // when the server may last have seen its lease over, and lives
  std::optional<Instant> lease_when_stopped_;  // of the server, by a signal
  bool termed_ = false;                        // its stop signal was sent
  bool killed_ = false;                        // SIGKILL was sent
  bool sweeping_ = false;                      // the server has ended; what it left has not
  bool gone_ = false;
  bool went_away_ = false;
  std::size_t left_ = 0;
  int exit_status_ = 0;
  std::string why_;   // the shim's own reason
  std::string tail_;  // of the output
};

}  // namespace

int run_shim(const std::string& directory) {
  for (const int fd : {shim_credential_fd, shim_state_fd}) fcntl(fd, F_SETFD, FD_CLOEXEC);
  auto state = read_state(shim_state_fd);
  if (!state) state.emplace();
  std::optional<ShimPlan> plan;
  if (chdir(directory.c_str()) == 0) {
    if (const auto text = read_file(plan_name)) plan = plan_of(*text);
  }
  if (!plan) {
    state->shim_pid = getpid();
    state->phase = ShimState::Phase::exited;
    state->words = "the plan in " + directory.substr(0, said_bytes_max) + " cannot be read";
    return write_state(shim_state_fd, *state) ? 0 : 1;
  }
  return Shim(std::move(*plan), std::move(*state)).run();
}

}  // namespace orrery::agents
