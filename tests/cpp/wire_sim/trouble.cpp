// What befalls the cluster, by seed.
#include <algorithm>

#include "wire_sim/run.h"

namespace orrery::wire_sim {

std::vector<std::string> troubles() {
  return {"blow: a client is cut off",
          "blow: a server is cut off",
          "blow: a client's address changes",
          "blow: two clients change places",
          "blow: a client dies",
          "blow: a client stands still",
          "blow: a server dies",
          "blow: a server is stopped",
          "blow: a server stands still",
          "blow: the database is away",
          "blow: a server loses the database",
          "blow: the database is slow",
          "blow: a player leaves",
          "blow: a player is kicked",
          "blow: a rival logs in",
          "blow: the cluster's keys are rotated",
          "calls carried out without an answer",
          "datagrams corrupted",
          "datagrams duplicated",
          "datagrams lost",
          "datagrams reflected",
          "datagrams replayed",
          "datagrams replayed from elsewhere",
          "devices enrolled",
          "drops",
          "ended sessions resolved",
          "entered a zone",
          "hand-offs",
          "hand-offs asked again",
          "hand-offs failed",
          "hand-offs refused",
          "hand-offs that wait",
          "logged out: superseded",
          "logged out: token expired",
          "resumes",
          "sessions adopted",
          "sessions resolved",
          "tells lost",
          "tokens renewed",
          "tokens taken up"};
}

void Simulation::weather() {
  if (world_.calm) return;
  Chance& chance = world_.chance;
  const auto part = [&](double most) { return most * static_cast<double>(chance.below(101)) / 100; };
  Weather now = worst_;
  now.loss = part(worst_.loss);
  now.duplicate = part(worst_.duplicate);
  now.corrupt = part(worst_.corrupt);
  now.delay = chance.scale(1ms, worst_.delay);
  now.jitter = chance.scale(1ms, worst_.jitter);
  network_.set(now);
  private_network_.set(Weather{now.loss / 4, 0.02, 0.01, 500us, 5ms});
  world_.say("weather: loss {:.2f}, delay {} to {} ms", now.loss, now.delay / 1ms, (now.delay + now.jitter) / 1ms);
  world_.timeline.in(chance.between(1s, 6s), [this] { weather(); });
}

void Simulation::replay() {
  if (world_.calm) return;
  network_.replay();
  if (world_.chance.happens(0.05)) private_network_.replay();
  world_.timeline.in(world_.chance.between(0ms, 2 * replay_every_), [this] { replay(); });
}

void Simulation::blow() {
  if (world_.calm) return;
  Chance& chance = world_.chance;
  world_.timeline.in(chance.between(0ms, 2 * blow_every_), [this] { blow(); });
  const Blow blow = chance.pick(blows_);
  const auto say = [&](const std::string& what) {
    world_.count("blow: " + what);
    world_.say("-- {}", what);
  };
  Player& player = any_player();
  const std::size_t n = any_seat();
  Seat& seat = seats_[n];
  const bool has_server = seat.process && !seat.process->is_frozen();
  switch (blow) {
    case Blow::cut_client:
      say("a client is cut off");
      return network_.cut(player.address(), chance.scale(200ms, 20s));
    case Blow::cut_server:
      if (!has_server) return;
      say("a server is cut off");
      return network_.cut(seat.process->address(), chance.scale(200ms, 12s));
    case Blow::rebind:
      say("a client's address changes");
      return player.rebind(new_address());
    case Blow::swap: {
      Player& other = any_player();
      if (&other == &player) return;
      say("two clients change places");
      const Address one = player.address(), two = other.address();
      player.rebind(new_address());
      other.rebind(one);
      player.rebind(two);
      return;
    }
    case Blow::kill_client:
      say("a client dies");
      return player.kill();
    case Blow::freeze_client:
      say("a client stands still");
      return player.freeze(chance.scale(50ms, 15s));
    case Blow::kill_server:
      if (!seat.process) return;
      say("a server dies");
      return gone(n, true);
    case Blow::stop_server:
      if (!has_server) return;
      say("a server is stopped");
      return stop(n);
    case Blow::freeze_server:
      if (!has_server) return;
      say("a server stands still");
      wire_.disturbed(seat.process->number());
      return seat.process->freeze(chance.scale(20ms, 4s));
    case Blow::no_database:
      if (!database_up_) return;
      say("the database is away");
      return database_down(chance.scale(300ms, 10s));
    case Blow::cut_database:
      if (!has_server || !seat.process->has_database()) return;
      say("a server loses the database");
      seat.process->database(false);
      return connect_database(n, chance.scale(100ms, 6s));
    case Blow::slow_database:
      say("the database is slow");
      database_delay_ = chance.scale(5ms, 2s);
      for (Seat& each : seats_)
        if (each.process) each.process->set_database_delay(database_delay_);
      return;
    case Blow::leave:
      say("a player leaves");
      player.want(false);
      world_.timeline.in(chance.scale(100ms, 10s), [&player] { player.want(true); });
      return;
    case Blow::kick:
      if (!database_up_ || database_.session(player.session()) == nullptr) return;
      say("a player is kicked");
      return database_.kick(player.session());
    case Blow::rival:
      say("a rival logs in");
      return rival_->want(true);
    case Blow::rotate_keys:
      say("the cluster's keys are rotated");
      if (database_up_) database_.rotate_keys();
      return;
    case Blow::count:
      return;
  }
}

void Simulation::database_down(Duration how_long) {
  database_up_ = false;
  database_.set_away(true);
  for (Seat& seat : seats_)
    if (seat.process && !seat.process->is_frozen()) seat.process->database(false);
  world_.timeline.in(how_long, [this] {
    if (database_up_) return;
    database_up_ = true;
    database_.set_away(false);
    for (std::size_t n = 0; n < seats_.size(); ++n) connect_database(n, world_.chance.scale(100ms, 2s));
  });
}

/// The last trouble is over.
void Simulation::heal() {
  world_.calm = true;
  network_.heal();
  private_network_.heal();
  network_.set(Weather{0, 0, 0, 20ms, 10ms});
  database_delay_ = 10ms;
  database_up_ = true;
  database_.set_away(false);
  database_.limit(false);
  database_.refuse_hands(false);
  for (std::size_t n = 0; n < seats_.size(); ++n) {
    if (seats_[n].process) seats_[n].process->set_database_delay(database_delay_);
    connect_database(n, world_.chance.between(100ms, 1s));
  }
  rival_->want(false);
  for (const auto& player : players_) player->want(true);
  world_.say("calm");
  converge();
}

}  // namespace orrery::wire_sim
