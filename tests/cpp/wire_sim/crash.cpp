// One crash at one step: every pair of them is run, not only what chance finds.
#include "wire_sim/run.h"

namespace orrery::wire_sim {
namespace {

/// By then everybody is in play.
constexpr Time crash_from = 8s;
constexpr Duration away_for = 4s;

}  // namespace

std::vector<std::string> steps(bool is_adoption) {
  if (is_adoption) return {"orphaned", "begun", "adopted", "arrived", "taken", "resolved", "attached"};
  return {"frozen", "asked", "committed", "redirected", "arrived", "taken", "attached"};
}

std::vector<std::string> victims(bool is_adoption) {
  std::vector<std::string> out{
      "target dies",         "target stops",     "target stands still", "target loses the database",
      "database is away",    "client dies",      "client is cut off",   "private network is cut",
      "a login server dies", "chat server dies", "tells are lost"};
  if (!is_adoption)
    out.insert(out.end(), {"source dies", "source stops", "source stands still", "source loses the database",
                           "both die", "source loses an answer"});
  return out;
}

bool may_end_sessions(const std::string& victim) { return victim.ends_with("stops") || victim == "client dies"; }

Simulation::Seat* Simulation::seat_of(ServerId server) {
  for (Seat& seat : seats_)
    if (seat.id == server) return &seat;
  return nullptr;
}

/// The first death of an adoption.
void Simulation::begin_adoption() {
  for (std::size_t n = 0; n < seats_.size(); ++n) {
    if (!seats_[n].process || seats_[n].process->role() != "zone") continue;
    world_.say("-- {} {} dies, and its sessions are orphaned", seats_[n].process->role(), n);
    return gone(n, true);
  }
}

void Simulation::on_step(const std::string& step, SessionId session) {
  if (!crash_ || has_crashed_ || world_.now() < crash_from || step != crash_->step) return;
  // Of a hand-off or an adoption, not of a login.
  if (!crash_->is_adoption && !to_.contains(session)) return;
  const Database::Session* row = database_.session(session);
  const auto [source, target] =
      crash_->is_adoption ? std::pair(ServerId{}, row ? row->owner : ServerId{}) : to_.at(session);
  has_crashed_ = true;
  world_.count("crashes");
  world_.say("-- session {}: {}; {}", session.value, step, crash_->victim);
  world_.timeline.in(0ms, [this, source, target, session] { crash(source, target, session); });
}

void Simulation::crash(ServerId source, ServerId target, SessionId session) {
  const std::string& victim = crash_->victim;
  Seat* at = seat_of(victim.starts_with("source") ? source : target);
  const auto role_dies = [this](const std::string& role) {
    for (std::size_t n = 0; n < seats_.size(); ++n)
      if (seats_[n].process && seats_[n].process->role() == role) return gone(n, true);
  };
  if (victim == "database is away") return database_down(away_for);
  if (victim == "private network is cut") {
    for (Seat& seat : seats_) private_network_.cut(database_.server(seat.id).private_at, away_for);
    return;
  }
  if (victim == "tells are lost") {
    tells_lost_until_ = world_.now() + away_for;
    return;
  }
  if (victim == "a login server dies") return role_dies("login");
  if (victim == "chat server dies") return role_dies("chat");
  if (victim.starts_with("client")) {
    for (const auto& player : players_) {
      if (player->session() != session) continue;
      return victim == "client dies" ? player->kill() : network_.cut(player->address(), away_for);
    }
    return;
  }
  if (victim == "both die") {
    for (const ServerId one : {source, target})
      if (Seat* seat = seat_of(one); seat && seat->process) gone(number_of(*seat), true);
    return;
  }
  if (at == nullptr || !at->process) return;
  if (victim.ends_with("dies")) return gone(number_of(*at), true);
  if (victim.ends_with("stops")) return stop(number_of(*at));
  if (victim.ends_with("stands still")) {
    wire_.disturbed(at->process->number());
    return at->process->freeze(away_for);
  }
  at->process->database(false);
  connect_database(number_of(*at), victim.ends_with("an answer") ? Duration{1ms} : Duration{away_for});
}

}  // namespace orrery::wire_sim
