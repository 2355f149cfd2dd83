// Protobuf messages that came from the other side.
#pragma once

#include "base/bytes.h"
#include "orrery.pb.h"

namespace orrery::wire {

/// False when the bytes are not such a message; it is then in no certain state. Where a nested message says that it is
/// longer than what holds it, protobuf (3.21) believes it until it comes to the end, and reserves up to 50 MB for a
/// string in it: that is refused first.
bool parse(ByteView bytes, proto::ClientControl& message);
bool parse(ByteView bytes, proto::ServerControl& message);
bool parse(ByteView bytes, proto::LinkMessage& message);
bool parse(ByteView bytes, proto::ClientChat& message);
bool parse(ByteView bytes, proto::ServerChat& message);

}  // namespace orrery::wire
