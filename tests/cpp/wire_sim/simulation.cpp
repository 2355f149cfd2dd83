#include "wire_sim/simulation.h"

#include <algorithm>

#include "wire_sim/model_database.h"
#include "wire_sim/run.h"

namespace orrery::wire_sim {
namespace {

/// Steps of a virtual second, beyond which something does not sleep.
constexpr std::uint64_t steps_each_second_max = 50'000;
constexpr std::size_t held_in_flight_max = 20'000;

}  // namespace

Simulation::Simulation(const DatabaseMaker& make, std::uint64_t seed, std::optional<Crash> crash)
    : crash_(std::move(crash)),
      world_(seed),
      network_(world_),
      private_network_(world_),
      made_(make(world_)),
      database_(*made_),
      wire_(world_, database_),
      streams_(world_),
      around_{world_,
              network_,
              private_network_,
              database_,
              wire_,
              streams_,
              [this](const ServerProcess& server) { owners_->after_step(server); },
              [this](const char* step, SessionId session) { on_step(step, session); },
              [this] { return new_address(); },
              {},
              0,
              0,
              0} {
  database_.tell = [this](ServerId id, Json message) {
    // By a command, the agent and a local datagram.
    world_.timeline.in(world_.chance.scale(2ms, world_.calm ? 100ms : 1s), [this, id, message = std::move(message)] {
      if (world_.now() < tells_lost_until_) return;
      if (!crash_ && !world_.calm && world_.chance.happens(0.1)) return world_.count("tells lost");
      if (ServerProcess* process = process_of(id); process && !process->is_frozen())
        process->agent_message(Json{{"message", message}});
    });
  };
  database_.start = [this](ServerId id) {
    const Database::Server& server = database_.server(id);
    for (std::size_t n = 0; n < seats_.size(); ++n) {
      if (seats_[n].kind != server.kind || seats_[n].key != server.key) continue;
      // Another may be begun while one stops; under another number, since its own is still at work.
      if (seats_[n].process && seats_[n].id == id) throw Broken{fmt::format("server {} is started twice", id.value)};
      if (seats_[n].process) leaving_.push_back(seats_[n]);
      seats_[n].id = id;
      start(n);
    }
  };
  database_.stop = [this](ServerId id) { terminate(id); };
  database_.on_step = [this](const char* step, SessionId session) { on_step(step, session); };
}

Address Simulation::new_address() {
  const auto number = ++addresses_;
  return *Address::parse(fmt::format("198.51.100.{}", 1 + number % 250), static_cast<std::uint16_t>(20000 + number));
}

void Simulation::add_seat(const std::string& role, const std::string& kind, const std::string& key) {
  const ServerId id = database_.add_server(role, kind, key);
  if (role == "login") around_.login_servers.push_back(database_.server(id).public_at);
  seats_.push_back(Seat{kind, key, id, nullptr, 0});
}

void Simulation::prepare() {
  Chance& chance = world_.chance;
  // What every seed has, and what some have.
  add_seat("login", "login", "main");
  if (chance.happens(0.4)) add_seat("login", "login-2", "main");
  add_seat("zone", "grid", "aldra-1");
  const bool has_two = chance.happens(0.7) || crash_;
  if (has_two) add_seat("zone", "grid", "aldra-2");
  if (has_two && chance.happens(0.5)) add_seat("zone", "station", "aldra-gate");
  add_seat("chat", "chat", "main");
  if (!crash_ && chance.happens(0.5)) add_seat("chat", "chat", "other");
  const std::size_t players = players_min + chance.below(4);
  if (!crash_ && chance.happens(0.4)) database_.set("token_ms", 30'000);
  if (!crash_ && chance.happens(0.3)) database_.limit(true);
  if (!crash_ && chance.happens(0.3)) database_.refuse_hands(true);
  owners_ = std::make_unique<OwnerChecker>(world_, database_, players + 1);
  for (std::size_t n = 0; n < players; ++n) {
    const std::string name = fmt::format("pilot{}", n);
    database_.add_account(name, "word" + name, "grid", has_two && n % 2 == 1 ? "aldra-2" : "aldra-1");
    players_.push_back(std::make_unique<Player>(around_, name, "word" + name, new_address()));
  }
  rival_ = std::make_unique<Player>(around_, "pilot0", "wordpilot0", new_address());
  rival_->set_rival();
  for (const auto& player : players_) world_.timeline.in(chance.between(0ms, 3s), [&player] { player->want(true); });
  network_.set(Weather{0, 0, 0, 10ms, 10ms});
  private_network_.set(Weather{0, 0, 0, 500us, 500us});

  world_.timeline.in(1s, [this] { tick(); });
  world_.timeline.in(2s, [this] { speak(); });
  travel_every_ = crash_ ? 500ms : chance.scale(100ms, 3s);
  if (crash_ && crash_->is_adoption) {
    world_.timeline.in(8s, [this] { begin_adoption(); });
  } else {
    world_.timeline.in(2s, [this] { travel(); });
  }
  world_.timeline.at(trouble_until, [this] { heal(); });
  if (crash_) return;
  worst_ = Weather{chance.happens(0.85) ? 0.4 * static_cast<double>(chance.below(101)) / 100 : 0,
                   chance.happens(0.6) ? 0.1 : 0, chance.happens(0.6) ? 0.03 : 0, chance.scale(5ms, 300ms),
                   chance.scale(1ms, 1s)};
  blow_every_ = chance.scale(400ms, 6s);
  replay_every_ = chance.scale(5ms, 500ms);
  for (int blow = 0; blow < static_cast<int>(Blow::count); ++blow)
    if (chance.happens(0.5)) blows_.push_back(static_cast<Blow>(blow));
  if (blows_.empty()) blows_.push_back(Blow::cut_client);
  world_.timeline.in(trouble_from, [this] {
    weather();
    blow();
    replay();
  });
}

// Servers.

void Simulation::start(std::size_t n) {
  Seat& seat = seats_[n];
  seat.process = std::make_shared<ServerProcess>(around_, seat.id);
  seat.process->set_database_delay(database_delay_);
  ++seat.starts;
  world_.say("{} {} begins as process {}, server {} epoch {}", seat.process->role(), n, seat.process->number(),
             seat.id.value, seat.process->epoch().value & 0xffffffff);
  world_.count("servers begun");
  connect_database(n, world_.chance.between(1ms, 50ms));
  seat.process->begin();
}

void Simulation::connect_database(std::size_t n, Duration wait) {
  world_.timeline.in(wait, [this, n, starts = seats_[n].starts] {
    Seat& seat = seats_[n];
    if (!seat.process || seat.starts != starts || !database_up_) return;
    if (seat.process->is_frozen()) return connect_database(n, 100ms);
    seat.process->database(true);
  });
}

void Simulation::gone(std::size_t n, bool died) {
  Seat& seat = seats_[n];
  world_.say("{} {} is gone", seat.process->role(), n);
  seat.process.reset();
  exited_in(seat.id, died);
}

void Simulation::exited_in(ServerId id, bool died) {
  // The shim tells the agent, the agent the database, which has it started again.
  world_.timeline.in(world_.chance.scale(20ms, 2s), [this, id, died] { database_.server_exited(id, died); });
}

void Simulation::stop(std::size_t n) {
  if (database_up_) return database_.stop_server(seats_[n].id);
  terminate(seats_[n].id);
}

void Simulation::terminate(ServerId server) {
  ServerProcess* process = process_of(server);
  if (process == nullptr) return;
  if (!process->is_frozen()) return process->terminate();
  world_.timeline.in(100ms, [this, server] { terminate(server); });
}

ServerProcess* Simulation::process_of(ServerId server) {
  for (const auto* seats : {&seats_, &leaving_})
    for (const Seat& seat : *seats)
      if (seat.id == server && seat.process) return seat.process.get();
  return nullptr;
}

void Simulation::watch_exits() {
  for (std::size_t n = 0; n < seats_.size(); ++n)
    if (seats_[n].process && seats_[n].process->has_exited()) gone(n, false);
  std::erase_if(leaving_, [this](const Seat& seat) {
    if (!seat.process->has_exited()) return false;
    world_.say("process {} has left", seat.process->number());
    exited_in(seat.id, false);
    return true;
  });
}

void Simulation::tick() {
  if (database_up_) database_.tick();
  owners_->check_database();
  world_.timeline.in(200ms, [this] { tick(); });
}

/// Servers say something to their clients, often little and seldom much, or, until it is calm, a lot at once: that
/// holds up snapshots for seconds.
void Simulation::speak() {
  Chance& chance = world_.chance;
  Seat& seat = seats_[any_seat()];
  if (seat.process) {
    const bool is_login = seat.process->role() == "login", is_chat = seat.process->role() == "chat";
    const std::size_t most = is_login ? 300 : is_chat ? 3900 : 11000;
    const std::size_t which = chance.below(1000);
    for (int n = chance.happens(0.03) && !world_.calm ? 40 : 1; n > 0; --n)
      seat.process->say(which, chance.happens(0.85) ? chance.below(200) : chance.below(most));
  }
  world_.timeline.in(chance.between(10ms, 100ms), [this] { speak(); });
}

/// Players go from one place to another.
void Simulation::travel() {
  std::vector<const Seat*> zones;
  for (const Seat& seat : seats_)
    if (database_.server(seat.id).role == "zone") zones.push_back(&seat);
  const Seat &seat = *world_.chance.pick(zones), &to = *world_.chance.pick(zones);
  const std::size_t which = world_.chance.below(1000);
  if (seat.process && to.id != seat.id) to_[seat.process->travel(which, to.kind, to.key)] = {seat.id, to.id};
  to_.erase(SessionId{});
  world_.timeline.in(world_.chance.between(0ms, 2 * travel_every_), [this] { travel(); });
}

// The end.

std::string Simulation::not_well() {
  std::set<std::uint64_t> alive;
  for (const Seat& seat : seats_) {
    if (!seat.process || seat.process->has_exited()) return "a server is not there";
    alive.insert(seat.process->number());
  }
  for (const auto& player : players_) {
    if (!player->wants()) continue;
    if (!player->is_in_play()) return fmt::format("{} is not in play: {}", player->name(), player->told());
    if (world_.now() - player->snapshot_at() > 1s) return fmt::format("{} sees nothing", player->name());
    if (player->oldest_order() < world_.now() - 5s) return fmt::format("{} waits for an answer", player->name());
    const std::string unheard = streams_.unheard(player->process(), player->session(), alive, world_.now() - 3s);
    if (!unheard.empty()) return fmt::format("{}: not arrived: {}", player->name(), unheard);
    const Database::Session* session = database_.session(player->session());
    if (session == nullptr || session->state != Database::SessionState::playing)
      return fmt::format("{} plays a session that is not in play", player->name());
  }
  return {};
}

void Simulation::converge() {
  not_yet_ = not_well();
  if (!not_yet_.empty()) {
    if (well_since_ != Time::max()) world_.say("not well any more: {}", not_yet_);
    well_since_ = Time::max();
    if (world_.now() >= well_by)
      throw Broken{fmt::format("{} s after the end of all trouble all is not well: {}",
                               (world_.now() - trouble_until) / 1s, not_yet_)};
  } else if (well_since_ == Time::max()) {
    well_since_ = world_.now();
    world_.say("all is well");
  }
  if (world_.now() >= least && well_since_ != Time::max() && world_.now() - well_since_ >= well_for) {
    done_ = true;
    for (const auto& player : players_) player->check_orders();
    return rival_->check_orders();
  }
  world_.timeline.in(250ms, [this] { converge(); });
}

Outcome Simulation::run(std::size_t keep) {
  world_.trace.keep = keep;
  Outcome outcome;
  try {
    prepare();
    std::uint64_t steps = 0;
    Time second{};
    while (!done_ && world_.timeline.step()) {
      watch_exits();
      ++steps;
      if (world_.now() - second < 1s) continue;
      if (steps > steps_each_second_max)
        throw Broken{fmt::format("{} steps in a second: something does not sleep", steps)};
      if (network_.in_flight() > held_in_flight_max) throw Broken{"the network holds more than clients can have said"};
      world_.counts["steps"] += steps;
      steps = 0;
      second = world_.now();
    }
  } catch (const Broken& broken) {
    outcome.failure = broken.what;
  } catch (const std::exception& error) {
    outcome.failure = std::string("the simulation itself: ") + error.what();
  }
  world_.counts["packets opened by the checkers"] = wire_.opened_packets();
  world_.counts["messages heard"] = streams_.heard();
  world_.say("{} packets, {} messages, {} steps", wire_.opened_packets(), streams_.heard(), world_.counts["steps"]);
  outcome.hash = world_.trace.hash();
  const auto& lines = world_.trace.last_lines();
  outcome.last.assign(lines.begin(), lines.end());
  outcome.counts = world_.counts;
  outcome.seconds = std::chrono::duration<double>(world_.now()).count();
  if (well_since_ != Time::max())
    outcome.healed_seconds = std::chrono::duration<double>(well_since_ - trouble_until).count();
  outcome.players = players_.size();
  outcome.servers = seats_.size();
  return outcome;
}

std::unique_ptr<Database> make_model(World& world) { return std::make_unique<ModelDatabase>(world); }

Outcome simulate(const DatabaseMaker& make, std::uint64_t seed, std::size_t keep) {
  return Simulation(make, seed, std::nullopt).run(keep);
}
Outcome simulate(const DatabaseMaker& make, std::uint64_t seed, const Crash& crash, std::size_t keep) {
  return Simulation(make, seed, crash).run(keep);
}

}  // namespace orrery::wire_sim
