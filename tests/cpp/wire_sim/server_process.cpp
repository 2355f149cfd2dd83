#include "wire_sim/server_process.h"

#include <algorithm>

#include "sessiond/chat_core.h"
#include "sessiond/login_core.h"
#include "sessiond/zone_core.h"
#include "wire_sim/stream_checker.h"
#include "wire_sim/wire_checker.h"

namespace orrery::wire_sim {
namespace {

const Error away{"the connection was lost", "connection"};
constexpr Duration query_timeout = 10s;
/// A batch as a socket gives it.
constexpr std::size_t batch_max = 64;

std::unique_ptr<sessiond::Role> make_role(const std::string& name, sessiond::SessionHost& host) {
  if (name == "login") return std::make_unique<sessiond::LoginCore>(host);
  if (name == "chat") return std::make_unique<sessiond::ChatCore>(host);
  return std::make_unique<sessiond::ZoneCore>(host);
}

}  // namespace

/// The real role, and what it is told noted down. It says things of its own to clients, for the checkers to look for.
class ServerProcess::ObservedRole final : public sessiond::Role {
 public:
  ObservedRole(ServerProcess& process, sessiond::Role& real) : process_(process), real_(real) {}

  Status on_started(const Json& info, Instant now) override { return real_.on_started(info, now); }
  void on_login_opened(const wire::LoginOpened& opened, Instant now) override {
    process_.around_.wire.login_opened(process_, opened.from);
    generations_[opened.connection] = process_.around_.streams.begin_generation(process_.number(), "login", {});
    real_.on_login_opened(opened, now);
  }
  void on_login_closed(wire::ConnectionId connection, wire::CloseReason reason, Instant now) override {
    real_.on_login_closed(connection, reason, now);
  }
  void on_attached(sessiond::Session& session, Instant now) override {
    generations_[session.connection] =
        process_.around_.streams.begin_generation(process_.number(), process_.role(), session.id);
    check_state(session);
    real_.on_attached(session, now);
    if (process_.role() == "zone") process_.around_.on_step("attached", session.id);
  }
  void on_returned(sessiond::Session& session, Instant now) override { real_.on_returned(session, now); }
  void on_hand_off_failed(sessiond::Session& session, const std::string& text, Instant now) override {
    process_.around_.world.count("hand-offs failed");
    real_.on_hand_off_failed(session, text, now);
  }
  void on_news(const Json& body, Instant now) override { real_.on_news(body, now); }
  void on_message(const wire::Message& message, sessiond::Session* session, Instant now) override {
    StreamChecker& streams = process_.around_.streams;
    const int size = static_cast<int>(message.bytes.size());
    if (session != nullptr && message.channel == wire::Channel::chat && process_.role() == "chat") {
      proto::ClientChat said;
      if (!said.ParseFromArray(message.bytes.data(), size)) throw Broken{"a chat message arrived that nobody wrote"};
      if (said.has_say()) streams.server_heard(generations_.at(message.connection), session->id, said.say().text());
    }
    if (session != nullptr && message.channel == wire::Channel::game && process_.role() == "zone" &&
        message.bytes[0] == sessiond::game_input) {
      Reader reader(message.bytes.subspan(2));
      const auto sequence = reader.take<std::uint32_t>();
      streams.server_heard_input(generations_.at(message.connection), session->id, sequence,
                                 reader.take<std::int8_t>());
    }
    real_.on_message(message, session, now);
  }
  std::optional<std::string> leave(sessiond::Session& session, Instant now) override {
    auto state = real_.leave(session, now);
    if (process_.role() != "zone") return state;
    std::uint64_t& mark = process_.around_.last_marks[{process_.number(), session.id}];
    if (!state) mark = Json::parse(session.state).value("mark", 0u);
    if (!state) return state;
    Json marked = Json::parse(*state);
    marked["mark"] = mark = ++process_.around_.marks;
    marked["marked_by"] = process_.number();
    if (session.hand_off) process_.around_.on_step("frozen", session.id);
    return marked.dump();
  }
  void on_taken_away(sessiond::Session& session, const std::string& reason, Instant now) override {
    real_.on_taken_away(session, reason, now);
  }
  void on_changed(sessiond::Session& session, Instant now) override { real_.on_changed(session, now); }
  void on_link(const proto::LinkMessage& message, Instant now) override { real_.on_link(message, now); }
  void on_sync(const Json& answer, Instant now) override { real_.on_sync(answer, now); }
  void on_tell(const Json& tell, Instant now) override { real_.on_tell(tell, now); }
  void on_hash_done(const sessiond::HashDone& done, Instant now) override { real_.on_hash_done(done, now); }
  void advance(Instant now) override { real_.advance(now); }
  std::optional<Instant> next_deadline() const override { return real_.next_deadline(); }
  std::string statistics() override { return real_.statistics(); }

