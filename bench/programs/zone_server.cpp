// The serving side of the zone bench: what a player costs a tick, from nothing but the system calls to the whole zone.
//
//   bench_zone_server bare|zone PORT PLAYERS BYTES
//
// Both receive what comes, and send each player a datagram 20 times a second, in slices spread over the tick: bare ones
// of BYTES, once its address is known; a zone's snapshots. Says "ready"; "pause" and "resume" stop and start it, and
// each line is answered with {"packets" (sent),"cpu_us","rss_kib","inputs"} and of a zone {"ticks","late","bytes"}.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>

#include "session_loop.h"
#include "sessiond/zone_core.h"
#include "wire/crypto.h"
#include "zone.h"

namespace orrery::bench {
namespace {

int run_bare(std::uint16_t port, std::size_t players, std::size_t bytes) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  const int buffer = 4 << 20;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof(at)) != 0) return fail("bind");
  constexpr std::size_t batch = sessiond::UdpSocket::batch_max;
  static std::array<std::array<std::uint8_t, 1201>, batch> in;
  static std::array<std::array<std::uint8_t, 1201>, batch> out;
  std::array<sockaddr_in, batch> from;
  std::array<iovec, batch> in_parts{}, out_parts{};
  std::array<mmsghdr, batch> in_messages{}, out_messages{};
  std::vector<sockaddr_in> addresses(players);
  const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  const auto arm = [timer](bool on) {
    const timespec each{0, on ? std::chrono::nanoseconds(slice).count() : 0};
    const itimerspec spec{each, each};
    ::timerfd_settime(timer, 0, &spec, nullptr);
  };
  std::uint64_t inputs = 0;
  std::size_t next_slice = 0;
  say_ready();
  std::array<pollfd, 3> watched{pollfd{fd, POLLIN, 0}, pollfd{timer, POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0}};
  while (true) {
    ::poll(watched.data(), watched.size(), -1);
    if (watched[2].revents != 0) {
      std::string line;
      if (!std::getline(std::cin, line)) return 0;
      if (line == "pause" || line == "resume") arm(line == "resume");
      if (!answer(line, ",\"inputs\":" + std::to_string(inputs))) return 0;
    }
    for (int round = 0; (watched[0].revents & POLLIN) != 0 && round < batches_max; ++round) {
      for (std::size_t i = 0; i < batch; ++i) {
        in_parts[i] = {in[i].data(), in[i].size()};
        in_messages[i].msg_hdr = {&from[i], sizeof(from[i]), &in_parts[i], 1, nullptr, 0, 0};
      }
      const int got = ::recvmmsg(fd, in_messages.data(), batch, MSG_DONTWAIT, nullptr);
      for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got); ++i) {
        const std::size_t player = ntohl(from[i].sin_addr.s_addr) - 0x7f010000u - 1;
        if (player < players) addresses[player] = from[i];
      }
      if (got > 0) inputs += static_cast<std::uint64_t>(got);
      if (got < static_cast<int>(batch)) break;
    }
    std::uint64_t rings = 0;
    if (watched[1].revents == 0 || ::read(timer, &rings, sizeof(rings)) < 0) continue;
    for (; rings > 0; --rings, next_slice = (next_slice + 1) % slices) {
      std::size_t waiting = 0;
      const auto flush = [&] {
        for (std::size_t sent = 0; sent < waiting;) {
          const int done = ::sendmmsg(fd, &out_messages[sent], static_cast<unsigned>(waiting - sent), MSG_DONTWAIT);
          if (done <= 0) break;
          sent += static_cast<std::size_t>(done);
          packets += static_cast<std::uint64_t>(done);
        }
        waiting = 0;
      };
      for (std::size_t player = next_slice; player < players; player += slices) {
        if (addresses[player].sin_port == 0) continue;
        out_parts[waiting] = {out[waiting].data(), bytes};
        out_messages[waiting].msg_hdr = {
            &addresses[player], sizeof(sockaddr_in), &out_parts[waiting], 1, nullptr, 0, 0};
        if (++waiting == batch) flush();
      }
      flush();
    }
  }
}

int run_zone(std::uint16_t port, std::size_t players) {
  auto socket = sessiond::UdpSocket::bind(*Address::parse("127.0.0.1", port));
  if (!socket) return fail(socket.error().message);
  auto timer = sessiond::LoopTimer::make();
  if (!timer) return fail(timer.error().message);
  sessiond::Json info = echo_info();
  info["settings"] = {{"keepalive_ms", 2500}, {"lapse_ms", 60000},  {"sync_ms", 3600000},
                      {"zone_tick_hz", hz},   {"zone_visible", 40}, {"zone_view_m", 1000}};
  info["world"] = {{"size_m", 2000}};
  const auto loop =
      std::make_unique<SessionLoop<sessiond::ZoneCore>>(std::move(*socket), std::move(*timer), info, players);
  loop->run([&](const std::string& line) {
    auto& zone = loop->role();
    if (line == "pause") loop->pause();
    if (line == "resume") loop->resume();
    packets = zone.snapshots();
    return answer(line, ",\"inputs\":" + std::to_string(zone.inputs()) + ",\"ticks\":" + std::to_string(zone.tick()) +
                            ",\"late\":" + std::to_string(zone.ticks_late()) +
                            ",\"bytes\":" + std::to_string(loop->host().endpoint().statistics().bytes_sent));
  });
  return 0;
}

}  // namespace

int run(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: bench_zone_server bare|zone PORT PLAYERS BYTES\n";
    return 2;
  }
  const std::string mode = argv[1];
  const auto port = static_cast<std::uint16_t>(number(argv[2]));
  wire::crypto_ready();
  if (mode == "bare") return run_bare(port, number(argv[3]), number(argv[4]));
  if (mode == "zone") return run_zone(port, number(argv[3]));
  std::cerr << "no mode '" << mode << "'\n";
  return 2;
}

}  // namespace orrery::bench

int main(int argc, char** argv) { return orrery::bench::run(argc, argv); }
