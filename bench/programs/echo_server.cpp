// The serving side of the echo bench: what a datagram costs, from nothing but the system calls to the whole session
// loop.
//
//   bench_echo_server bare|aead|session PORT SESSIONS
//
// Says "ready", then answers each line of its standard input with {"packets","cpu_us","rss_kib"}; "quit" ends it.
#include <event2/event.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>

#include "counters.h"
#include "echo_host.h"
#include "sessiond/loop_timer.h"
#include "sessiond/udp_socket.h"
#include "wire/crypto.h"

namespace orrery::bench {
namespace {

constexpr int batches_max = 8;

// --- the floors: recvmmsg and sendmmsg, and with an open and a seal a datagram ---

int run_bare(std::uint16_t port, bool aead) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  const int buffer = 4 << 20;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0) return fail("bind");
  constexpr std::size_t batch = sessiond::UdpSocket::batch_max;
  static std::array<std::array<std::uint8_t, 1201>, batch> bytes;
  static std::array<std::array<std::uint8_t, 1201>, batch> plain;
  static std::array<sockaddr_in, batch> from;
  std::array<iovec, batch> parts{};
  std::array<mmsghdr, batch> messages{};
  const Key32 key = key_of(0);
  std::uint64_t counter = 0;
  constexpr std::size_t header = 13;
  say_ready();
  std::array<pollfd, 2> watched{pollfd{fd, POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0}};
  while (true) {
    ::poll(watched.data(), watched.size(), -1);
    if (watched[1].revents != 0 && !answer_line()) return 0;
    if ((watched[0].revents & POLLIN) == 0) continue;
    for (int round = 0; round < batches_max; ++round) {
      for (std::size_t i = 0; i < batch; ++i) {
        parts[i] = {bytes[i].data(), bytes[i].size()};
        messages[i].msg_hdr = {&from[i], sizeof(from[i]), &parts[i], 1, nullptr, 0, 0};
      }
      const int got = ::recvmmsg(fd, messages.data(), batch, MSG_DONTWAIT, nullptr);
      if (got <= 0) break;
      for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
        const std::size_t size = messages[i].msg_len;
        parts[i].iov_len = size;
        if (!aead || size < header + wire::tag_bytes) continue;
        // The load seals nothing: what is opened here was sealed here before, so that the tag is right.
        const auto payload = std::span(plain[i]).first(size - header - wire::tag_bytes);
        const auto sealed = std::span(bytes[i]).subspan(header, size - header);
        wire::seal(key, counter, ByteView(bytes[i]).first(header), payload, sealed);
        if (!wire::open(key, counter, ByteView(bytes[i]).first(header), sealed, payload)) return fail("open");
        ++counter;
      }
      for (int sent = 0; sent < got;) {
        const int done =
            ::sendmmsg(fd, &messages[static_cast<std::size_t>(sent)], static_cast<unsigned>(got - sent), MSG_DONTWAIT);
        if (done <= 0) break;
        sent += done;
      }
      packets += static_cast<std::uint64_t>(got);
      if (static_cast<std::size_t>(got) < batch) break;
    }
  }
}

// --- the session loop: libevent, UdpSocket, SessionHost, Endpoint, as orrery-sessiond drives them ---

class SessionLoop {
 public:
  SessionLoop(sessiond::UdpSocket socket, sessiond::LoopTimer timer, std::size_t sessions)
      : socket_(std::move(socket)),
        timer_(std::move(timer)),
        host_(echo_host(), random_, BootClock::now()),
        role_(host_),
        database_(sessions) {}

  void run() {
    base_ = event_base_new();
    event* readable = event_new(
        base_, socket_.fd(), EV_READ | EV_PERSIST, [](evutil_socket_t, short, void* self) { as(self).on_readable(); },
        this);
    event_add(readable, nullptr);
    event* line = event_new(
        base_, STDIN_FILENO, EV_READ | EV_PERSIST,
        [](evutil_socket_t, short, void* self) {
          packets = as(self).role_.echoed();
          if (!answer_line()) event_base_loopbreak(as(self).base_);
          as(self).let_arrive();
        },
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
    host_.on_database(true, BootClock::now());
    host_.start(role_, BootClock::now());
    pump();
    say_ready();
    event_base_dispatch(base_);
    for (event* each : {readable, line, ring}) event_free(each);
    event_base_free(base_);
  }

 private:
  static SessionLoop& as(void* self) { return *static_cast<SessionLoop*>(self); }

  void on_readable() {
    for (int i = 0; i < batches_max; ++i) {
      const auto batch = socket_.receive();
      if (batch.empty()) break;
      host_.on_datagrams(batch, BootClock::now());
      if (batch.size() < sessiond::UdpSocket::batch_max) break;
    }
    pump();
  }

  void pump() {
    const Instant now = BootClock::now();
    bool more = true;
    while (more) {
      for (wire::Slot slot = socket_.slot(); host_.poll_transmit(slot, now); slot = socket_.slot())
        socket_.commit(slot);
      socket_.flush();
      more = false;
      sessiond::Effect effect;
      while (host_.poll_effect(effect)) {
        if (const auto* call = std::get_if<sessiond::DatabaseCall>(&effect))
          host_.on_database_answer(call->id, database_.answer(call->request), now);
        more = true;
      }
    }
    if (const auto next = host_.next_deadline()) timer_.ring_at(*next);
  }

  /// All sessions, after the first line: before it the server is empty.
  void let_arrive() {
    while (!database_.all_arrived()) {
      host_.on_agent_message(R"({"message":{"tell":"sync"}})", BootClock::now());
      pump();
    }
  }

  sessiond::UdpSocket socket_;
  sessiond::LoopTimer timer_;
  SystemRandom random_;
  sessiond::SessionHost host_;
  EchoRole role_;
  EchoDatabase database_;
  event_base* base_ = nullptr;
};

int run_session(std::uint16_t port, std::size_t sessions) {
  auto socket = sessiond::UdpSocket::bind(*Address::parse("127.0.0.1", port));
  if (!socket) return fail(socket.error().message);
  auto timer = sessiond::LoopTimer::make();
  if (!timer) return fail(timer.error().message);
  std::make_unique<SessionLoop>(std::move(*socket), std::move(*timer), sessions)->run();
  return 0;
}

}  // namespace

int run(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: bench_echo_server bare|aead|session PORT SESSIONS\n";
    return 2;
  }
  const std::string mode = argv[1];
  const auto port = static_cast<std::uint16_t>(number(argv[2]));
  const std::size_t sessions = number(argv[3]);
  wire::crypto_ready();
  if (mode == "bare" || mode == "aead") return run_bare(port, mode == "aead");
  if (mode == "session") return run_session(port, sessions);
  std::cerr << "no mode '" << mode << "'\n";
  return 2;
}

}  // namespace orrery::bench

int main(int argc, char** argv) { return orrery::bench::run(argc, argv); }