  /// A message of `size` to one of the connected clients, reliably.
  void say(std::size_t which, std::size_t size) {
    sessiond::SessionHost& host = process_.host_;
    if (!host.has_endpoint() || host.connections().empty()) return;
    auto to = host.connections().begin();
    std::advance(to, static_cast<std::ptrdiff_t>(which % host.connections().size()));
    const auto generation = generations_.find(to->first);
    if (generation == generations_.end()) return;
    // Who is on his way to another server hears nothing more of this one.
    if (process_.role() == "zone" && (to->second == nullptr || to->second->is_frozen())) return;
    StreamChecker& streams = process_.around_.streams;
    const std::string text = streams.server_text(generation->second, size);
    bool is_said = false;
    if (process_.role() == "chat") {
      proto::ServerChat message;
      message.mutable_refused()->set_text(text);
      is_said = static_cast<bool>(host.endpoint().send(to->first, wire::Channel::chat, wire::Delivery::reliable,
                                                       as_bytes(message.SerializeAsString())));
    } else {
      proto::ServerControl message;
      message.mutable_notice()->set_notice_id(++process_.around_.notices);
      message.mutable_notice()->set_text(text);
      is_said = static_cast<bool>(host.send(to->first, message));
    }
    if (is_said) streams.server_said(generation->second, text);
  }

 private:
  /// What a player brings is what his session's owner was given, or what he left with here.
  void check_state(const sessiond::Session& session) const {
    if (process_.role() != "zone") return;
    const Json has = Json::parse(session.state);
    const Json given = process_.around_.database.granted_state(session.id, session.epoch);
    if (has != given && has.value("marked_by", 0u) != process_.number())
      throw Broken{fmt::format("session {} came to server {} with {}, not with {}", session.id.value, process_.number(),
                               has.dump(), given.dump())};
  }

