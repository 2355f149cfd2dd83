#include "sim/agent_process.h"

#include <fmt/format.h>

namespace orrery::sim {
namespace {

using namespace std::chrono_literals;

// As src/agents/agent_loop.cpp and src/pg/pg_socket.h have them.
constexpr Duration query_timeout = 5s, reconnect_min = 100ms, reconnect_max = 2s;
// So long the kernel of a machine goes on to send what a closed connection still owed.
constexpr Duration tcp_gives_up_after = 10s;

enum Fate { fine, lost, answer_lost, doubled };

std::string text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }
std::string text(std::uint64_t number) { return std::to_string(number); }

Json machine_json(const Machine& machine, const std::vector<std::string>& clusters) {
  const std::string address = AgentProcess::private_address(machine.number()).host();
  return {{"host", machine.name() + ".sim"},
          {"boot_id", machine.boot_id()},
          {"version", "sim"},
          {"cpus", 8},
          {"memory_bytes", std::uint64_t{16} << 30},
          {"public_address", address},
          {"private_address", address},
          {"private_port", 7000},
          {"port_min", 20001},
          {"port_max", 20064},
          {"clusters", clusters}};
}

agents::AgentIdentity identity_of(const Machine& machine, const std::vector<std::string>& clusters) {
  Address address = AgentProcess::private_address(machine.number());
  address.port = 0;
  return {machine.name(),
          std::string(64, static_cast<char>('a' + machine.number())),
          machine_json(machine, clusters),
          address,
          address,
          address,
          address,
          machine.pin};
}

// Reports in few words, for the trace.
std::string words_of(const Json& reports) {
  std::string all;
  for (const Json& report : reports) {
    all += report.contains("command_id")
               ? fmt::format(" c{}{}", report["command_id"].dump(), report["ok"] == true ? "" : "!")
           : report.contains("server_id")
               ? fmt::format(" s{}:{}", report["server_id"].dump(), report["state"].get<std::string>())
               : " stopping";
  }
  return all;
}

}  // namespace

Address AgentProcess::private_address(std::size_t machine) {
  return *Address::parse("10.0.0." + std::to_string(machine + 1), 7000);
}

AgentProcess::AgentProcess(Surroundings& around, Machine& machine, std::vector<std::string> clusters)
    : around_(around),
      machine_(machine),
      core_(identity_of(machine, clusters)),
      audit_(around.world, machine),
      backoff_(reconnect_min) {}

void AgentProcess::begin() {
  const auto found =
      machine_.adopt([this](const agents::Event& event) { when_running([this, event] { give(event); }); });
  around_.world.trace.add(fmt::format("{} begins, finds {}", machine_.name(), found.size()));
  for (const agents::Event& event : found) give(event);
  sample();
  connect();
  arm();
}

void AgentProcess::sample() {
  when_running([this] {
    give(agents::LoadSample{0.1 * static_cast<double>(machine_.number()), std::uint64_t{1} << 30});
  });
  around_.world.timeline.in(1s, [self = shared_from_this()] {
    if (self->alive_) self->sample();
  });
}

void AgentProcess::kill() {
  alive_ = false;
  ++connection_;
  machine_.agent_gone();
}

// Running, and not

void AgentProcess::when_running(std::function<void()> what) {
  if (!alive_) return;
  if (around_.world.timeline.now() < frozen_until_) {
    held_.push_back(std::move(what));
  } else {
    what();
  }
}

void AgentProcess::freeze(Duration how_long) {
  frozen_until_ = std::max(frozen_until_, around_.world.timeline.now() + how_long);
  around_.world.timeline.at(frozen_until_, [self = shared_from_this()] {
    if (!self->alive_ || self->around_.world.timeline.now() < self->frozen_until_) return;
    self->around_.world.trace.add(self->machine_.name() + " is thawed");
    // Which of its descriptors and timers the loop sees to first is chance.
    if (self->around_.world.chance.happens(0.5)) self->check_deadline();
    while (self->alive_ && !self->held_.empty()) {
      const auto next = std::move(self->held_.front());
      self->held_.pop_front();
      next();
    }
    if (self->alive_) self->give(agents::Timer{});
  });
}

void AgentProcess::cut_off(Duration how_long) {
  cut_until_ = std::max(cut_until_, around_.world.timeline.now() + how_long);
}

void AgentProcess::heal() { cut_until_ = Time{}; }

// The core

void AgentProcess::give(const agents::Event& event) {
  if (!alive_) return;
  for (const agents::Action& action : core_.on(event, machine_.now())) {
    if (!alive_) return;
    act(action);
  }
  arm();
}

