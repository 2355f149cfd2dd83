// A game client, sans-IO: logs in, selects a character, follows redirects, keeps its attachments, says what happened.
// Single-threaded; the owner moves datagrams (see client/udp_client.h for one that does) and hands in time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "wire/types.h"

namespace orrery::client {

/// Where and how to log in, written "cluster@host:port[,host:port…]#hexkey[,hexkey…]" as cluster_status shows it: login
/// servers are tried in turn, hosts are numeric, up to four keys.
struct ConnectString {
  std::string cluster;
  std::vector<Address> login_servers;
  std::vector<Key32> keys;
  /// White space around `text` is ignored.
  static Result<ConnectString> parse(const std::string& text);
};

struct Credentials {
  std::string name;
  std::string password;
  std::string one_time_code{};  // set: `password` becomes the account's password
};

struct CharacterInfo {
  std::uint64_t character_id;
  std::string name, kind, key, details_json;
};

// What happened, one by one, through poll_event.
struct LoggedIn {
  SessionId session;
  std::vector<CharacterInfo> characters;
};
// Before LoggedIn it is the end (a new Client may try again); after it, of a selection: another may be made.
struct LoginRefused {
  std::string reason, text;
  Duration retry_after;
};
struct WaitingForServer {
  std::string text;
};
// Attached to the owner ("owner") or to an attachment ("chat").
struct Entered {
  std::string role, kind, key;
  ServerId server;
};
// Each notice once, whichever ways it came by. `kind`: warning, countdown, cancelled, other.
struct NoticeShown {
  std::string kind;
  std::uint32_t seconds_left;
  std::string text;
};
struct ChatShown {
  std::uint64_t number;
  std::string from, text;
};
struct Entity {
  std::uint32_t entity;
  std::int32_t x_cm, y_cm;
  std::int16_t vx_cm_s, vy_cm_s;
  std::uint8_t kind;
};
struct Snapshot {
  std::uint32_t tick, last_input, self;
  std::vector<Entity> entities;
};
// The end. `reason`: what the server said (logout, shutdown, superseded, kicked, …), "lapse" (the owner is silent),
// "unreachable" (no login server answered), "protocol" (the server sent what makes no sense), "logout" (asked for).
struct LoggedOut {
  std::string reason, text;
};
using Event =
    std::variant<LoggedIn, LoginRefused, WaitingForServer, Entered, NoticeShown, ChatShown, Snapshot, LoggedOut>;

class Client {
 public:
  /// `random` must outlive the client.
  Client(ConnectString connect, Credentials credentials, Random& random, Instant now);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  /// Of LoggedIn's; without effect before it.
  void select_character(std::uint64_t character_id);
  /// Direction of movement, each -127..127; sent with the last two before it.
  void move(std::int8_t x, std::int8_t y, std::uint8_t buttons);
  /// To the cluster's channel. Fails while no chat server is attached.
  Status chat(const std::string& text);
  /// Asks the server to end the session; LoggedOut follows within a second, confirmed or not.
  void logout();
  /// The last event has been queued and every goodbye is sent: nothing more will be sent or told.
  bool is_finished() const;

  // After each call above and below, and at next_deadline(): poll_transmit until false, poll_event until false.

  void on_datagram(const wire::Datagram& datagram, Instant now);
  bool poll_transmit(wire::Slot& slot, Instant now);
  bool poll_event(Event& event);
  std::optional<Instant> next_deadline() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery::client
