// The static keys that a login server accepts handshakes under: fetched anew when the cluster's are rotated, and
// published once they are accepted.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "sessiond/session_host.h"

namespace orrery::sessiond {

class LoginKeys {
 public:
  /// `published` is called each time that the database knows what is accepted here.
  LoginKeys(SessionHost& host, std::function<void()> published) : host_(host), published_(std::move(published)) {}

  /// Accepts logins under the keys of server_start_info.
  Status start(const Json& info, Instant now);
  /// Asks for the keys when they are others by now. Logins under way keep theirs.
  void on_sync(const Json& answer);
  void advance(Instant now);
  std::optional<Instant> next_deadline() const { return publishing_ ? std::nullopt : publish_at_; }
  std::int64_t version() const { return version_; }

 private:
  Status take(const Json& keys, Instant now);
  void publish();

  SessionHost& host_;
  std::function<void()> published_;
  std::int64_t version_ = 0;
  bool asking_ = false;
  Json public_keys_;  // accepted, in hex, newest first
  bool publishing_ = false;
  std::optional<Instant> publish_at_;
};

}  // namespace orrery::sessiond
