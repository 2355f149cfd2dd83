// What a scripted database answers to a session server, for every laboratory that drives one.
#pragma once

#include <string>

#include "sessiond/effects.h"

namespace orrery::sessiond::test {

inline Key32 key_of(std::uint8_t byte) {
  Key32 key;
  key.fill(byte);
  return key;
}

/// server_start_info, for whatever role: key_of(9) is the link root, key_of(5) the static key of logins.
inline Json start_info() {
  return Json{{"settings",
               {{"keepalive_ms", 2500},
                {"lapse_ms", 10000},
                {"sync_ms", 5000},
                {"login_timeout_ms", 60000},
                {"logins_max", 16384},
                {"ready_wait_ms", 30000},
                {"hash_threads", 1},
                {"hash_queue_max", 4},
                {"zone_tick_hz", 20},
                {"zone_visible", 400},
                {"zone_view_m", 1000}}},
              {"link_root", to_hex(key_of(9))},
              {"static_keys", {to_hex(key_of(5))}},
              {"keys_version", 1},
              {"world", {{"size_m", 2000}}}};
}

/// A row of server_sync's arrivals.
inline Json arrival(std::uint64_t session, std::uint64_t epoch, const char* role, const Key32& key,
                    Json state = Json::object()) {
  return Json{{"session_id", session},
              {"epoch", epoch},
              {"role", role},
              {"key", to_hex(key)},
              {"account_id", 1},
              {"character_id", 100 + session},
              {"name", "pilot" + std::to_string(session)},
              {"state", std::move(state)}};
}

}  // namespace orrery::sessiond::test
