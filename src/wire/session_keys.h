// What is derived from a session's key K: the macs of Attach and Attached, and the traffic keys (docs/protocol.md,
// Attach).
#pragma once

#include "wire/packet.h"

namespace orrery::wire {

/// mac over the first attach_mac_at bytes of an encoded Attach.
Mac16 attach_mac(const Key32& k, ByteView before_mac);
/// mac over the first attached_mac_at bytes of an encoded Attached.
Mac16 attached_mac(const Key32& k, const Key32& client_random, ByteView before_mac);

/// The server's traffic keys; the client's are the same, swapped.
TrafficKeys server_traffic_keys(const Key32& k, const Key32& client_random, const Key32& server_random);
TrafficKeys client_traffic_keys(const Key32& k, const Key32& client_random, const Key32& server_random);

/// The prologue of the login handshake: "orrery" ‖ version ‖ cluster name.
Bytes login_prologue(std::string_view cluster);

}  // namespace orrery::wire
