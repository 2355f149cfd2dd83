// A Client on a real UDP socket and the real clock: a small blocking loop, for examples and tests.
#pragma once

#include <functional>

#include "base/random.h"
#include "client/client.h"
#include "client/udp_socket.h"

namespace orrery::client {

/// Owns the socket and the client. Single-threaded.
class UdpClient {
 public:
  /// Begins to log in at the first run_for(). Fails when no socket can be opened.
  static Result<UdpClient> open(ConnectString connect, Credentials credentials);

  /// To move, chat, select and log out, between or during run_for().
  Client& client() { return client_; }
  /// Runs for `time` at most; hands each event to `on_event`, which may call client() and returns false to return
  /// early. False once the client is finished.
  bool run_for(Duration time, const std::function<bool(const Event&)>& on_event);

 private:
  UdpClient(UdpSocket socket, std::unique_ptr<Random> random, Client client);
  UdpSocket socket_;
  std::unique_ptr<Random> random_;  // outlives client_ and stays where it is when this is moved
  Client client_;
};

}  // namespace orrery::client
