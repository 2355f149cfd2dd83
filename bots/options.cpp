#include "options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <vector>

#include "client/resolve.h"
#include "multiplexed.h"

namespace orrery::bots {

namespace {

constexpr int exit_usage = 2;
constexpr unsigned count_max = 20'000;

// First line of a file; an Error names the file.
Result<std::string> first_line(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Error{"cannot read " + path + ": " + std::strerror(errno)};
  std::string line;
  std::getline(file, line);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.empty()) return Error{path + " is empty"};
  return line;
}

Result<client::ConnectString> resolve(const std::string& connect) {
  auto parsed = client::ConnectString::parse(connect);
  if (!parsed) return parsed.error();
  return client::resolve(std::move(*parsed));
}

int usage_error(const std::string& message, const std::string& hint = {}) {
  std::cerr << "orrery-bots: " << message << "\n";
  std::cerr << (hint.empty() ? "try: orrery-bots --help" : "hint: " + hint) << "\n";
  return exit_usage;
}

}  // namespace

std::string Options::name_of(unsigned number) const {
  std::array<char, 16> digits;
  std::snprintf(digits.data(), digits.size(), "%04u", number);
  return prefix + digits.data();
}

Status Options::reaches(const client::ConnectString& servers) const {
  for (const Address& server : servers.login_servers)
    if (multiplex && !Multiplexed::reaches(server))
      return Error{"--multiplex reaches servers on 127.0.0.0/8 only, and a login server is at " + server.to_string(),
                   "EINVAL", "without it each bot has a socket of its own"};
  return ok();
}

Result<client::ConnectString> read_connect_file(const std::string& path) {
  auto line = first_line(path);
  if (!line) return line.error();
  return resolve(*line);
}

std::variant<Options, int> parse_options(int argc, char** argv) {
  Options options;
  std::string connect, password_file, report = "text";
  std::vector<std::string> behaviours{"wander", "chat"};

  CLI::App app{
      "Simulated players: log in, wander about, chat, and say what they were told.\n"
      "Exit status: 0 when every bot that began to log in got into play, 1 when one did not, 2 for usage errors.",
      "orrery-bots"};
  app.set_version_flag("--version", std::string("orrery-bots ") + ORRERY_VERSION);

  app.option_defaults()->group("Who plays, and where");
  app.add_option("--connect", connect, "CLUSTER@HOST:PORT#KEY, as cluster_status shows it");
  app.add_option("--connect-file", options.connect_file,
                 "file whose first line is that; read again whenever it changes");
  app.add_option("--count", options.count, "number of bots")->capture_default_str()->check(CLI::Range(1u, count_max));
  app.add_option("--first", options.first, "number of the first")
      ->capture_default_str()
      ->check(CLI::Range(0u, 9'999'999u));
  app.add_option("--prefix", options.prefix, "accounts are named PREFIX0001 and so on")->capture_default_str();
  app.add_option("--password-file", password_file, "file whose first line is the password of them all");
  app.add_option("--character", options.character_id, "id of the character to play; default: the account's first");
  app.add_flag("--print-names", options.prints_names, "print the accounts' names and exit");

  app.option_defaults()->group("What they do");
  app.add_option("--behaviour", behaviours,
                 "any of: wander; chat; commute (between places); mine; fight (hunt who is nearest); drop-out (vanish "
                 "without a word for a while); or idle")
      ->delimiter(',')
      ->capture_default_str()
      ->check(CLI::IsMember({"wander", "chat", "commute", "mine", "fight", "drop-out", "idle"}));
  auto* playing = app.add_option("--playing", options.playing,
                                 "so many of them do, the first; the others are idle: in play, and say only what keeps "
                                 "them there; default: all");
  app.add_option("--rate", options.rate_hz, "inputs a second, each bot")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 60.0));
  app.add_option("--chat-every", options.chat_every_s, "seconds between what one bot says")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86'400.0));
  app.add_option("--travel-every", options.travel_every_s, "seconds between two journeys of one bot, on average")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86'400.0));
  app.add_option("--drop-every", options.drop_every_s, "seconds in play until a bot drops out, on average")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86'400.0));
  app.add_option("--away", options.away_s,
                 "seconds until it is back, on average: with its session's token or by its password")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 86'400.0));

  app.option_defaults()->group("How they come and go");
  app.add_option("--ramp", options.ramp_per_s, "logins begun a second")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 10'000.0));
  app.add_option("--arriving", options.arriving_max,
                 "so many at most are on their way into play at once; the next begin when others are there")
      ->capture_default_str()
      ->check(CLI::Range(1u, count_max));
  app.add_option("--for", options.for_s, "seconds to run, then log out; 0: until interrupted, or all have ended")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e7));
  app.add_option("--retries", options.retries, "how often a bot that is told to come back later does")
      ->capture_default_str();
  app.add_flag("--multiplex", options.multiplex,
               "all bots on one socket, each from an address of its own in 127.0.0.0/8: for thousands of them, on the "
               "servers' machine");

  app.option_defaults()->group("What is told");
  app.add_option("--report", report, "final report: text or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "json"}));
  app.add_flag("--events", options.prints_events, "one JSON object a line on stdout for what happens to each bot");
  app.add_option("--pid-file", options.pid_file, "write the process id there; removed at the end");
  app.add_option("--log-level", options.log_level, "of stderr")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }

  const auto does = [&](const char* one) { return std::ranges::find(behaviours, one) != behaviours.end(); };
  options.behaviours = {.wander = does("wander"),
                        .chat = does("chat"),
                        .commute = does("commute"),
                        .mine = does("mine"),
                        .fight = does("fight"),
                        .drop_out = does("drop-out")};
  if (playing->empty()) options.playing = options.count;
  options.reports_json = report == "json";
  if (options.prefix.empty()) return usage_error("--prefix is empty");
  if (options.prints_names) return options;

  if (connect.empty() == options.connect_file.empty()) return usage_error("give one of --connect and --connect-file");
  auto resolved = connect.empty() ? read_connect_file(options.connect_file) : resolve(connect);
  if (!resolved) return usage_error(resolved.error().message, resolved.error().hint);
  if (const Status reached = options.reaches(*resolved); !reached)
    return usage_error(reached.error().message, reached.error().hint);
  options.connect = std::move(*resolved);

  if (password_file.empty()) return usage_error("--password-file is required");
  auto password = first_line(password_file);
  if (!password) return usage_error(password.error().message);
  options.password = std::move(*password);
  return options;
}

}  // namespace orrery::bots
