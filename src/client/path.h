// One connection of a client, and the bound on how many a server can make it open.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "client/game_message.h"
#include "orrery.pb.h"
#include "wire/dialer.h"

namespace orrery::client {

/// The one attachment that there is.
inline constexpr const char* chat_role = "chat";

enum class Use : std::uint8_t { login, resolve, owner, attachment };

struct OwnerTarget {
  std::string kind, key;
  wire::AttachTarget target;
};

struct Path {
  Use use;
  std::string role, kind, key;
  wire::AttachTarget target;  // not of login and resolve
  wire::Dialer dialer;
  Instant began_at;
  wire::Hash64 handshake_hash{};  // of login and resolve, once open
  bool is_open = false;
  bool is_retired = false;    // closed by us or the server; kept only until its goodbyes are sent
  bool is_abandoned = false;  // retired without goodbyes
  Instant retired_at{};
  Sight sight{};  // of an owner

  /// False when it is too long; when the connection is gone its Closed tells.
  bool say(const proto::ClientControl& message) {
    return static_cast<bool>(
        dialer.send(wire::Channel::control, wire::Delivery::reliable, as_bytes(message.SerializeAsString())));
  }
};

/// Servers name targets; a client that dialed each of them at once could be made to knock at anyone's door. So many at
/// once, one more each second: more than hand-offs need.
class DialBudget {
 public:
  bool take(Instant now) {
    if (!since_) since_ = now;
    const auto earned = (now - *since_) / each;
    left_ = std::min(most, left_ + earned);
    *since_ += earned * each;
    if (left_ == 0) return false;
    --left_;
    return true;
  }

 private:
  static constexpr Duration each = std::chrono::seconds{1};
  static constexpr std::int64_t most = 16;
  std::int64_t left_ = most;
  std::optional<Instant> since_;
};

}  // namespace orrery::client
