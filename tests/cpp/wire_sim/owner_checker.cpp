#include "wire_sim/owner_checker.h"

#include <algorithm>
#include <set>

#include "wire_sim/server_process.h"

namespace orrery::wire_sim {
namespace {

/// A server lets go of what was taken from it within a sync or two, when it reaches the database.
constexpr Duration lets_go_within = 12s;
/// Connections of one client, those that have not lapsed yet included.
constexpr std::size_t connections_each = 12;

}  // namespace

void OwnerChecker::after_step(const ServerProcess& server) {
  check_sessions(server);
  check_statistics(server);
  check_connections(server);
}

void OwnerChecker::check_sessions(const ServerProcess& server) {
  if (server.has_exited()) return;
  for (const auto& [id, session] : server.host().sessions()) {
    const auto granted = database_.granted_to(id, session.epoch);
    if (granted != server.id())
      throw Broken{fmt::format("server process {} holds session {} under epoch {}, which it was never given",
                               server.number(), id.value, session.epoch.value)};
    if (server.role() == "zone" && session.owner && !session.is_frozen() &&
        database_.session(id)->from == std::pair(server.id(), session.epoch))
      throw Broken{
          fmt::format("server process {} goes on with session {}, which it handed over", server.number(), id.value)};
    Held& held = held_[{server.number(), id}];
    if (session.epoch < held.epoch)
      throw Broken{
          fmt::format("server process {} goes back to an earlier epoch of session {}", server.number(), id.value)};
    held.epoch = session.epoch;
    held.is_owner = session.owner;
    // A frozen one waits for an answer, however slow the database is.
    if (session.is_frozen() || !is_stale(server, id, held)) {
      held.stale_since = Time::max();
      continue;
    }
    held.stale_since = std::min(held.stale_since, world_.now());
    const Time since = std::max(held.stale_since, server.database_since());
    if (server.has_database() && world_.now() - since > lets_go_within)
      throw Broken{fmt::format("server process {} has held session {} for {} ms after it was taken", server.number(),
                               id.value, (world_.now() - since) / 1ms)};
  }
}

bool OwnerChecker::is_stale(const ServerProcess& server, SessionId id, const Held& held) const {
  const Database::Session* session = database_.session(id);
  if (session->state == Database::SessionState::ended) return true;
  if (held.is_owner) return session->owner != server.id() || session->epoch != held.epoch;
  const Database::Attachment* attachment = database_.attachment(id);
  return attachment == nullptr || attachment->ended || attachment->server != server.id() ||
         attachment->epoch != held.epoch;
}

void OwnerChecker::check_statistics(const ServerProcess& server) {
  const sessiond::SessionHost& host = server.host();
  if (!host.has_endpoint()) return;
  const wire::Endpoint& endpoint = const_cast<sessiond::SessionHost&>(host).endpoint();
  const wire::Statistics& counted = endpoint.statistics();
  const auto compare = [&](const char* what, std::uint64_t is, std::uint64_t should_be) {
    if (is != should_be)
      throw Broken{fmt::format("server process {} counts {} {}, not {}: statistics do not add up", server.number(), is,
                               what, should_be)};
  };
  if (!server.has_exited()) {
    compare("datagrams received", counted.datagrams_received, server.datagrams_in());
    compare("bytes received", counted.bytes_received, server.bytes_in());
  }
  compare("datagrams sent", counted.datagrams_sent, server.datagrams_out());
  compare("bytes sent", counted.bytes_sent, server.bytes_out());
  const std::uint64_t dropped =
      counted.dropped_malformed + counted.dropped_unknown + counted.dropped_sealed + counted.dropped_replayed;
  if (dropped > counted.datagrams_received)
    throw Broken{fmt::format("server process {} dropped more than it received", server.number())};
  const std::size_t most = clients_ * connections_each;
  if (endpoint.connection_count() > most || host.connections().size() > most || host.sessions().size() > most)
    throw Broken{fmt::format("server process {} holds {} connections and {} sessions of {} clients", server.number(),
                             endpoint.connection_count(), host.sessions().size(), clients_)};
}

void OwnerChecker::check_connections(const ServerProcess& server) {
  const auto& sessions = server.host().sessions();
  for (const auto& entry : server.host().connections()) {
    const auto is_its = [&entry](const auto& known) {
      return &known.second == entry.second && known.second.connection == entry.first;
    };
    if (entry.second != nullptr && std::none_of(sessions.begin(), sessions.end(), is_its))
      throw Broken{fmt::format("server process {} has a connection of a session that is gone", server.number())};
  }
}

void OwnerChecker::check_database() {
  std::set<AccountId> in_play;
  for (const Database::Session* session : database_.sessions())
    if (session->state != Database::SessionState::ended && !in_play.insert(session->account).second)
      throw Broken{fmt::format("account {} has two live sessions", session->account.value)};
}

}  // namespace orrery::wire_sim
