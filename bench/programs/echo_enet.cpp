// The peer of the echo bench: the same echo by ENet, unencrypted, one message a datagram.
//
//   bench_echo_enet server PORT PEERS          as bench_echo_server
//   bench_echo_enet load PORT PEERS MS PER_SECOND    as bench_echo_load
#include <enet/enet.h>
#include <poll.h>

#include <array>
#include <vector>

#include "counters.h"
#include "echo.h"
#include "play.h"

namespace orrery::bench {
namespace {

int run_server(std::uint16_t port, std::size_t sessions) {
  ENetAddress at{ENET_HOST_ANY, port};
  ENetHost* host = enet_host_create(&at, sessions, 1, 0, 0);
  if (host == nullptr) return failed("no ENet host");
  enet_socket_set_option(host->socket, ENET_SOCKOPT_RCVBUF, 4 << 20);
  say_ready();
  std::array<pollfd, 2> watched{pollfd{host->socket, POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0}};
  while (true) {
    ::poll(watched.data(), watched.size(), 100);
    if (watched[1].revents != 0 && !answer_line()) break;
    ENetEvent event;
    while (enet_host_service(host, &event, 0) > 0) {
      if (event.type != ENET_EVENT_TYPE_RECEIVE) continue;
      ++packets;
      ENetPacket* echo = enet_packet_create(event.packet->data, event.packet->dataLength, 0);
      enet_packet_destroy(event.packet);
      enet_peer_send(event.peer, 0, echo);
    }
    enet_host_flush(host);
  }
  enet_host_destroy(host);
  return 0;
}

int run_load(std::uint16_t port, std::size_t sessions, std::size_t ms, std::size_t per_second) {
  ENetHost* host = enet_host_create(nullptr, sessions, 1, 0, 0);
  if (host == nullptr) return failed("no ENet host");
  enet_socket_set_option(host->socket, ENET_SOCKOPT_RCVBUF, 4 << 20);
  enet_socket_set_option(host->socket, ENET_SOCKOPT_SNDBUF, 4 << 20);
  ENetAddress server{};
  enet_address_set_host(&server, "127.0.0.1");
  server.port = port;
  std::vector<ENetPeer*> peers;
  std::size_t connected = 0;
  ENetEvent event;
  for (std::size_t i = 0; i < sessions; ++i) {
    peers.push_back(enet_host_connect(host, &server, 1, 0));
    if (peers.back() == nullptr) return failed("no ENet peer");
    const Instant patience = BootClock::now() + std::chrono::seconds{5};
    while (connected <= i && BootClock::now() < patience)
      if (enet_host_service(host, &event, 10) > 0 && event.type == ENET_EVENT_TYPE_CONNECT) ++connected;
  }
  if (connected < sessions) return failed("only " + std::to_string(connected) + " ENet peers connected");
  const std::array<std::uint8_t, message_bytes> message{};
  play(
      sessions, ms, per_second, milliseconds{200},
      [&](std::size_t session) {
        enet_peer_send(peers[session], 0, enet_packet_create(message.data(), message.size(), 0));
      },
      [&] {
        while (enet_host_service(host, &event, 0) > 0) {
          if (event.type != ENET_EVENT_TYPE_RECEIVE) continue;
          ++received;
          enet_packet_destroy(event.packet);
        }
      });
  enet_host_destroy(host);
  return 0;
}

}  // namespace

int run(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "server" && argc == 4) return run_server(static_cast<std::uint16_t>(number(argv[2])), number(argv[3]));
  if (mode == "load" && argc == 6)
    return run_load(static_cast<std::uint16_t>(number(argv[2])), number(argv[3]), number(argv[4]), number(argv[5]));
  std::cerr << "usage: bench_echo_enet server PORT PEERS | load PORT PEERS MS PER_SECOND\n";
  return 2;
}

}  // namespace orrery::bench

int main(int argc, char** argv) { return orrery::bench::run(argc, argv); }
