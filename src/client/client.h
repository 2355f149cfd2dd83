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

/// Where and how to log in. `connect`: "cluster@host:port#hexkey[,hexkey…]" as cluster_status shows it.
struct ConnectString {
  std::string cluster;
  std::vector<Address> login_servers;
  std::vector<Key32> keys;
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
struct LoggedIn { SessionId session; std::vector<CharacterInfo> characters; };
struct LoginRefused { std::string reason, text; Duration retry_after; };
struct WaitingForServer { std::string text; };
struct Entered { std::string role, kind, key; ServerId server; };        // attached to owner ("owner") or attachment ("chat")
struct NoticeShown { std::string kind; std::uint32_t seconds_left; std::string text; };  // warning, countdown, cancelled, other
struct ChatShown { std::uint64_t number; std::string from, text; };
struct Entity { std::uint32_t entity; std::int32_t x_cm, y_cm; std::int16_t vx_cm_s, vy_cm_s; std::uint8_t kind; };
struct Snapshot { std::uint32_t tick, last_input, self; std::vector<Entity> entities; };
struct LoggedOut { std::string reason, text; };                          // by the server, or because it could not be reached
using Event = std::variant<LoggedIn, LoginRefused, WaitingForServer, Entered, NoticeShown, ChatShown, Snapshot, LoggedOut>;

class Client {
 public:
  /// `random` must outlive the client.
  Client(ConnectString connect, Credentials credentials, Random& random, Instant now);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  void select_character(std::uint64_t character_id);
  /// Direction of movement, each -127..127; sent with the last two before it.
  void move(std::int8_t x, std::int8_t y, std::uint8_t buttons);
  Status chat(const std::string& text);
  void logout();
  bool is_finished() const;

  void on_datagram(const wire::Datagram& datagram, Instant now);
  bool poll_transmit(wire::Slot& slot, Instant now);
  bool poll_event(Event& event);
  std::optional<Instant> next_deadline() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace orrery::client