void AgentProcess::arm() {
  const auto at = core_.next_deadline();
  ++timer_;
  if (!at || !alive_) return;
  around_.world.timeline.at(machine_.when(*at), [self = shared_from_this(), timer = timer_] {
    if (timer != self->timer_) return;
    self->when_running([self] { self->give(agents::Timer{}); });
  });
}

void AgentProcess::act(const agents::Action& action) {
  World& world = around_.world;
  if (std::holds_alternative<agents::Listen>(action)) {
    audit_.listens(true);
    ask({Call::What::listen, {}, "listens", {}, {}, {}});
  } else if (std::holds_alternative<agents::Unlisten>(action)) {
    audit_.listens(false);
    ask({Call::What::unlisten, {}, "unlistens", {}, {}, {}});
  } else if (const auto* registering = std::get_if<agents::Register>(&action)) {
    ask({Call::What::registering,
         "orrery.agent_register($2::text, $3::text, $4::jsonb)",
         "registers",
         {machine_.name(), std::string(64, static_cast<char>('a' + machine_.number())), text(registering->machine)},
         {},
         {}});
  } else if (const auto* pin = std::get_if<agents::Pin>(&action)) {
    world.trace.add(fmt::format("{} pins incarnation {}", machine_.name(), pin->database.at("incarnation").dump()));
    const auto rank = [](const Json& database) {
      return database.is_null() ? 0 : database.at("incarnation").get<std::int64_t>();
    };
    if (rank(pin->database) <= rank(machine_.pin)) throw Broken{machine_.name() + " obeys a database that is behind"};
    machine_.pin = pin->database;
  } else if (const auto* beat = std::get_if<agents::Heartbeat>(&action)) {
    ask({Call::What::heartbeat,
         "orrery.agent_heartbeat($2::bigint, $3::text, $4::jsonb, $5::text, $6::jsonb)",
         fmt::format("beats{}", beat->inventory.is_null() ? "" : fmt::format(" with {}", beat->inventory.size())),
         {text(beat->agent.value), beat->token, text(beat->load), beat->digest,
          beat->inventory.is_null() ? std::nullopt : std::optional(text(beat->inventory))},
         {},
         {}});
  } else if (const auto* report = std::get_if<agents::Report>(&action)) {
    audit_.reported(report->reports);
    ask({Call::What::report,
         "orrery.agent_report($2::bigint, $3::text, $4::jsonb)",
         "reports" + words_of(report->reports),
         {text(report->agent.value), report->token, text(report->reports)},
         {},
         {}});
  } else if (const auto* spawn = std::get_if<agents::Spawn>(&action)) {
    machine_.spawn(*spawn);
  } else if (const auto* steer = std::get_if<agents::Steer>(&action)) {
    machine_.steer(*steer);
  } else if (const auto* forget = std::get_if<agents::Forget>(&action)) {
    machine_.forget(forget->ref);
  } else if (const auto* send = std::get_if<agents::SendPrivate>(&action)) {
    audit_.relayed(send->to);
    around_.datagram(send->to, send->bytes);
  } else if (const auto* tell = std::get_if<agents::Tell>(&action)) {
    audit_.told(*tell);
    if (tell->command && machine_.has_begun(tell->ref)) {
      world.timeline.in(Duration{}, [self = shared_from_this(), sent = agents::TellSent{*tell->command}] {
        self->when_running([self, sent] { self->give(sent); });
      });
    }
  } else if (const auto* say = std::get_if<agents::Say>(&action)) {
    world.trace.add(fmt::format("{}: {}", machine_.name(), say->text));
  } else if (const auto* quit = std::get_if<agents::Quit>(&action)) {
    world.trace.add(fmt::format("{} ends with status {}", machine_.name(), quit->status));
    kill();
    around_.quit(*this, quit->status);
  }
}

void AgentProcess::datagram(const std::string& bytes) {
  when_running([this, bytes] { give(agents::PrivateDatagram{bytes}); });
}

void AgentProcess::ring(const Service& service, const std::string& payload) {
  World& world = around_.world;
  if (!listening_ || state_ != State::ready || service_ != &service || is_cut()) return;
  if (!world.calm && world.chance.happens(around_.weather.bell_lost)) return world.count("doorbells lost");
  Duration wait = world.chance.between(200us, 5ms);
  if (!world.calm && world.chance.happens(0.05)) {
    wait += world.chance.scale(10ms, 3s);
    world.count("doorbells late");
  }
  world.timeline.in(wait, [self = shared_from_this(), payload, connection = connection_] {
    self->when_running([self, payload, connection] {
      if (connection != self->connection_) return;
      self->audit_.bell_begins();
      self->give(agents::Doorbell{payload});
      self->audit_.bell_ends(payload);
    });
  });
}

// The connection

Duration AgentProcess::travel() { return around_.world.chance.between(100us, 3ms); }

