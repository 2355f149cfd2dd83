// What a client knows of chat: the channels it is in, the last number of each that was shown, and what it has said that
// was not answered yet. All of it is bounded, whatever servers send.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "client/client.h"
#include "orrery.pb.h"

namespace orrery::client {

class ChatLog {
 public:
  /// Nothing when too much is not answered yet.
  std::optional<proto::ClientChat> say(std::uint64_t channel, const std::string& to, const std::string& text,
                                       Random& random);
  /// It could not be sent.
  void take_back() { unanswered_.pop_back(); }
  /// On a new connection: what was said and not answered is said again.
  std::deque<proto::ClientChat> begin();
  /// From where on each channel is to be shown that was not asked for on this connection yet.
  proto::ClientChat on_channels(const proto::ChatChannels& channels);
  ChatChannels channels() const;
  /// What the player is to be shown; first, perhaps, what he is not. Nothing of what he has seen.
  struct Shown {
    std::optional<ChatSkipped> skipped{};
    std::optional<ChatShown> message{};
  };
  Shown on_message(const proto::ChatMessage& message);
  Shown on_skipped(const proto::ChatSkipped& skipped);
  /// The text of what is answered now.
  std::string on_answer(std::uint64_t message_id);

 private:
  struct Known {
    std::string kind, name;
    bool is_in = false;     // now; what is known of others is kept for when he comes back
    bool is_asked = false;  // to be shown, on this connection
    bool is_new = true;     // nothing of it is known to have been shown
    std::uint64_t last = 0;
  };
  Shown up_to(std::uint64_t channel, Known& known, std::uint64_t number);

  std::map<std::uint64_t, Known> channels_;
  std::deque<proto::ClientChat> unanswered_;
  std::uint64_t last_id_ = 0;
};

}  // namespace orrery::client
