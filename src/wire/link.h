// Link: sealed datagrams between servers over private UDP (docs/protocol.md, Link).
#pragma once

#include <optional>

#include "base/ids.h"
#include "base/random.h"
#include "wire/types.h"

namespace orrery::wire {

/// link_key(source → target) as the target computes it: HMAC-SHA256(link_root(target), source ‖ source epoch).
Key32 link_key(const Key32& link_root, ServerId source, Epoch source_epoch);

/// Seals `payload` from `source` under the key that the database gave for the target. Empty when it is too long.
Bytes seal_link(const Key32& key, ServerId source, Epoch source_epoch, ByteView payload, Random& random);

struct LinkPayload {
  ServerId source;
  Epoch source_epoch;
  Bytes payload;
};
/// Opens a datagram sent to the owner of `link_root`; nothing when it is malformed or was not sealed for it.
std::optional<LinkPayload> open_link(const Key32& link_root, ByteView datagram);

}  // namespace orrery::wire
