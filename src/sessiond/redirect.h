// What an answer "ready" of the database means: where a session's servers are (session_select, session_hand_off,
// session_resolve of docs/control.md).
#pragma once

#include <vector>

#include "base/address.h"
#include "base/ids.h"
#include "orrery.pb.h"
#include "sessiond/effects.h"

namespace orrery::sessiond {

/// For the client. Throws Json::exception when it cannot be read.
proto::ServerControl redirect_of(const Json& answer);

/// Tells a target over the private network that the session is its now. A hint: it is in the database.
struct ArrivalLink {
  Address to;
  Key32 key;
  proto::LinkMessage message;
};
/// For the targets; those without an address or a key are left out. Throws as redirect_of.
std::vector<ArrivalLink> arrivals_of(const Json& answer, SessionId session);

}  // namespace orrery::sessiond
