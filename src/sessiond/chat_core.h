// Role chat: one channel for the cluster. What an attached session says is numbered and told to all attached.
#pragma once

#include <unordered_map>

#include "sessiond/role.h"
#include "sessiond/session_host.h"

namespace orrery::sessiond {

/// Longest text of one message; longer ones are dropped.
inline constexpr std::size_t chat_text_bytes_max = 500;
/// Messages a session may say: a bucket of `burst` that fills at `per_second`; beyond it they are dropped.
inline constexpr double chat_per_second = 5;
inline constexpr double chat_burst = 10;

class ChatCore final : public Role {
 public:
  explicit ChatCore(SessionHost& host) : host_(host) {}

  Status on_started(const Json& info, Instant now) override;
  void on_message(const wire::Message& message, Session* session, Instant now) override;
  std::optional<std::string> leave(Session& session, Instant now) override;
  std::string statistics() override;

 private:
  struct Bucket {
    double tokens = chat_burst;
    Instant at{};
  };
  bool take_token(SessionId session, Instant now);

  SessionHost& host_;
  std::unordered_map<SessionId, Bucket> buckets_;
  std::uint64_t last_number_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace orrery::sessiond
