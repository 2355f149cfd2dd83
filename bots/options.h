// What orrery-bots was asked to do.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "client/client.h"

namespace orrery::bots {

/// What a bot does in play; nothing of it: it is idle, and says only what keeps its session alive.
struct Behaviours {
  bool wander = false, chat = false, commute = false, mine = false, fight = false, drop_out = false;
};

struct Options {
  client::ConnectString connect;
  std::string connect_file;  // what `connect` was read from; read again while the bots run
  std::string password;
  std::string prefix = "bot";
  unsigned count = 1;
  unsigned first = 1;
  Behaviours behaviours;
  unsigned playing = 1;            // so many of them have behaviours, the first
  bool multiplex = false;          // see multiplexed.h
  double rate_hz = 5;              // inputs of one bot
  double chat_every_s = 10;        // of one bot
  double travel_every_s = 10;      // of one bot, on average
  double drop_every_s = 60;        // of one bot, on average
  double away_s = 5;               // on average
  double ramp_per_s = 10;          // logins begun
  unsigned arriving_max = 256;     // bots between their first datagram and play
  double for_s = 0;                // 0: until interrupted or all have ended
  unsigned retries = 5;            // of one bot, when told to come back later
  std::uint64_t character_id = 0;  // 0: the account's first
  bool prints_names = false;
  bool prints_events = false;
  bool reports_json = false;
  std::string pid_file;
  std::string log_level = "warn";

  /// "bot0007"
  std::string name_of(unsigned number) const;
  /// Whether login servers can be talked to in the way that was asked for.
  Status reaches(const client::ConnectString& servers) const;
};

/// The connect string in the first line of a file, names resolved.
Result<client::ConnectString> read_connect_file(const std::string& path);

/// Options of a command line, or the status to exit with (help, version or a usage error has been printed).
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace orrery::bots
