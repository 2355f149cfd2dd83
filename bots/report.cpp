#include "report.h"

#include <spdlog/fmt/fmt.h>

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

ordered_json object_of(const Histogram& histogram) {
  const auto rounded = [](double ms) { return std::round(ms * 1000) / 1000; };
  return {{"count", histogram.count()},
          {"p50_ms", rounded(histogram.quantile_ms(0.5))},
          {"p90_ms", rounded(histogram.quantile_ms(0.9))},
          {"p99_ms", rounded(histogram.quantile_ms(0.99))},
          {"max_ms", rounded(histogram.max_ms())}};
}

// A line of the table of times; nothing of none.
std::string line_of(const char* what, const Histogram& histogram) {
  if (histogram.count() == 0) return {};
  return fmt::format("  {:<24} {:>10} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f}\n", what, histogram.count(),
                     histogram.quantile_ms(0.5), histogram.quantile_ms(0.9), histogram.quantile_ms(0.99),
                     histogram.max_ms());
}

}  // namespace

Traffic& Traffic::operator+=(const wire::Statistics& more) {
  return *this += Traffic{more.datagrams_sent, more.bytes_sent,   more.datagrams_received, more.bytes_received,
                          more.packets_acked,  more.packets_lost, more.pieces_resent};
}

Traffic& Traffic::operator+=(const Traffic& more) {
  sent += more.sent;
  sent_bytes += more.sent_bytes;
  received += more.received;
  received_bytes += more.received_bytes;
  acked += more.acked;
  lost += more.lost;
  pieces_resent += more.pieces_resent;
  return *this;
}

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
          {"lost", object_of(lost_by_reason)},
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
          {"travels", travels},
          {"fights", {{"hits", hits}, {"hits_taken", hits_taken}, {"kills", kills}, {"deaths", deaths}}},
          {"drop_outs",
           {{"vanished", vanished},
            {"back_by_token", back_by_token},
            {"back_by_login", back_by_login},
            {"tokens_in_vain", tokens_in_vain}}},
          {"times",
           {{"login", object_of(login_times)},
            {"entry", object_of(entry_times)},
            {"round_trip", object_of(round_trips)},
            {"snapshot_interval", object_of(snapshot_intervals)},
            {"gap", object_of(gaps)},
            {"journey_gap", object_of(travel_gaps)},
            {"return", object_of(returns)}}},
          {"datagrams",
           {{"sent", traffic.sent},
            {"sent_bytes", traffic.sent_bytes},
            {"received", traffic.received},
            {"received_bytes", traffic.received_bytes},
            {"acknowledged", traffic.acked},
            {"lost", traffic.lost},
            {"pieces_resent", traffic.pieces_resent},
            {"unsent", unsent},
            {"overflown", overflown}}},
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
  for (const auto& [kind, by_seconds] : notices) {
    std::uint64_t total = 0;
    for (const auto& [seconds_left, times] : by_seconds) total += times;
    text += fmt::format("notices, {}: {}\n", kind, total);
  }
  if (travels > 0) text += fmt::format("journeys: {}\n", travels);
  if (hits + hits_taken > 0)
    text += fmt::format("fights: {} hits, {} kills; {} hits taken, {} deaths\n", hits, kills, hits_taken, deaths);
  if (vanished > 0)
    text += fmt::format("dropped out: {}; back by token: {}, by login: {}; tokens of sessions that had ended: {}\n",
                        vanished, back_by_token, back_by_login, tokens_in_vain);
  text += fmt::format("dropped: {}; resumed: {}; lost: {}; logged out: {}\n", drops, resumes, list_of(lost_by_reason),
                      list_of(logged_out_by_reason));
  text += fmt::format(
      "datagrams: {} sent ({} bytes), {} received ({} bytes); of {} that asked for an ack {} were lost; {} could not "
      "be "
      "sent, {} overflew here\n",
      traffic.sent, traffic.sent_bytes, traffic.received, traffic.received_bytes, traffic.acked + traffic.lost,
      traffic.lost, unsent, overflown);
  text += fmt::format("  {:<24} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "ms", "count", "p50", "p90", "p99", "most");
  text += line_of("until logged in", login_times);
  text += line_of("until in play", entry_times);
  text += line_of("round trip", round_trips);
  text += line_of("between snapshots", snapshot_intervals);
  text += line_of("without the owner", gaps);
  text += line_of("without one, travelling", travel_gaps);
  text += line_of("until back in play", returns);
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
