// The serving side of the zone bench: what a player costs a tick, from nothing but the system calls to the whole zone.
//
//   bench_zone_server bare|zone PORT PLAYERS BYTES
//
// Both receive what comes, and send each player a datagram 20 times a second, in slices spread over the tick: bare ones
// of BYTES, once its address is known; a zone's snapshots. Says "ready"; "pause" and "resume" stop and start it, and
// each line is answered with {"packets" (sent),"cpu_us","rss_kib","inputs"} and of a zone {"ticks","late","bytes"}.
#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "bare_socket.h"
#include "session_loop.h"
#include "sessiond/zone_core.h"
#include "wire/crypto.h"
#include "zone.h"

namespace orrery::bench {
namespace {

int run_bare(std::uint16_t port, std::size_t players, std::size_t bytes) {
  const int fd = bind_bare(port);
  if (fd < 0) return fail("bind");
  static Batch in, out;
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
      const std::size_t got = in.receive(fd);
      for (std::size_t i = 0; i < got; ++i) {
        const std::size_t player = ntohl(in.from(i).sin_addr.s_addr) - 0x7f010000u - 1;
        if (player < players) addresses[player] = in.from(i);
      }
      inputs += got;
      if (got < Batch::max) break;
    }
    std::uint64_t rings = 0;
    if (watched[1].revents == 0 || ::read(timer, &rings, sizeof(rings)) < 0) continue;
    for (; rings > 0; --rings, next_slice = (next_slice + 1) % slices) {
      std::size_t waiting = 0;
      const auto flush = [&] {
        packets += out.send(fd, waiting);
        waiting = 0;
      };
      for (std::size_t player = next_slice; player < players; player += slices) {
        if (addresses[player].sin_port == 0) continue;
        out.put(waiting, addresses[player], bytes);
        if (++waiting == Batch::max) flush();
      }
      flush();
    }
  }
}

int run_zone(std::uint16_t port, std::size_t players) {
  sessiond::Json info = echo_info();
  info["settings"] = {{"keepalive_ms", 2500}, {"lapse_ms", 60000},  {"sync_ms", 3600000},
                      {"zone_tick_hz", hz},   {"zone_visible", 40}, {"zone_view_m", 1000}};
  info["world"] = {{"size_m", 2000}};
  using Loop = SessionLoop<sessiond::ZoneCore>;
  return serve<sessiond::ZoneCore>(port, std::move(info), players, [](Loop& loop, const std::string& line) {
    const auto& zone = loop.role();
    if (line == "pause") loop.pause();
    if (line == "resume") loop.resume();
    packets = zone.snapshots();
    return answer(line, ",\"inputs\":" + std::to_string(zone.inputs()) + ",\"ticks\":" + std::to_string(zone.tick()) +
                            ",\"late\":" + std::to_string(zone.ticks_late()) +
                            ",\"bytes\":" + std::to_string(loop.host().endpoint().statistics().bytes_sent));
  });
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
