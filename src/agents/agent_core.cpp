#include "agents/agent_core.h"

#include <algorithm>

#include "agents/agent_core_words.h"

namespace orrery::agents {
namespace {

using namespace std::chrono_literals;

constexpr Duration away_say_every = 10s;
constexpr Duration away_say_later_every = 60s;
constexpr Duration away_long_after = 60s;
constexpr Duration summary_every = 10min;
constexpr Duration complain_again_after = 60s;
constexpr Duration quit_report_limit = 2s;

}  // namespace

Actions AgentCore::on(const Event& event, Instant now) {
  if (quit_) return {};
  now_ = now;
  out_.clear();
  std::visit([this](const auto& e) { handle(e); }, event);
  if (!quit_) run_due();
  return std::move(out_);
}

// Ending

void AgentCore::handle(const StopAsked& stop) {
  const std::string left = counted(servers_.size(), "server");
  if (draining_ || !stop.drain) {
    say(Level::info, draining_ ? "told to stop again: " + left + " that are stopping are left to their shims"
                               : "hands over: " + left + (servers_.size() == 1 ? " goes" : " go") +
                                     " on without an agent until the next one comes");
    return quit(0);
  }
  draining_ = true;
  say(Level::info, "draining: " + left + " to stop");
  reports_.push_back({Json{{"state", "stopping"}}});
  for (auto& [ref, server] : servers_) end(server, server.grace, "the agent stops");
}

void AgentCore::quit(int status) {
  quit_ = true;
  out_.push_back(Quit{status});
}

// What time brings

void AgentCore::run_due() {
  say_periodically();
  for (auto& [ref, server] : servers_) watch(server);
  register_if_due();
  steer_if_due();
  report_if_any();
  forget_told();
  heartbeat_if_due();
  if (!servers_.empty()) return;
  if (draining_) {
    if (!quit_by_) quit_by_ = now_ + quit_report_limit;
    if (reports_.empty() || now_ >= *quit_by_) quit(0);
  } else if (name_lost_) {
    quit(link_ == Link::superseded ? status_superseded : status_refused);
  }
}

std::optional<Instant> AgentCore::lease_end() const {
  if (!lease_from_) return std::nullopt;
  return *lease_from_ + lease_;
}

std::optional<Instant> AgentCore::next_deadline() const {
  if (quit_) return std::nullopt;
  std::optional<Instant> at;
  const auto by = [&at](std::optional<Instant> t) {
    if (t) at = at ? std::min(*at, *t) : *t;
  };
  if (away_) by(away_say_at_);
  by(summary_at_);
  if (!lease_lapsed_) by(lease_end());
  by(steer_at_);
  by(quit_by_);
  by(bell_at_);
  if (link_ == Link::waiting) by(register_at_);
  if (link_ == Link::registered) {
    if (!heartbeat_under_way_) {
      by(heartbeat_not_before_ ? std::max(heartbeat_at_, *heartbeat_not_before_) : heartbeat_at_);
    }
    if (!reports_.empty() && reports_under_way_ == 0) by(report_at_);
  }
  for (const auto& [ref, server] : servers_) {
    if (server.state == State::stopping) continue;
    if (server.state == State::starting && server.pid > 0) by(server.ready_by);
    const auto cluster = clusters_.find(server.cluster);
    if (cluster != clusters_.end()) by(cluster->second.stops_at);
  }
  return at;
}

// Words

void AgentCore::say_periodically() {
  if (const auto end_at = lease_end(); end_at && now_ >= *end_at && !lease_lapsed_) {
    lease_lapsed_ = true;
    if (!servers_.empty()) say(Level::error, lease_words());
  }
  if (away_ && now_ >= away_say_at_) {
    std::string text = ever_registered_ ? "the database is away" : "waiting for the database";
    const Duration since = now_ - away_since_;
    if (since >= 1s) text += " for " + seconds_text(since);
    text += ": " + away_error_;
    if (!servers_.empty()) text += "; " + lease_words();
    say(Level::warn, text);
    away_say_at_ = now_ + (since < away_long_after ? away_say_every : away_say_later_every);
  }
  if (!summary_at_) summary_at_ = now_ + summary_every;
  if (now_ >= *summary_at_) {
    summary_at_ = now_ + summary_every;
    say(Level::info, status() + (strays_ == 0 ? "" : "; " + counted(strays_, "stray private datagram")));
  }
}

std::string AgentCore::lease_words() const {
  const auto holds = static_cast<std::size_t>(
      std::count_if(servers_.begin(), servers_.end(), [](const auto& entry) { return entry.second.hold; }));
  std::string text;
  if (const std::size_t leased = servers_.size() - holds; leased > 0) {
    text = counted(leased, "server");
    const auto end_at = lease_end();
    if (!end_at) {
      text += " until the lease that the agent before this one had ends";
    } else if (now_ < *end_at) {
      text += " whose lease ends in " + seconds_text(*end_at - now_);
    } else {
      text = "the lease has run out: " + text + " ended by the shims";
    }
  }
  if (holds > 0) {
    text += (text.empty() ? "" : ", ") + counted(holds, "server") +
            (holds == 1 ? " that holds goes" : " that hold go") + " on";
  }
  return text;
}

std::string AgentCore::status() const {
  std::string text;
  if (link_ == Link::registered) {
    text = "agent " + std::to_string(agent_.value);
  } else if (link_ == Link::superseded) {
    text = "another process runs as this agent";
  } else {
    text = away_ ? "the database is away: " + away_error_ : "not registered";
  }
  text += "; " + counted(servers_.size(), "server");
  const std::size_t starting = count(State::starting), stopping = count(State::stopping);
  if (starting > 0) text += ", " + std::to_string(starting) + " starting";
  if (stopping > 0) text += ", " + std::to_string(stopping) + " stopping";
  if (!reports_.empty()) text += "; " + std::to_string(reports_.size()) + " untold";
  return draining_ ? "draining: " + text : text;
}

// Says an error at once when it is another one than before, and the same one again now and then.
void AgentCore::complain(const std::string& about, const Error& error, const std::string& text) {
  const auto last = complaints_.find(about);
  if (last != complaints_.end() && last->second.code == error.code && now_ < last->second.again_at) return;
  complaints_[about] = {error.code, now_ + complain_again_after};
  say(Level::error, text + words_of(error));
}

}  // namespace orrery::agents
