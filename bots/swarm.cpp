#include "swarm.h"

#include <event2/event.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

#include "bot.h"

namespace orrery::bots {

namespace {

using std::chrono::milliseconds;

constexpr int exit_all_played = 0;
constexpr int exit_some_failed = 1;
constexpr Duration ramp_step = milliseconds{20};
// A bot's goodbyes take 1.5 s at most; whoever sent the signal waits 2 s.
constexpr Duration leave_max = milliseconds{1800};

struct FreeEvent {
  void operator()(event* e) const { event_free(e); }
  void operator()(event_base* base) const { event_base_free(base); }
  void operator()(event_config* config) const { event_config_free(config); }
};
using EventPtr = std::unique_ptr<event, FreeEvent>;

timeval to_timeval(Duration wait) {
  // Rounded up: a timer that fires early finds nothing due, and spins.
  const auto us = std::chrono::ceil<std::chrono::microseconds>(std::max(wait, Duration::zero())).count();
  return {us / 1'000'000, us % 1'000'000};
}

class Swarm {
 public:
  explicit Swarm(const Options& options)
      : options_(options), started_at_(BootClock::now()), journal_(options.prints_events, started_at_) {}

  int run();

 private:
  struct Seat {
    Swarm* swarm;
    std::unique_ptr<Bot> bot;
    EventPtr readable, timer;
  };

  void start_due(Instant now);
  void run_bot(Seat& seat);
  void leave_all(const char* why);
  void end_if_done();
  void show_progress(Instant now);
  void read_connect_again();
  int finish();

  EventPtr on(evutil_socket_t fd, short what, event_callback_fn fn, void* argument) {
    return EventPtr(event_new(base_.get(), fd, what, fn, argument));
  }

  Options options_;
  std::filesystem::file_time_type connect_changed_at_{};
  Instant started_at_;
  Journal journal_;
  Report report_;
  SystemRandom random_;
  std::unique_ptr<event_base, FreeEvent> base_;
  std::vector<std::unique_ptr<Seat>> seats_;
  bool is_leaving_ = false;
  std::uint64_t snapshots_shown_ = 0;
  Instant shown_at_{};
};

int Swarm::run() {
  const std::unique_ptr<event_config, FreeEvent> config(event_config_new());
  event_config_set_flag(config.get(), EVENT_BASE_FLAG_PRECISE_TIMER);
  base_.reset(event_base_new_with_config(config.get()));
  seats_.reserve(options_.count);
  shown_at_ = started_at_;

  const auto on_signal = [](evutil_socket_t, short, void* self) {
    static_cast<Swarm*>(self)->leave_all("interrupted");
  };
  const EventPtr on_int = on(SIGINT, EV_SIGNAL | EV_PERSIST, on_signal, this);
  const EventPtr on_term = on(SIGTERM, EV_SIGNAL | EV_PERSIST, on_signal, this);
  event_add(on_int.get(), nullptr);
  event_add(on_term.get(), nullptr);

  const EventPtr ramp = on(
      -1, EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<Swarm*>(self)->start_due(BootClock::now()); }, this);
  const timeval ramp_every = to_timeval(ramp_step);
  event_add(ramp.get(), &ramp_every);

  const EventPtr progress = on(
      -1, EV_PERSIST,
      [](evutil_socket_t, short, void* self) {
        static_cast<Swarm*>(self)->read_connect_again();
        static_cast<Swarm*>(self)->show_progress(BootClock::now());
      },
      this);
  const timeval each_second{1, 0};
  event_add(progress.get(), &each_second);

  const EventPtr end = on(
      -1, 0, [](evutil_socket_t, short, void* self) { static_cast<Swarm*>(self)->leave_all("the time is over"); },
      this);
  if (options_.for_s > 0) {
    const timeval after =
        to_timeval(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options_.for_s)));
    event_add(end.get(), &after);
  }

  event_base_dispatch(base_.get());
  return finish();
}

