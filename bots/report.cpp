#include "report.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace orrery::bots {

namespace {

using nlohmann::ordered_json;

ordered_json object_of(const auto& map) {
  ordered_json object = ordered_json::object();
  for (const auto& [key, value] : map) object[key] = value;
  return object;
}

// "lapse 1, logout 3", or "none".
std::string list_of(const auto& map) {
  std::string text;
  for (const auto& [key, value] : map) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key, value);
  return text.empty() ? "none" : text;
}

// The value below which `part` of them are; 0 of none.
double quantile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return std::round(values[static_cast<std::size_t>(at)] * 10) / 10;
}

}  // namespace

std::string to_line(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json Report::to_json(unsigned count) const {
  ordered_json notices_json = ordered_json::object();
  for (const auto& [kind, by_seconds] : notices) {
    for (const auto& [seconds_left, times] : by_seconds) notices_json[kind][std::to_string(seconds_left)] = times;
  }
  return {{"bots", count},
          {"logins", logins},
          {"refusals", object_of(refusals_by_reason)},
          {"waits", waits},
          {"drops", drops},
          {"resumes", resumes},
          {"gap_longest_ms", gap_longest_ms},
          {"entered", object_of(entered_by_kind)},
          {"notices", notices_json},
          {"chat",
           {{"sent", chat_sent},
            {"received", chat_received},
            {"repeated", chat_repeated},
            {"missed", chat_missed},
            {"skipped", chat_skipped},
            {"refused", object_of(chat_refused)}}},
          {"snapshots", snapshots},
          {"inputs", inputs},
          {"positions_moved", positions_moved},
          {"moved_m", std::round(moved_m)},
          {"others_seen_max", others_seen_max},
          {"commands", {{"done", commands_done}, {"refused", commands_refused}, {"mined", mined}}},
          {"travels",
           {{"done", travels},
            {"gap_p50_ms", quantile(travel_gaps_ms, 0.5)},
            {"gap_p99_ms", quantile(travel_gaps_ms, 0.99)},
            {"gap_max_ms", quantile(travel_gaps_ms, 1)}}},
          {"logged_out", object_of(logged_out_by_reason)},
          {"failed", object_of(failed)}};
}

std::string Report::to_text(unsigned count) const {
  std::string text = fmt::format("{} bots, {} logins; entered: {}\n", count, logins, list_of(entered_by_kind));
  if (!refusals_by_reason.empty()) text += fmt::format("refused: {}\n", list_of(refusals_by_reason));
  text += fmt::format("{} snapshots, {} inputs, {:.0f} m moved, at most {} others in sight\n", snapshots, inputs,
                      moved_m, others_seen_max);
  text += fmt::format("chat: {} sent, {} received, {} repeated, {} missed, {} skipped\n", chat_sent, chat_received,
                      chat_repeated, chat_missed, chat_skipped);
  if (!chat_refused.empty()) text += fmt::format("chat refused: {}\n", list_of(chat_refused));
  if (commands_done + commands_refused > 0)
    text += fmt::format("commands: {} done, {} refused; {} times mined\n", commands_done, commands_refused, mined);
  if (!travel_gaps_ms.empty())
    text += fmt::format("journeys: {}; without a snapshot for {:.0f} ms (p50), {:.0f} ms (p99), {:.0f} ms (most)\n",
                        travels, quantile(travel_gaps_ms, 0.5), quantile(travel_gaps_ms, 0.99),
                        quantile(travel_gaps_ms, 1));
  for (const auto& [kind, by_seconds] : notices) {
    std::uint64_t total = 0;
    for (const auto& [seconds_left, times] : by_seconds) total += times;
    text += fmt::format("notices, {}: {}\n", kind, total);
  }
  if (drops > 0)
    text += fmt::format("dropped: {}; resumed: {}, after at most {:.0f} ms\n", drops, resumes, gap_longest_ms);
  text += fmt::format("logged out: {}\n", list_of(logged_out_by_reason));
  for (const auto& [bot, why] : failed) text += fmt::format("{} did not get into play: {}\n", bot, why);
  return text;
}

void Journal::tell(const std::string& bot, const char* event, Instant now, const ordered_json& members) const {
  if (!is_on_) return;
  const auto at_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_at_).count();
  ordered_json line = {{"bot", bot}, {"event", event}, {"at_ms", at_ms}};
  if (members.is_object()) line.update(members);
  std::fputs((to_line(line) + "\n").c_str(), stdout);
}

}  // namespace orrery::bots
