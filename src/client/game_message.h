// Game messages as bytes (docs/protocol.md, Game messages): inputs packed, snapshots unpacked with every bound checked.
#pragma once

#include <cstdint>
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

/// Nothing unless `bytes` is a whole snapshot and nothing else.
std::optional<Snapshot> decode_snapshot(ByteView bytes);

}  // namespace orrery::client
