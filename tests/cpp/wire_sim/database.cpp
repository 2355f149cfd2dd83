#include "wire_sim/database.h"

namespace orrery::wire_sim {

std::optional<ServerId> Database::granted_to(SessionId session, Epoch epoch) const {
  const auto found = grants_.find({session, epoch});
  return found == grants_.end() ? std::nullopt : std::optional(found->second);
}

Json Database::granted_state(SessionId session, Epoch epoch) const {
  const auto found = granted_states_.find({session, epoch});
  return found == granted_states_.end() ? Json::object() : found->second;
}

void Database::grant(SessionId session, const char* role, Epoch epoch, ServerId server) {
  const auto [granted, is_new] = grants_.try_emplace({session, epoch}, server);
  if (granted->second != server)
    throw Broken{fmt::format("session {} was given to servers {} and {} under one epoch", session.value,
                             granted->second.value, server.value)};
  Epoch& last = epochs_[{session, role}];
  if (epoch < last) throw Broken{fmt::format("the epoch of session {} went back ({})", session.value, role)};
  last = epoch;
}

}  // namespace orrery::wire_sim