void AgentProcess::connect() {
  state_ = State::connecting;
  const std::uint64_t connection = ++connection_;
  Service& service = around_.service();
  const bool reachable = service.is_up && !is_cut();
  // A database that is down refuses at once; a packet that is lost is waited for.
  const Duration wait = !is_cut() ? travel() + travel() : query_timeout;
  around_.world.timeline.in(wait, [self = shared_from_this(), connection, reachable, &service, made = service.made] {
    self->when_running([self, connection, reachable, &service, made] {
      if (connection != self->connection_) return;
      if (!reachable || !service.is_up || made != service.made) return self->lose("no connection");
      self->state_ = State::ready;
      self->service_ = &service;
      self->backoff_ = reconnect_min;
      self->around_.world.trace.add(
          fmt::format("{} is connected{}", self->machine_.name(), service.is_foreign ? " to another database" : ""));
      self->in_connected_ = true;
      self->first_ = 0;
      self->give(agents::DatabaseConnected{});
      self->in_connected_ = false;
      self->pump();
    });
  });
}

void AgentProcess::lose(const std::string& why) {
  if (!alive_) return;
  state_ = State::waiting;
  ++connection_;
  listening_ = false;
  current_.reset();
  while (first_ > 0) {
    calls_.pop_front();
    --first_;
  }
  const Duration wait = Duration(static_cast<std::int64_t>(
      static_cast<double>(backoff_.count()) * (0.5 + static_cast<double>(around_.world.chance.below(500)) / 1000.0)));
  backoff_ = std::min(backoff_ * 2, reconnect_max);
  around_.world.timeline.in(wait, [self = shared_from_this(), connection = connection_] {
    self->when_running([self, connection] {
      if (connection == self->connection_) self->connect();
    });
  });
  give(agents::DatabaseLost{{why, "connection"}});
}

void AgentProcess::connection_lost(const std::string& why) {
  if (!alive_ || state_ != State::ready) return;
  around_.world.timeline.in(travel(), [self = shared_from_this(), why, connection = connection_] {
    self->when_running([self, why, connection] {
      if (connection == self->connection_) self->lose(why);
    });
  });
}

void AgentProcess::ask(Call call) {
  call.deadline = machine_.now() + query_timeout;
  if (in_connected_) {
    calls_.insert(calls_.begin() + static_cast<std::ptrdiff_t>(first_++), std::move(call));
  } else {
    calls_.push_back(std::move(call));
    pump();
  }
}

void AgentProcess::pump() {
  std::erase_if(calls_, [this](const Call& call) { return state_ != State::ready && machine_.now() >= call.deadline; });
  if (state_ != State::ready || current_ || calls_.empty()) return;
  current_ = std::move(calls_.front());
  calls_.pop_front();
  if (first_ > 0) --first_;
  current_->sent = machine_.now();
  current_->deadline = machine_.now() + query_timeout;
  World& world = around_.world;
  world.timeline.at(machine_.when(current_->deadline), [self = shared_from_this(), connection = connection_] {
    self->when_running([self, connection] {
      if (connection == self->connection_) self->check_deadline();
    });
  });
  const Weather& weather = around_.weather;
  int fate = fine;
  Duration wait = travel();
  if (!world.calm && current_->what != Call::What::listen) {
    const double share = current_->what == Call::What::registering ? 0.3 : 1.0;
    if (world.chance.happens(weather.lost * share)) {
      fate = lost;
    } else if (world.chance.happens(weather.answer_lost * share)) {
      fate = answer_lost;
    } else if (world.chance.happens(weather.doubled * share)) {
      fate = doubled;
    }
    if (world.chance.happens(weather.late * share)) {
      wait += world.chance.scale(50ms, 7s);
      world.count("calls late");
    }
  }
  const std::uint64_t boots = machine_.boots();
  world.timeline.in(wait, [self = shared_from_this(), call = *current_, connection = connection_, service = service_,
                           made = service_->made, fate, boots] {
    if (boots == self->machine_.boots() && self->machine_.is_on()) self->arrive(call, connection, *service, made, fate);
  });
}