void Swarm::start_due(Instant now) {
  if (is_leaving_ || seats_.size() >= options_.count) return;
  const double elapsed_s = std::chrono::duration<double>(now - started_at_).count();
  const auto due =
      static_cast<std::size_t>(std::min(1 + elapsed_s * options_.ramp_per_s, static_cast<double>(options_.count)));
  while (seats_.size() < due) {
    const unsigned number = options_.first + static_cast<unsigned>(seats_.size());
    auto socket = client::UdpSocket::open();
    if (!socket) {
      spdlog::error("{}: {}; no more bots are started", options_.name_of(number), socket.error().message);
      report_.failed[options_.name_of(number)] = socket.error().message;
      return leave_all("no socket");
    }
    auto seat = std::make_unique<Seat>();
    seat->swarm = this;
    seat->bot = std::make_unique<Bot>(options_, number, std::move(*socket), journal_, report_, random_, now);
    const auto on_seat = [](evutil_socket_t, short, void* argument) {
      auto* one = static_cast<Seat*>(argument);
      one->swarm->run_bot(*one);
    };
    seat->readable = on(seat->bot->fd(), EV_READ | EV_PERSIST, on_seat, seat.get());
    seat->timer = on(-1, 0, on_seat, seat.get());
    event_add(seat->readable.get(), nullptr);
    seats_.push_back(std::move(seat));
    run_bot(*seats_.back());
  }
}

void Swarm::run_bot(Seat& seat) {
  seat.bot->run(BootClock::now());
  const auto deadline = seat.bot->deadline();
  if (!deadline) {
    event_del(seat.readable.get());
    event_del(seat.timer.get());
    return end_if_done();
  }
  const timeval wait = to_timeval(*deadline - BootClock::now());
  event_add(seat.timer.get(), &wait);
}

void Swarm::leave_all(const char* why) {
  if (is_leaving_) return;
  is_leaving_ = true;
  spdlog::info("logging out: {}", why);
  const timeval at_most = to_timeval(leave_max);
  event_base_loopexit(base_.get(), &at_most);
  for (const auto& seat : seats_) {
    seat->bot->leave();
    run_bot(*seat);
  }
  end_if_done();
}

void Swarm::end_if_done() {
  if (!is_leaving_ && seats_.size() < options_.count) return;
  const bool all_ended =
      std::ranges::all_of(seats_, [](const auto& seat) { return seat->bot->state() == Bot::State::ended; });
  if (all_ended) event_base_loopbreak(base_.get());
}

// As a player's launcher asks the game's page again: login servers move with their machines.
void Swarm::read_connect_again() {
  if (options_.connect_file.empty()) return;
  std::error_code error;
  const auto changed_at = std::filesystem::last_write_time(options_.connect_file, error);
  if (error || changed_at == connect_changed_at_) return;
  connect_changed_at_ = changed_at;
  auto connect = read_connect_file(options_.connect_file);
  if (!connect) return spdlog::warn("the login servers are not changed: {}", connect.error().message);
  options_.connect = std::move(*connect);
  for (const auto& seat : seats_) {
    seat->bot->use(options_.connect);
    run_bot(*seat);
  }
}

void Swarm::show_progress(Instant now) {
  if (options_.reports_json) return;
  const auto in = [&](Bot::State state) {
    return std::ranges::count_if(seats_, [&](const auto& seat) { return seat->bot->state() == state; });
  };
  const double elapsed_s = std::chrono::duration<double>(now - shown_at_).count();
  const double snapshots_per_s = static_cast<double>(report_.snapshots - snapshots_shown_) / std::max(elapsed_s, 0.001);
  snapshots_shown_ = report_.snapshots;
  shown_at_ = now;
  std::string line = fmt::format("{} of {} playing", in(Bot::State::playing), options_.count);
  const auto also = [&](auto number, const char* what) {
    if (number > 0) line += fmt::format(", {} {}", number, what);
  };
  also(in(Bot::State::logging_in), "logging in");
  also(in(Bot::State::waiting), "waiting");
  also(in(Bot::State::resting), "refused, coming back");
  also(in(Bot::State::ended), "ended");
  line += fmt::format("; {:.0f} snapshots/s, {} chat messages heard\n", snapshots_per_s, report_.chat_received);
  // Beside events stdout holds JSON only.
  std::FILE* out = options_.prints_events ? stderr : stdout;
  std::fputs(line.c_str(), out);
}

int Swarm::finish() {
  const auto now = BootClock::now();
  for (const auto& seat : seats_) {
    if (seat->bot->has_played() || report_.failed.contains(seat->bot->name())) continue;
    report_.failed[seat->bot->name()] = "was not in play when the run ended";
    journal_.tell(seat->bot->name(), "gave_up", now, {{"text", "was not in play when the run ended"}});
  }
  if (options_.reports_json) {
    std::fputs((to_line(report_.to_json(options_.count)) + "\n").c_str(), stdout);
  } else {
    std::fputs(report_.to_text(options_.count).c_str(), options_.prints_events ? stderr : stdout);
  }
  std::fflush(stdout);
  return report_.failed.empty() ? exit_all_played : exit_some_failed;
}

}  // namespace

int run_swarm(const Options& options) { return Swarm(options).run(); }

}  // namespace orrery::bots
