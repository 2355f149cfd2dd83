// Virtual time of a simulation: one queue of what happens when, clocks of a rate of their own, one source of chance,
// and the trace of it all. Everything follows from the seed.
#pragma once

#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace orrery::sim {

/// True time since the beginning of the simulation. Nobody in it can read it.
using Time = Duration;

/// The simulation was broken: an invariant does not hold, or something failed that must not.
struct Broken {
  std::string what;
};

/// splitmix64; its own distributions, since those of the standard library differ between implementations.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// 0 … n - 1.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }
  bool happens(double probability) { return unit() < probability; }
  Duration between(Duration from, Duration to) {
    return from + Duration(static_cast<std::int64_t>(next() % static_cast<std::uint64_t>((to - from).count() + 1)));
  }
  /// Short ones as likely as long ones.
  Duration scale(Duration from, Duration to) {
    const double a = std::log(static_cast<double>(from.count())), b = std::log(static_cast<double>(to.count()));
    return Duration(static_cast<std::int64_t>(std::exp(a + (b - a) * unit())));
  }
  template <class T>
  const T& pick(const std::vector<T>& list) {
    return list[below(list.size())];
  }

 private:
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  std::uint64_t state_;
};

/// A clock that shows `shows` at true time `at` and runs `ppm` millionths too fast.
struct Clock {
  Time at{};
  Duration shows{};
  std::int64_t ppm = 0;

  Duration read(Time now) const {
    const std::int64_t passed = (now - at).count();
    return shows + Duration(passed + passed / 1'000'000 * ppm + passed % 1'000'000 * ppm / 1'000'000);
  }
  /// The first true time at which it shows `reading` or more.
  Time when(Duration reading) const {
    const double passed = static_cast<double>((reading - shows).count()) * 1e6 / static_cast<double>(1'000'000 + ppm);
    Time time = at + Duration(static_cast<std::int64_t>(passed));
    while (read(time) < reading) time += Duration(std::max<std::int64_t>(1, (reading - read(time)).count() / 2));
    return time;
  }
};

/// What happens when; what is due at the same time happens in the order in which it was asked for.
class Timeline {
 public:
  Time now() const { return now_; }
  void at(Time time, std::function<void()> what) { queue_.push({std::max(time, now_), ++count_, std::move(what)}); }
  void in(Duration wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }
  /// Does what is due next; false when nothing is.
  bool step() {
    if (queue_.empty()) return false;
    const Entry next = queue_.top();
    queue_.pop();
    now_ = next.time;
    next.what();
    return true;
  }

 private:
  struct Entry {
    Time time;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const Entry& other) const { return time != other.time ? time > other.time : number > other.number; }
  };
  Time now_{};
  std::uint64_t count_ = 0;
  std::priority_queue<Entry> queue_;
};

/// What happened, in words: a hash of all of it, and its last lines.
class Trace {
 public:
  explicit Trace(const Timeline& timeline) : timeline_(timeline) {}
  void add(const std::string& words) {
    const std::int64_t us = timeline_.now().count() / 1000;
    std::string line =
        std::to_string(us / 1'000'000) + "." + std::to_string(1'000'000 + us % 1'000'000).substr(1) + " " + words;
    for (const char c : line) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    lines_.push_back(std::move(line));
    if (lines_.size() > keep) lines_.pop_front();
  }
  /// What is part of the hash but no line.
  void mix(std::uint64_t word) { hash_ = ((hash_ ^ word) * 0x100000001b3u) ^ (hash_ >> 29); }
  std::uint64_t hash() const { return hash_; }
  const std::deque<std::string>& last_lines() const { return lines_; }

  std::size_t keep = 60;

 private:
  const Timeline& timeline_;
  std::uint64_t hash_ = 0xcbf29ce484222325u;
  std::deque<std::string> lines_;
};

}  // namespace orrery::sim
