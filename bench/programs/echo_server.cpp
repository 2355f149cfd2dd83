// The serving side of the echo bench: what a datagram costs, from nothing but the system calls to the whole session
// loop.
//
//   bench_echo_server bare|aead|session PORT SESSIONS
//
// Says "ready", then answers each line of its standard input with {"packets","cpu_us","rss_kib"}; "quit" ends it.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <iostream>
#include <string>

#include "bare_socket.h"
#include "session_loop.h"
#include "wire/crypto.h"

namespace orrery::bench {
namespace {

// --- the floors: recvmmsg and sendmmsg, and with an open and a seal a datagram ---

int run_bare(std::uint16_t port, bool aead) {
  const int fd = bind_bare(port);
  if (fd < 0) return fail("bind");
  static Batch batch;
  static std::array<std::array<std::uint8_t, 1201>, Batch::max> plain;
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
      const std::size_t got = batch.receive(fd);
      for (std::size_t i = 0; i < got; ++i) {
        const auto bytes = batch.bytes(i);
        if (!aead || bytes.size() < header + wire::tag_bytes) continue;
        // The load seals nothing: what is opened here was sealed here before, so that the tag is right.
        const auto payload = std::span(plain[i]).first(bytes.size() - header - wire::tag_bytes);
        wire::seal(key, counter, ByteView(bytes).first(header), payload, bytes.subspan(header));
        if (!wire::open(key, counter, ByteView(bytes).first(header), bytes.subspan(header), payload))
          return fail("open");
        ++counter;
      }
      (void)batch.send(fd, got);
      packets += got;
      if (got < Batch::max) break;
    }
  }
}

// --- the session loop ---

int run_session(std::uint16_t port, std::size_t sessions) {
  return serve<EchoRole>(port, echo_info(), sessions, [](SessionLoop<EchoRole>& loop, const std::string& line) {
    packets = loop.role().echoed();
    return answer(line);
  });
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
