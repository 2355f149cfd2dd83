// The session host as the echo bench uses it: a role that answers each message with itself, and the database's answers.
#pragma once

#include <algorithm>

#include "echo.h"
#include "sessiond/session_host.h"

namespace orrery::bench {

class EchoRole final : public sessiond::Role {
 public:
  explicit EchoRole(sessiond::SessionHost& host) : host_(host) {}
  Status on_started(const sessiond::Json&, Instant) override { return ok(); }
  void on_message(const wire::Message& message, sessiond::Session*, Instant) override {
    if (message.channel != wire::Channel::game) return;
    ++echoed_;
    (void)host_.endpoint().send(message.connection, message.channel, message.delivery, message.bytes);
  }
  std::uint64_t echoed() const { return echoed_; }

 private:
  sessiond::SessionHost& host_;
  std::uint64_t echoed_ = 0;
};

/// What server_start_info answers.
inline sessiond::Json echo_info() {
  return {{"settings",
           {{"keepalive_ms", 2500}, {"lapse_ms", 60000}, {"sync_ms", 3600000}, {"client_rate_bytes_s", 100000000}}},
          {"link_root", to_hex(key_of(0))},
          {"world", sessiond::Json::object()}};
}

/// Lets sessions 1 to `sessions` arrive, 200 a sync; none with the first.
class EchoDatabase {
 public:
  EchoDatabase(sessiond::Json info, std::size_t sessions) : info_(std::move(info)), sessions_(sessions) {}
  bool all_arrived() const { return arrived_ == sessions_; }
  Result<sessiond::Json> answer(const sessiond::DatabaseRequest& request) {
    using sessiond::Json;
    if (std::holds_alternative<sessiond::GetStartInfo>(request)) return info_;
    if (!std::holds_alternative<sessiond::Sync>(request)) return Json::array();
    Json arrivals = Json::array();
    const std::size_t until = std::exchange(started_, true) ? std::min(sessions_, arrived_ + 200) : 0;
    for (; arrived_ < until; ++arrived_)
      arrivals.push_back({{"session_id", arrived_ + 1},
                          {"epoch", session_epoch.value},
                          {"role", "owner"},
                          {"key", to_hex(key_of(arrived_ + 1))},
                          {"account_id", 1},
                          {"character_id", 1},
                          {"name", "echo"},
                          {"state", Json::object()}});
    return Json{{"arrivals", std::move(arrivals)}, {"ended", Json::array()}};
  }

 private:
  sessiond::Json info_;
  std::size_t sessions_, arrived_ = 0;
  bool started_ = false;
};

inline sessiond::HostConfig echo_host() { return {"bench", "echo", "1", "zone", server_id, Epoch{(1ull << 32) + 1}}; }

}  // namespace orrery::bench
