#include "swarm.h"

#include <event2/event.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "base/deadline_heap.h"
#include "bot.h"
#include "multiplexed.h"
#include "own_sockets.h"

namespace orrery::bots {

namespace {

using std::chrono::milliseconds;

constexpr int exit_all_played = 0;
constexpr int exit_some_failed = 1;
constexpr Duration ramp_step = milliseconds{20};
// A bot's goodbyes take 1.5 s at most; whoever sent the signal waits 2 s.
constexpr Duration leave_max = milliseconds{1800};
// Bots that are due within so long are run together: a wake-up costs as much as several of them.
constexpr Duration wake_least = milliseconds{1};
// Batches of datagrams taken in one go, so that timers are not kept waiting.
constexpr int batches_max = 8;

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
    std::unique_ptr<Bot> bot;
    bool has_received = false;
    bool is_over = false;
  };

  void start_due(Instant now);
  void on_readable(Instant now);
  void on_due(Instant now);
  void run_bot(std::size_t seat, Instant now);
  void sleep_until_due(Instant now);
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
  std::unique_ptr<Network> network_;
  std::vector<Seat> seats_;
  DeadlineHeap due_;                   // seats
  std::vector<std::size_t> received_;  // seats whose bots have datagrams since they were run
  std::size_t over_ = 0;               // bots that have ended
  EventPtr wake_;
  bool is_leaving_ = false;
  std::uint64_t snapshots_shown_ = 0;
  Instant shown_at_{};
};

int Swarm::run() {
  auto network = options_.multiplex ? Multiplexed::make(options_.first) : OwnSockets::make();
  if (!network) {
    spdlog::error("{}", network.error().message);
    return exit_some_failed;
  }
  network_ = std::move(*network);
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

  const EventPtr readable = on(
      network_->fd(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<Swarm*>(self)->on_readable(BootClock::now()); }, this);
  event_add(readable.get(), nullptr);
  wake_ = on(
      -1, 0, [](evutil_socket_t, short, void* self) { static_cast<Swarm*>(self)->on_due(BootClock::now()); }, this);

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
  auto arriving = static_cast<std::size_t>(std::ranges::count_if(seats_, [](const Seat& seat) {
    return seat.bot->state() == Bot::State::logging_in || seat.bot->state() == Bot::State::waiting;
  }));
  for (; seats_.size() < due && arriving < options_.arriving_max; ++arriving) {
    const std::size_t seat = seats_.size();
    if (const Status opened = network_->open(seat); !opened) {
      const std::string name = options_.name_of(options_.first + static_cast<unsigned>(seat));
      spdlog::error("{}: {}; no more bots are started", name, opened.error().message);
      report_.failed[name] = opened.error().message;
      return leave_all("no socket");
    }
    seats_.push_back({std::make_unique<Bot>(options_, seat, *network_, journal_, report_, random_, now)});
    run_bot(seat, now);
  }
  network_->flush();
  sleep_until_due(now);
}

void Swarm::on_readable(Instant now) {
  const auto take = [&](std::size_t seat, const wire::Datagram& datagram) {
    seats_[seat].bot->on_datagram(datagram, now);
    if (!std::exchange(seats_[seat].has_received, true)) received_.push_back(seat);
  };
  for (int batch = 0; batch < batches_max && network_->receive(take); ++batch) {
  }
  for (const std::size_t seat : received_) {
    seats_[seat].has_received = false;
    run_bot(seat, now);
  }
  received_.clear();
  // Not left to the timer: set again after each batch it would never ring while more waits.
  on_due(BootClock::now());
}

void Swarm::on_due(Instant now) {
  // All before the first is run: one that is due again at once has to wait.
  std::vector<std::size_t> seats;
  while (!due_.empty() && due_.first_at() <= now) {
    seats.push_back(due_.first());
    due_.remove(due_.first());
  }
  for (const std::size_t seat : seats) run_bot(seat, now);
  network_->flush();
  sleep_until_due(now);
}

void Swarm::run_bot(std::size_t seat, Instant now) {
  Bot& bot = *seats_[seat].bot;
  bot.run(now);
  const auto index = static_cast<std::uint32_t>(seat);
  if (const auto deadline = bot.deadline()) return due_.bring_forward(index, *deadline);
  due_.remove(index);
  if (!std::exchange(seats_[seat].is_over, true)) ++over_;
  end_if_done();
}

void Swarm::sleep_until_due(Instant now) {
  if (due_.empty()) return;
  const timeval wait = to_timeval(std::max(due_.first_at() - now, wake_least));
  event_add(wake_.get(), &wait);
}

void Swarm::leave_all(const char* why) {
  if (is_leaving_) return;
  is_leaving_ = true;
  spdlog::info("logging out: {}", why);
  const timeval at_most = to_timeval(leave_max);
  event_base_loopexit(base_.get(), &at_most);
  const Instant now = BootClock::now();
  for (std::size_t seat = 0; seat < seats_.size(); ++seat) {
    seats_[seat].bot->leave();
    run_bot(seat, now);
  }
  network_->flush();
  sleep_until_due(now);
  end_if_done();
}

void Swarm::end_if_done() {
  if (!is_leaving_ && seats_.size() < options_.count) return;
  if (over_ == seats_.size()) event_base_loopbreak(base_.get());
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
  if (const Status reached = options_.reaches(*connect); !reached)
    return spdlog::warn("the login servers are not changed: {}", reached.error().message);
  options_.connect = std::move(*connect);
  const Instant now = BootClock::now();
  for (std::size_t seat = 0; seat < seats_.size(); ++seat) {
    seats_[seat].bot->use(options_.connect);
    run_bot(seat, now);
  }
  network_->flush();
  sleep_until_due(now);
}

void Swarm::show_progress(Instant now) {
  std::array<std::size_t, 6> counts{};
  for (const Seat& seat : seats_) ++counts[static_cast<std::size_t>(seat.bot->state())];
  const auto in = [&](Bot::State state) { return counts[static_cast<std::size_t>(state)]; };
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
  also(in(Bot::State::away), "away");
  also(in(Bot::State::ended), "ended");
  line += fmt::format("; {:.0f} snapshots/s, {} chat messages heard\n", snapshots_per_s, report_.chat_received);
  // Beside JSON stdout holds nothing else.
  std::FILE* out = options_.prints_events || options_.reports_json ? stderr : stdout;
  std::fputs(line.c_str(), out);
}

int Swarm::finish() {
  const auto now = BootClock::now();
  report_.unsent = network_->unsent();
  report_.overflown = network_->overflown();
  for (const Seat& seat : seats_) {
    report_.traffic += seat.bot->traffic();
    if (seat.bot->has_played() || report_.failed.contains(seat.bot->name())) continue;
    report_.failed[seat.bot->name()] = "was not in play when the run ended";
    journal_.tell(seat.bot->name(), "gave_up", now, {{"text", "was not in play when the run ended"}});
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