  ServerProcess& process_;
  sessiond::Role& real_;
  std::map<wire::ConnectionId, GenerationId> generations_;
};

ServerProcess::ServerProcess(Surroundings& around, ServerId id)
    : Process(around.world),
      around_(around),
      id_(id),
      address_(around.database.server(id).public_at),
      private_address_(around.database.server(id).private_at),
      host_({"dev", around.database.server(id).kind, around.database.server(id).key, around.database.server(id).role,
             id, around.database.server(id).epoch},
            random_, now()),
      role_(make_role(around.database.server(id).role, host_)),
      observed_(std::make_unique<ObservedRole>(*this, *role_)) {}

ServerProcess::~ServerProcess() {
  around_.wire.disturbed(number());
  around_.network.detach(address_);
  around_.private_network.detach(private_address_);
}

void ServerProcess::begin() {
  const auto receive = [this](Network& network, const Address& address, std::deque<Arrived> ServerProcess::*queue) {
    network.attach(address, [this, queue](Arrived arrived) {
      (this->*queue).push_back(std::move(arrived));
      run();
    });
  };
  receive(around_.network, address_, &ServerProcess::datagrams_);
  receive(around_.private_network, private_address_, &ServerProcess::private_datagrams_);
  host_.start(*observed_, now());
  if (role() == "zone") around_.on_step("begun", {});
  run();
}

void ServerProcess::work() {
  if (exit_code_) return;
  take_waiting();
  for (bool more = true; more && !exit_code_;) {
    std::array<std::uint8_t, wire::datagram_bytes_max> buffer;
    wire::Slot slot{{}, buffer, 0};
    while (host_.poll_transmit(slot, now())) send(slot);
    more = false;
    sessiond::Effect effect;
    while (host_.poll_effect(effect)) {
      carry_out(effect);
      more = true;
    }
  }
  std::erase_if(travelling_, [this](SessionId session) {
    if (host_.sessions().contains(session)) return false;
    if (around_.database.session(session)->from.first == id_) around_.on_step("redirected", session);
    return true;
  });
  around_.after_step(*this);
}

/// What it asks of the database is a step of sessions on their way.
void ServerProcess::note_steps(const sessiond::DatabaseRequest& request) {
  if (const auto* hands = std::get_if<sessiond::HandOffSessions>(&request)) {
    for (const Json& hand : hands->hands) {
      if (!hand.contains("state")) continue;
      const SessionId session{hand.at("session_id").get<std::uint64_t>()};
      const auto left_with = around_.last_marks.find({number(), session});
      if (left_with != around_.last_marks.end() && hand.at("state").value("mark", 0u) != left_with->second)
        throw Broken{fmt::format("session {} is handed over with a state of before", session.value)};
      around_.on_step("asked", session);
    }
  } else if (const auto* sync = std::get_if<sessiond::Sync>(&request)) {
    for (const Json& taken : sync->taken)
      if (taken.at("role") == "owner" && !taken.contains("ended"))
        around_.on_step("taken", SessionId{taken.at("session_id").get<std::uint64_t>()});
  }
}

void ServerProcess::take_waiting() {
  while (!datagrams_.empty()) {
    std::vector<Arrived> taken;
    std::vector<wire::Datagram> batch;
    for (; !datagrams_.empty() && taken.size() < batch_max; datagrams_.pop_front())
      taken.push_back(std::move(datagrams_.front()));
    for (const Arrived& arrived : taken) {
      around_.wire.reaches_server(*this, arrived);
      batch.push_back({arrived.from, arrived.bytes});
      if (!host_.has_endpoint()) continue;
      ++datagrams_in_;
      bytes_in_ += arrived.bytes.size();
    }
    host_.on_datagrams(batch, now());
  }
  for (; !private_datagrams_.empty(); private_datagrams_.pop_front())
    host_.on_private_datagram({private_datagrams_.front().from, private_datagrams_.front().bytes}, now());
  for (; !agent_messages_.empty(); agent_messages_.pop_front())
    host_.on_agent_message(sessiond::to_text(agent_messages_.front()), now());
  for (; !answers_.empty(); answers_.pop_front()) {
    std::vector<SessionId> arriving;
    if (const auto& answer = answers_.front().second; answer && answer->is_object() && answer->contains("arrivals"))
      for (const Json& row : answer->at("arrivals"))
        if (row.at("role") == "owner") arriving.emplace_back(row.at("session_id").get<std::uint64_t>());
    host_.on_database_answer(answers_.front().first, std::move(answers_.front().second), now());
    for (const auto session : arriving) around_.on_step("arrived", session);
  }
  for (; !hashes_.empty(); hashes_.pop_front()) host_.on_hash_done(hashes_.front(), now());
}

void ServerProcess::send(const wire::Slot& slot) {
  auto packet = std::make_shared<Packet>();
  packet->sender = number();
  packet->from = address_;
  packet->to = slot.to;
  packet->bytes.assign(slot.buffer.begin(), slot.buffer.begin() + static_cast<std::ptrdiff_t>(slot.size));
  ++datagrams_out_;
  bytes_out_ += slot.size;
  around_.wire.sent_by_server(*this, *packet);
  around_.network.send(std::move(packet));
}

void ServerProcess::carry_out(sessiond::Effect& effect) {
  if (auto* call = std::get_if<sessiond::DatabaseCall>(&effect)) {
    note_steps(call->request);
    ask({std::move(*call), world_.now() + query_timeout});
  } else if (const auto* job = std::get_if<sessiond::HashJob>(&effect)) {
    const sessiond::HashDone done{job->id, job->hash == password_hash(job->password),
                                  job->hash.empty() ? password_hash(job->password) : ""};
    world_.timeline.in(world_.chance.between(5ms, 60ms), [weak = weak_from_this(), this, done] {
      if (const auto self = weak.lock()) {
        hashes_.push_back(done);
        run();
      }
    });
  } else if (auto* link = std::get_if<sessiond::LinkSend>(&effect)) {
    auto packet = std::make_shared<Packet>();
    packet->sender = number();
    packet->from = private_address_;
    packet->to = link->to;
    packet->bytes = std::move(link->bytes);
    around_.private_network.send(std::move(packet));
  } else if (std::holds_alternative<sessiond::ServerReady>(effect)) {
    // By sd_notify, the shim, and the agent's next report.
    world_.timeline.in(world_.chance.between(20ms, 400ms), [weak = weak_from_this(), this] {
      if (const auto self = weak.lock(); self && around_.database.server(id_).epoch == epoch())
        around_.database.server_ready(id_);
    });
  } else if (const auto* exit = std::get_if<sessiond::Exit>(&effect)) {
    exit_code_ = exit->code;
    world_.say("server {} exits with {}: {}", number(), exit->code, exit->why);
  }
}

// The database.

void ServerProcess::database(bool up) {
  if (up == database_up_ || exit_code_) return;
  database_up_ = up;
  ++database_connection_;
  if (!up) {
    for (const auto id : under_way_) answer(id, away);
    under_way_.clear();
  } else {
    database_since_ = world_.now();
    last_execution_ = world_.now();
    for (std::deque<PendingCall> calls = std::exchange(unsent_, {}); !calls.empty(); calls.pop_front())
      ask(std::move(calls.front()));
  }
  host_.on_database(up, now());
  run();
}

void ServerProcess::ask(PendingCall pending) {
  if (!database_up_) {
    const auto id = pending.call.id;
    world_.timeline.at(pending.give_up, [weak = weak_from_this(), this, id] {
      const auto self = weak.lock();
      if (self && std::erase_if(unsent_, [&](const PendingCall& one) { return one.call.id == id; }) > 0) {
        answer(id, away);
        run();
      }
    });
    unsent_.push_back(std::move(pending));
    return;
  }
  under_way_.push_back(pending.call.id);
  const Duration there = world_.chance.between(200us, database_delay_),
                 back = world_.chance.between(200us, database_delay_);
  last_execution_ = std::max(last_execution_, world_.now() + there);
  const auto caller = Database::Caller{id_, epoch()};
  // What has been sent is carried out even if whoever asked is gone when it is.
  const bool is_lost_with_connection = world_.chance.happens(0.5);
  world_.timeline.at(last_execution_,
                     [weak = weak_from_this(), around = &around_, caller, back, is_lost_with_connection,
                      connection = database_connection_, call = std::move(pending.call)] {
                       const auto self = std::static_pointer_cast<ServerProcess>(weak.lock());
                       const bool is_connected = self && self->database_connection_ == connection;
                       if (!is_connected && is_lost_with_connection) return;
                       if (!is_connected) around->world.count("calls carried out without an answer");
                       Result<Json> result = around->database.answer(caller, call.request);
                       if (!is_connected) return;
                       // In order: a connection's answers do not overtake each other.
                       self->last_answer_ = std::max(self->last_answer_, around->world.now() + back);
                       around->world.timeline.at(
                           self->last_answer_, [weak, connection, id = call.id, result = std::move(result)]() mutable {
                             const auto again = std::static_pointer_cast<ServerProcess>(weak.lock());
                             if (!again || again->database_connection_ != connection) return;
                             std::erase(again->under_way_, id);
                             again->answer(id, std::move(result));
                             again->run();
                           });
                     });
}

void ServerProcess::answer(sessiond::CallId id, Result<Json> result) { answers_.emplace_back(id, std::move(result)); }

// What befalls it.

void ServerProcess::agent_message(Json message) {
  agent_messages_.push_back(std::move(message));
  run();
}

void ServerProcess::terminate() {
  if (exit_code_) return;
  host_.on_terminate(now());
  run();
}

SessionId ServerProcess::travel(std::size_t which, const std::string& kind, const std::string& key) {
  if (exit_code_ || is_frozen() || host_.sessions().empty()) return {};
  std::vector<SessionId> here;
  // One who is not there yet is not told whither, and asks a login server after 4 s: not in the calm, when all is to be
  // well.
  for (const auto& [id, session] : host_.sessions())
    if (session.connection || !world_.calm) here.push_back(id);
  if (here.empty()) return {};
  std::sort(here.begin(), here.end());
  const SessionId session = here[which % here.size()];
  host_.hand_off(session, kind, key, now());
  travelling_.insert(session);
  // Frozen only when its host is driven: what is noted of whither it goes comes first.
  world_.timeline.in(0ms, [weak = weak_from_this()] {
    if (const auto self = std::static_pointer_cast<ServerProcess>(weak.lock())) self->run();
  });
  return session;
}

void ServerProcess::say(std::size_t which, std::size_t size) {
  if (exit_code_ || is_frozen()) return;
  observed_->say(which, size);
  run();
}

}  // namespace orrery::wire_sim
