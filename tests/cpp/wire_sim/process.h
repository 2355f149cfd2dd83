// A process of the simulation: a clock of its own, random bytes of its own, and a timer that wakes it at its deadline.
#pragma once

#include <memory>
#include <optional>

#include "base/clock.h"
#include "wire_sim/world.h"

namespace orrery::wire_sim {

class Process : public std::enable_shared_from_this<Process> {
 public:
  explicit Process(World& world)
      : world_(world),
        number_(++world.processes),
        random_(world.chance.next()),
        clock_{world.now(), world.chance.between(1h, 1000h), static_cast<std::int64_t>(world.chance.below(401)) - 200} {
  }
  virtual ~Process() = default;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Of all processes there ever were.
  std::uint64_t number() const { return number_; }
  const ProcessRandom& random() const { return random_; }
  Instant now() const { return Instant(clock_.read(world_.now())); }
  bool is_frozen() const { return world_.now() < frozen_until_; }
  /// It gets no time for so long; what comes meanwhile waits.
  void freeze(Duration how_long) {
    frozen_until_ = std::max(frozen_until_, world_.now() + how_long);
    world_.timeline.at(frozen_until_, [weak = weak_from_this()] {
      if (const auto self = weak.lock(); self && !self->is_frozen()) self->run();
    });
  }

 protected:
  /// Everything that is due: what waits is taken, what is to be sent is sent.
  virtual void work() = 0;
  virtual std::optional<Instant> next_deadline() const = 0;

  /// After every event.
  void run() {
    if (is_frozen()) return;
    work();
    const auto next = next_deadline();
    if (!next) return;
    const Time at = clock_.when(next->time_since_epoch());
    watch_loop(at);
    if (armed_ && *armed_ <= at && *armed_ > world_.now()) return;
    armed_ = at;
    world_.timeline.at(at, [weak = weak_from_this(), at] {
      const auto self = weak.lock();
      if (!self || self->armed_ != at) return;
      self->armed_.reset();
      self->run();
    });
  }

  World& world_;

 private:
  /// A deadline that has passed, again and again: its loop would never sleep.
  void watch_loop(Time at) {
    if (at > world_.now() || world_.now() != stuck_at_) {
      stuck_at_ = world_.now();
      stuck_ = 0;
    }
    if (at <= world_.now() && ++stuck_ > stuck_max)
      throw Broken{
          fmt::format("process {} does not sleep: its deadline has passed {} times at one moment", number_, stuck_)};
  }
  static constexpr int stuck_max = 8;

  const std::uint64_t number_;

 protected:
  ProcessRandom random_;

 private:
  Clock clock_;
  Time frozen_until_{};
  std::optional<Time> armed_;
  Time stuck_at_{};
  int stuck_ = 0;
};

}  // namespace orrery::wire_sim
