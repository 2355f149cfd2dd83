// The serving side of the echo bench: what a datagram costs, from nothing but the system calls to the whole session
// loop.
//
//   bench_echo_server bare|aead|session PORT SESSIONS
//
// Says "ready", then answers each line of its standard input with {"packets","cpu_us","rss_kib"}; "quit" ends it.
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
#include "session_loop.h"
#include "wire/crypto.h"

namespace orrery::bench {
namespace {

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

// --- the session loop ---

int run_session(std::uint16_t port, std::size_t sessions) {
  auto socket = sessiond::UdpSocket::bind(*Address::parse("127.0.0.1", port));
  if (!socket) return fail(socket.error().message);
  auto timer = sessiond::LoopTimer::make();
  if (!timer) return fail(timer.error().message);
  const auto loop =
      std::make_unique<SessionLoop<EchoRole>>(std::move(*socket), std::move(*timer), echo_info(), sessions);
  loop->run([&](const std::string& line) {
    packets = loop->role().echoed();
    return answer(line);
  });
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
