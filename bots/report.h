// What happened to the bots: counted for the final report, and told event by event as JSON lines.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.h"
#include "client/client.h"
#include "histogram.h"

namespace orrery::bots {

/// Of connections, as clients see it.
struct Traffic {
  std::uint64_t sent = 0, sent_bytes = 0, received = 0, received_bytes = 0;  // datagrams
  std::uint64_t acked = 0, lost = 0;                                         // of those sent that asked for an ack
  std::uint64_t pieces_resent = 0;

  Traffic& operator+=(const wire::Statistics& more);
  Traffic& operator+=(const Traffic& more);
};

/// Counters over all bots.
struct Report {
  std::uint64_t logins = 0;  // logged in, each time
  std::map<std::string, std::uint64_t> refusals_by_reason;
  std::uint64_t waits = 0;  // times told to wait for a server
  std::uint64_t drops = 0;  // times the owner fell silent
  std::uint64_t resumes = 0;
  std::map<std::string, std::uint64_t> entered_by_kind;
  std::map<std::string, std::map<std::uint32_t, std::uint64_t>> notices;  // by kind, then seconds left
  std::uint64_t chat_sent = 0;
  std::uint64_t chat_received = 0;
  std::uint64_t chat_repeated = 0;                    // heard again, or after a later one
  std::uint64_t chat_missed = 0;                      // not heard between two that were, of one channel
  std::uint64_t chat_skipped = 0;                     // of which the server said that they are not shown
  std::map<std::string, std::uint64_t> chat_refused;  // by reason
  std::uint64_t snapshots = 0;
  std::uint64_t inputs = 0;
  std::uint64_t positions_moved = 0;  // snapshots in which the bot's own position was another than before
  double moved_m = 0;
  std::uint64_t others_seen_max = 0;
  std::uint64_t commands_done = 0, commands_refused = 0;
  std::uint64_t travels = 0;     // to another place, confirmed
  std::uint64_t mined = 0;       // orders, confirmed
  Histogram login_times;         // from the first datagram until logged in
  Histogram entry_times;         // and until in play
  Histogram snapshot_intervals;  // journeys apart
  Histogram round_trips;         // to the owner, as the wire smooths it, once a second of each bot
  Histogram gaps;                // of those resumed: without the owner
  Histogram travel_gaps;         // of each journey: from the last snapshot of the one place to the first of the other
  std::uint64_t hits = 0, hits_taken = 0, kills = 0, deaths = 0;
  /// Those that dropped out, and how they came back: with a token, or by a login, with or without a token in vain.
  std::uint64_t vanished = 0, back_by_token = 0, back_by_login = 0, tokens_in_vain = 0;
  Histogram returns;  // until back in play, from when they tried
  std::map<std::string, std::uint64_t> logged_out_by_reason;
  std::map<std::string, std::uint64_t> lost_by_reason;  // of those: out of play, not by the bot's own doing
  std::map<std::string, std::string> failed;            // bots that did not get into play, and why
  Traffic traffic;
  std::uint64_t unsent = 0, overflown = 0;  // datagrams, of Network

  nlohmann::ordered_json to_json(unsigned count) const;
  /// For people, several lines.
  std::string to_text(unsigned count) const;
};

/// One line of JSON on stdout an event, when asked for.
class Journal {
 public:
  Journal(bool is_on, Instant started_at) : is_on_(is_on), started_at_(started_at) {}
  bool is_on() const { return is_on_; }
  /// `members` follow "bot", "event" and "at_ms" (since the start of the program).
  void tell(const std::string& bot, const char* event, Instant now, const nlohmann::ordered_json& members = {}) const;

 private:
  bool is_on_;
  Instant started_at_;
};

/// As one line; what is no UTF-8 is replaced, since names and texts come from the network.
std::string to_line(const nlohmann::ordered_json& json);

}  // namespace orrery::bots
