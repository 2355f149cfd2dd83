// Game messages as bytes (docs/protocol.md, Game messages): inputs packed, snapshots unpacked with every bound checked.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "client/client.h"

namespace orrery::client {

struct Input {
  std::uint32_t sequence;
  std::int8_t move_x, move_y;
  std::uint8_t buttons;
};
/// An input packet repeats the last ones, so that the loss of two in a row costs nothing.
inline constexpr std::size_t inputs_per_message_max = 3;

/// `inputs`: 1 to inputs_per_message_max, newest first.
Bytes encode_inputs(std::span<const Input> inputs);

/// What one snapshot tells: of oneself, of some of the others, and who is seen no more.
struct SnapshotMessage {
  std::uint32_t tick, last_input;
  Entity self;
  std::vector<Entity> entities;
  std::vector<std::uint32_t> gone;
};
/// Nothing unless `bytes` is a whole snapshot and nothing else.
std::optional<SnapshotMessage> decode_snapshot(ByteView bytes);

/// All that is in sight of one server's snapshots.
class Sight {
 public:
  /// Nothing unless `bytes` is a whole snapshot that is newer than the last.
  std::optional<Snapshot> take(ByteView bytes);
  /// More than any server shows: what a hostile one would have remembered.
  static constexpr std::size_t others_max = 1024;

 private:
  struct Other {
    Entity entity;          // as it was told
    std::uint32_t told_at;  // tick
  };
  std::optional<std::uint32_t> last_tick_;
  std::map<std::uint32_t, Other> others_;
};

}  // namespace orrery::client
