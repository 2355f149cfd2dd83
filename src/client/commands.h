// What a player orders that is to be done once, whatever happens to servers meanwhile: kept until its result is here,
// and sent again to each server that the player comes to. Layouts: docs/protocol.md, Game messages.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"

namespace orrery::client {

/// A command without a result, in its order.
struct Command {
  std::uint64_t id;
  Bytes bytes;  // the message
  bool is_sent = false;
};

/// A server's word on a command.
struct CommandResult {
  std::uint64_t id;
  bool ok;
  std::string json;  // an object
};
/// Nothing when it is no Result.
std::optional<CommandResult> decode_result(ByteView message);
/// The JSON of an Event; nothing when it is none.
std::optional<std::string> decode_game_event(ByteView message);

class Commands {
 public:
  /// As many as a server lets wait.
  static constexpr std::size_t waiting_max = 16;

  explicit Commands(Random& random);
  /// Its id. Error EINVAL: `name` is not 1 to 32 of a to z and _, `args` is over 4,096 bytes; ENOBUFS: too many wait.
  Result<std::uint64_t> add(std::string_view name, std::string_view args);
  /// All are to be sent again: so many have been sent before.
  std::size_t send_again();
  /// The first that is to be sent; null when there is none. Whoever sends it sets its is_sent.
  Command* unsent();
  /// False when nobody waits for it: a repetition.
  bool take(std::uint64_t id);
  std::size_t waiting() const { return waiting_.size(); }

 private:
  std::deque<Command> waiting_;
  std::uint64_t next_id_;
};

}  // namespace orrery::client