// The call is at the database, unless the way there is cut. What was sent is carried out even when its sender has died.
void AgentProcess::arrive(Call call, std::uint64_t connection, Service& service, std::uint64_t made, int fate) {
  World& world = around_.world;
  if (!service.is_up || service.made != made) return;  // the connection ended with it
  if (is_cut()) {
    world.count("calls held up by a cut");
    const Duration wait = cut_until_ - world.timeline.now();
    if (wait > tcp_gives_up_after) return;
    world.timeline.in(wait + world.chance.scale(1ms, 2s),
                      [self = shared_from_this(), call, connection, &service, made, fate, boots = machine_.boots()] {
                        if (boots == self->machine_.boots() && self->machine_.is_on())
                          self->arrive(call, connection, service, made, fate);
                      });
    return;
  }
  if (fate == lost) {
    world.count("calls lost");
    if (connection == connection_) connection_lost("the connection was reset");
    return;
  }
  if (call.what == Call::What::listen || call.what == Call::What::unlisten) {
    if (connection != connection_) return;
    listening_ = call.what == Call::What::listen;
    return answer(call, connection, {Json(nullptr), {}, false});
  }
  Called called = carry_out(call, service);
  if (fate == doubled) {
    // Something on the way asks again, and gives the second answer, where it is as good as the first. Of heartbeats it
    // is not: who asks gets the first answer, or none and loses the connection.
    world.count("calls doubled");
    const int second = call.what == Call::What::heartbeat ? answer_lost : fine;
    world.timeline.in(world.chance.scale(1ms, 3s), [self = shared_from_this(), call, connection, &service, made,
                                                    second] { self->arrive(call, connection, service, made, second); });
    return;
  }
  if (fate == answer_lost) {
    world.count("answers lost");
    if (connection == connection_) connection_lost("the connection was reset");
    return;
  }
  answer(call, connection, called);
}

Called AgentProcess::carry_out(Call& call, Service& service) {
  World& world = around_.world;
  Called called =
      service.database->call(Login::agent, call.expression, call.params, service.wall.read(world.timeline.now()));
  std::string what = call.words;
  bool is_obedience = true;
  if (!called.value) {
    what += fmt::format(": {} {}", called.value.error().code, called.value.error().message);
  } else if (called.value->contains("commands")) {
    if (!called.value->contains("clusters")) world.count("heartbeats answered by commands alone");
    for (const Json& command : (*called.value)["commands"]) {
      what += fmt::format(" {}{} s{}", command["verb"].get<std::string>(), command["command_id"].dump(),
                          command["server_id"].dump());
    }
    for (const Json& unknown : called.value->value("unknown", Json::array()))
      what += fmt::format(" unknown s{}", unknown["server_id"].dump());
  } else if (called.value->contains("refused")) {
    what += ": refused";
    is_obedience = false;
    world.count("registrations refused by what another database pinned");
  }
  around_.called(service, machine_.name(), what, called);
  if (called.value && call.what == Call::What::heartbeat) {
    call.known =
        Known::read(*service.database, machine_.name(), world.timeline.now(), service.wall.read(world.timeline.now()));
  }
  // What waited for a connection may be asked of the wrong database, which does not know who asks.
  if (service.is_foreign && called.value && is_obedience) {
    throw Broken{fmt::format("{} {} at a database that it must not obey", machine_.name(), call.words)};
  }
  return called;
}

void AgentProcess::answer(const Call& call, std::uint64_t connection, const Called& called) {
  World& world = around_.world;
  Duration wait = travel();
  if (!world.calm && world.chance.happens(around_.weather.late)) {
    wait += world.chance.scale(50ms, 7s);
    world.count("answers late");
  }
  const Time when = std::max(world.timeline.now() + wait, cut_until_ + (is_cut() ? travel() : Duration{}));
  world.timeline.at(when, [self = shared_from_this(), call, connection, called] {
    if (connection == self->connection_ && self->is_cut()) return self->answer(call, connection, called);
    self->when_running([self, call, connection, called] {
      if (connection != self->connection_ || !self->current_) return;
      self->current_.reset();
      const bool was_refused = called.value && called.value->contains("refused");
      if (called.value && call.what == Call::What::registering && !was_refused) {
        self->lease_ = std::chrono::milliseconds((*called.value)["lease_ms"].get<std::int64_t>());
      }
      const bool extends = call.what == Call::What::registering || call.what == Call::What::heartbeat;
      if (called.value && extends && !was_refused) {
        std::optional<Instant>& granted = self->machine_.granted;
        granted = std::max(granted.value_or(Instant{}), call.sent + self->lease_);
      }
      if (!called.value || was_refused) {
        self->audit_.refused();
      } else if (call.what == Call::What::registering) {
        self->audit_.registered();
      }
      switch (call.what) {
        case Call::What::registering:
          self->give(agents::RegisterAnswer{called.value});
          break;
        case Call::What::heartbeat:
          if (call.known) self->audit_.answered(*called.value, *call.known);
          self->give(agents::HeartbeatAnswer{called.value});
          if (self->alive_) self->audit_.heard();
          break;
        case Call::What::report:
          self->give(agents::ReportAnswer{called.value});
          break;
        default:
          break;
      }
      if (self->alive_) self->pump();
    });
  });
}

void AgentProcess::check_deadline() {
  if (alive_ && current_ && machine_.now() >= current_->deadline) lose("the database gave no answer in time");
}

}  // namespace orrery::sim
