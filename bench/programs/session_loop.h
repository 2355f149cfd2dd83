// The session loop as orrery-sessiond drives it, libevent, UdpSocket, SessionHost, Endpoint, with a role of one's
// choice and the database's answers. Lines of the standard input are the bench's to answer.
#pragma once

#include <event2/event.h>
#include <unistd.h>

#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "counters.h"
#include "echo_host.h"
#include "sessiond/loop_timer.h"
#include "sessiond/udp_socket.h"

namespace orrery::bench {

inline constexpr int batches_max = 8;

template <class RoleType>
class SessionLoop {
 public:
  SessionLoop(sessiond::UdpSocket socket, sessiond::LoopTimer timer, sessiond::Json info, std::size_t sessions)
      : socket_(std::move(socket)),
        timer_(std::move(timer)),
        host_(echo_host(), random_, now()),
        role_(host_),
        database_(std::move(info), sessions) {}

  /// Until `on_line` is false. All sessions arrive after the first line: before it the server is empty.
  void run(std::function<bool(const std::string&)> on_line) {
    on_line_ = std::move(on_line);
    base_ = event_base_new();
    event* readable = event_new(
        base_, socket_.fd(), EV_READ | EV_PERSIST, [](evutil_socket_t, short, void* self) { as(self).on_readable(); },
        this);
    event_add(readable, nullptr);
    event* line = event_new(
        base_, STDIN_FILENO, EV_READ | EV_PERSIST, [](evutil_socket_t, short, void* self) { as(self).on_input(); },
        this);
    event_add(line, nullptr);
    event* ring = event_new(
        base_, timer_.fd(), EV_READ | EV_PERSIST,
        [](evutil_socket_t, short, void* self) {
          as(self).timer_.rung();
          as(self).pump();
        },
        this);
    event_add(ring, nullptr);
    host_.on_database(true, now());
    host_.start(role_, now());
    pump();
    say_ready();
    event_base_dispatch(base_);
    for (event* each : {readable, line, ring}) event_free(each);
    event_base_free(base_);
  }

  /// While it pauses no time passes for the server, and what comes in is lost.
  void pause() {
    if (paused_at_) return;
    while (receive()) {
    }
    pump();
    paused_at_ = BootClock::now();
  }
  void resume() {
    if (!paused_at_) return;
    lag_ += BootClock::now() - *paused_at_;
    paused_at_.reset();
    on_readable();
  }
  RoleType& role() { return role_; }
  sessiond::SessionHost& host() { return host_; }

 private:
  static SessionLoop& as(void* self) { return *static_cast<SessionLoop*>(self); }
  Instant now() const { return paused_at_.value_or(BootClock::now()) - lag_; }

  void on_input() {
    std::string line;
    if (!std::getline(std::cin, line) || !on_line_(line)) event_base_loopbreak(base_);
    while (!database_.all_arrived()) {
      host_.on_agent_message(R"({"message":{"tell":"sync"}})", now());
      pump();
    }
  }

  void on_readable() {
    for (int i = 0; i < batches_max && receive(); ++i) {
    }
    pump();
  }
  /// One batch; false when no more waits.
  bool receive() {
    const auto batch = socket_.receive();
    // A level-triggered socket would keep a pausing loop awake.
    if (!batch.empty() && !paused_at_) host_.on_datagrams(batch, now());
    return batch.size() == sessiond::UdpSocket::batch_max;
  }

  void pump() {
    if (paused_at_) return;
    const Instant at = now();
    bool more = true;
    while (more) {
      for (wire::Slot slot = socket_.slot(); host_.poll_transmit(slot, at); slot = socket_.slot()) socket_.commit(slot);
      socket_.flush();
      more = false;
      sessiond::Effect effect;
      while (host_.poll_effect(effect)) {
        if (const auto* call = std::get_if<sessiond::DatabaseCall>(&effect))
          host_.on_database_answer(call->id, database_.answer(call->request), at);
        more = true;
      }
    }
    if (const auto next = host_.next_deadline()) timer_.ring_at(*next + lag_);
  }

  sessiond::UdpSocket socket_;
  sessiond::LoopTimer timer_;
  Duration lag_{};
  std::optional<Instant> paused_at_;
  SystemRandom random_;
  sessiond::SessionHost host_;
  RoleType role_;
  EchoDatabase database_;
  std::function<bool(const std::string&)> on_line_;
  event_base* base_ = nullptr;
};

/// Serves on the loopback until `on_line(loop, line)` is false.
template <class RoleType, class OnLine>
int serve(std::uint16_t port, sessiond::Json info, std::size_t sessions, OnLine&& on_line) {
  auto socket = sessiond::UdpSocket::bind(*Address::parse("127.0.0.1", port));
  if (!socket) return fail(socket.error().message);
  auto timer = sessiond::LoopTimer::make();
  if (!timer) return fail(timer.error().message);
  const auto loop =
      std::make_unique<SessionLoop<RoleType>>(std::move(*socket), std::move(*timer), std::move(info), sessions);
  loop->run([&](const std::string& line) { return on_line(*loop, line); });
  return 0;
}

}  // namespace orrery::bench
