// A SessionHost with its role and real clients, driven by a fuzz input; the database answers what the script says.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "input.h"
#include "sessiond/session_host.h"
#include "wire/dialer.h"
#include "wire/link.h"

namespace orrery::fuzz {

inline constexpr ServerId host_id{7};
inline constexpr Epoch host_epoch{(1ull << 32) + 1};

class HostLab {
 public:
  struct Client {
    Address address;
    wire::Dialer dialer;
    bool closed = false;
    std::vector<proto::ServerControl> control{};
    std::size_t chats = 0, games = 0;

    bool send(wire::Channel channel, wire::Delivery delivery, ByteView bytes) {
      return static_cast<bool>(dialer.send(channel, delivery, bytes));
    }
    bool send(const proto::ClientControl& message) {
      return send(wire::Channel::control, wire::Delivery::reliable, as_bytes(message.SerializeAsString()));
    }
  };
  /// Answers a call; nothing: it waits for ever. Of start info and sync only when it wants to.
  using Database = std::function<std::optional<Result<sessiond::Json>>(const sessiond::DatabaseRequest&)>;

  explicit HostLab(const char* role);
  /// `role` must outlive the lab's use.
  void start(sessiond::Role& role);

  Client& login(const char* from);
  /// A session that arrived and whose client attaches.
  Client& attach(SessionId session, const char* from, const char* role = "owner");
  /// Lets everything happen that happens within `time`.
  void run(Duration time);

  Instant now{std::chrono::hours{5}};
  SeededRandom random{1};
  sessiond::SessionHost host;
  Database database = [](const sessiond::DatabaseRequest&) { return std::nullopt; };
  bool verifies = false;  // whether passwords are right
  bool ready = false;
  std::optional<int> exit_code;
  std::size_t asked = 0;

 private:
  void pump();
  void collect(Client& client);
  void carry_out(sessiond::Effect& effect);

  sessiond::Json arrivals_ = sessiond::Json::array();
  std::deque<std::unique_ptr<Client>> clients_;
};

}  // namespace orrery::fuzz
