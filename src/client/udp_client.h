// A Client on a real UDP socket and the real clock: a small blocking loop, for examples and tests.
#pragma once

#include <functional>

#include "base/random.h"
#include "client/client.h"
#include "client/udp_socket.h"

namespace orrery::client {

/// Owns the socket and the client. Single-threaded. Errors of the socket are as losses; when the client's path is dead
/// it goes on over a new socket, from another port and whatever address the machine has by then.
class UdpClient {
 public:
  /// Looks up the names in `connect` (blocking), and begins to log in at the first run_for(). Fails when none is found,
  /// or no socket can be opened.
  static Result<UdpClient> open(ConnectString connect, Credentials credentials, Options options = {});
  /// Likewise, to take up the session of a token.
  static Result<UdpClient> open(ConnectString connect, const Token& token, Options options = {});

  /// To move, chat, select and log out, between or during run_for().
  Client& client() { return client_; }
  /// Runs for `time` at most; hands each event to `on_event`, which may call client() and returns false to return
  /// early. False once the client is finished.
  bool run_for(Duration time, const std::function<bool(const Event&)>& on_event);
  /// Another socket, as when the machine's network has changed; the old one stays when none can be opened.
  Status rebind();
  /// Sockets that took the place of another.
  std::uint64_t rebinds() const { return rebinds_; }

 private:
  template <class Login>
  static Result<UdpClient> open_with(ConnectString connect, Login login, Options options);
  UdpClient(UdpSocket socket, std::unique_ptr<Random> random, Client client);
  void receive();
  void send();

  UdpSocket socket_;
  std::unique_ptr<Random> random_;  // outlives client_ and stays where it is when this is moved
  Client client_;
  std::uint64_t rebinds_ = 0;
};

}  // namespace orrery::client
