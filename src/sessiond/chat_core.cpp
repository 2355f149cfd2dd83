#include "sessiond/chat_core.h"

#include <algorithm>

#include "sessiond/player_text.h"
#include "wire/parse.h"

namespace orrery::sessiond {

Status ChatCore::on_started(const Json&, Instant) {
  host_.role_ready();
  return ok();
}

bool ChatCore::take_token(SessionId session, Instant now) {
  auto [found, fresh] = buckets_.try_emplace(session);
  Bucket& bucket = found->second;
  if (fresh) bucket.at = now;
  const double passed = std::chrono::duration<double>(now - bucket.at).count();
  bucket.tokens = std::min(chat_burst, bucket.tokens + passed * chat_per_second);
  bucket.at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

void ChatCore::on_message(const wire::Message& message, Session* session, Instant now) {
  if (session == nullptr || message.channel != wire::Channel::chat) return;
  proto::ClientChat said;
  const bool fits = take_token(session->id, now) && wire::parse(message.bytes, said) && !said.text().empty() &&
                    said.text().size() <= chat_text_bytes_max && is_player_text(said.text());
  if (!fits) {
    ++dropped_;
    return;
  }
  proto::ServerChat told;
  told.set_number(++last_number_);
  told.set_from(session->name);
  told.set_text(said.text());
  const std::string bytes = told.SerializeAsString();
  // One whose queue is full misses it; its connection is about to lapse.
  for (const auto& [connection, id] : host_.connections())
    (void)host_.endpoint().send(connection, wire::Channel::chat, wire::Delivery::reliable, as_bytes(bytes));
}

std::optional<std::string> ChatCore::leave(Session& session, Instant) {
  buckets_.erase(session.id);
  return std::nullopt;
}

std::string ChatCore::statistics() {
  return std::to_string(last_number_) + " messages, " + std::to_string(dropped_) + " dropped";
}

}  // namespace orrery::sessiond
