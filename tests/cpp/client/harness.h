// A client and real wire endpoints as its servers, on virtual time and a network with latency, and loss where a test
// wants it.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "client/client.h"
#include "orrery.pb.h"
#include "wire/endpoint.h"

namespace orrery::client::testing {

using namespace std::chrono_literals;

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

inline Address address_of(const char* text) { return *Address::parse(text); }

inline Key32 key_of(std::uint8_t fill) {
  Key32 key;
  key.fill(fill);
  return key;
}

// One server: an endpoint at an address, with what it has heard.
struct Server {
  Server(Address at, Random& random) : address(at), endpoint(std::make_unique<wire::Endpoint>(config(), random)) {}

  // One that floods its clients is not held back by what their paths carry.
  static wire::EndpointConfig config() {
    wire::EndpointConfig config;
    config.timing.client_rate_bytes_s = 1'000'000;
    return config;
  }

  void say(const proto::ServerControl& message) {
    const auto bytes = message.SerializeAsString();
    EXPECT_TRUE(endpoint->send(connection, wire::Channel::control, wire::Delivery::reliable, as_bytes(bytes)));
  }
  void say_chat(std::uint64_t number, const std::string& from, const std::string& text) {
    proto::ServerChat message;
    auto& shown = *message.mutable_message_shown();
    shown.set_channel(1);
    shown.set_number(number);
    shown.set_from(from);
    shown.set_text(text);
    say_chat(message);
  }
  // The cluster's channel is number 1.
  void say_channels(std::uint64_t last) {
    proto::ServerChat message;
    auto& channel = *message.mutable_channels()->add_channels();
    channel.set_channel(1);
    channel.set_kind("cluster");
    channel.set_name("dev");
    channel.set_last(last);
    say_chat(message);
  }
  void say_chat(const proto::ServerChat& message) {
    EXPECT_TRUE(endpoint->send(connection, wire::Channel::chat, wire::Delivery::reliable,
                               as_bytes(message.SerializeAsString())));
  }
  void say_notice(proto::Notice::Kind kind, std::uint64_t id, std::uint32_t seconds_left) {
    proto::ServerControl message;
    message.mutable_notice()->set_kind(kind);
    message.mutable_notice()->set_notice_id(id);
    message.mutable_notice()->set_seconds_left(seconds_left);
    message.mutable_notice()->set_text("the cluster stops");
    say(message);
  }
  void say_ended(const std::string& reason) {
    proto::ServerControl message;
    message.mutable_ended()->set_reason(reason);
    say(message);
  }
  const wire::Hash64& handshake_hash() { return handshakes[connection]; }
  void say_game(ByteView bytes) {
    EXPECT_TRUE(endpoint->send(connection, wire::Channel::game, wire::Delivery::unreliable, bytes));
  }

  Address address;
  std::unique_ptr<wire::Endpoint> endpoint;
  bool is_down = false;           // neither receives nor sends
  wire::ConnectionId connection;  // the last that opened or spoke
  int opened = 0;
  std::map<wire::ConnectionId, wire::Hash64> handshakes;
  std::vector<proto::ClientControl> controls;
  std::vector<std::string> chats;  // what was said
  std::vector<proto::ChatSay> says;
  std::vector<proto::ChatResume> resumes;
  std::vector<Bytes> games;
  std::vector<wire::CloseReason> closes;
  std::function<void(const proto::ClientControl&)> on_control;  // may answer
};

class ClientTest : public ::testing::Test {
 protected:
  static constexpr Duration latency = 20ms;
  static constexpr std::uint64_t session = 77;

  ClientTest() {
    for (Server* server : {&login, &other_login}) accept_logins(*server);
    login.on_control = [this](const proto::ClientControl& message) {
      if (message.has_credentials()) login.say(login_result());
    };
  }

  static void accept_logins(Server& server) {
    const Key32 static_key = key_of(7);
    server.endpoint->accept_logins({&static_key, 1}, "dev");
  }

  proto::ServerControl login_result() const {
    proto::ServerControl message;
    auto& result = *message.mutable_login_result();
    result.set_session_id(session);
    result.set_root_secret(root.data(), root.size());
    auto& character = *result.add_characters();
    character.set_character_id(5);
    character.set_name("Ada");
    character.set_kind("grid");
    character.set_key("42");
    character.set_details("{}");
    return message;
  }

  static proto::Target target_of(const Server& server, std::uint64_t server_id, std::uint64_t epoch, const char* role,
                                 const char* kind, const char* key) {
    proto::Target target;
    target.set_server_id(server_id);
    target.set_epoch(epoch);
    target.set_host(server.address.host());
    target.set_port(server.address.port);
    target.set_role(role);
    target.set_kind(kind);
    target.set_key(key);
    return target;
  }

  // Lets the session attach at `server`.
  void expect_at(Server& server, std::uint64_t server_id, std::uint64_t epoch) {
    const Key32 k = wire::session_key(root, SessionId{session}, ServerId{server_id}, Epoch{epoch});
    server.endpoint->expect(SessionId{session}, Epoch{epoch}, ServerId{server_id}, k);
  }

  static proto::ServerControl redirect_to(std::initializer_list<proto::Target> targets) {
    proto::ServerControl message;
    for (const auto& target : targets) *message.mutable_redirect()->add_targets() = target;
    return message;
  }

  static ConnectString connect_to(std::vector<Address> login_servers) {
    return {"dev", std::move(login_servers), {wire::public_key(key_of(7))}};
  }
  void start(std::vector<Address> login_servers, Credentials credentials = {"bot0001", "secret"},
             Options options = {}) {
    client.emplace(connect_to(std::move(login_servers)), std::move(credentials), random, now, options);
  }

  // Lets a login server answer the next questions for the session, when their proof is right.
  void answer_resolve(Server& server, std::function<void()> answer) {
    server.on_control = [this, &server, answer = std::move(answer)](const proto::ClientControl& message) {
      if (message.has_credentials()) server.say(login_result());
      if (!message.has_resolve()) return;
      EXPECT_EQ(message.resolve().session_id(), session);
      EXPECT_EQ(message.resolve().proof(), as_text(resolve_proof(root, server.handshake_hash())));
      answer();
    };
  }

  // Logs in and goes into play at zone (server 3) and chat (server 4).
  void play(std::vector<Address> login_servers, Options options = {}) {
    start(std::move(login_servers), {"bot0001", "secret"}, options);
    ASSERT_TRUE(run_until([&] { return has<LoggedIn>(); }));
    expect_at(zone, 3, 10);
    expect_at(chat, 4, 11);
    login.say(
        redirect_to({target_of(zone, 3, 10, "owner", "grid", "42"), target_of(chat, 4, 11, "chat", "chat", "main")}));
    ASSERT_TRUE(run_until([&] { return count<Entered>() == 2 && zone.opened == 1 && chat.opened == 1; }, 2s));
  }

  void play() { play({login.address}); }

  // Runs for `time` of virtual time, or until `done`; false when it never was.
  bool run_until(const std::function<bool()>& done, Duration time = 30s) {
    const Instant end = now + time;
    while (!done()) {
      if (now >= end) return false;
      step();
    }
    return true;
  }
  void run_for(Duration time) {
    run_until([] { return false; }, time);
  }

  // As run_for, while nobody takes the events.
  void run_unseen(Duration time) {
    is_unseen = true;
    run_for(time);
    is_unseen = false;
  }

  void step() {
    now += 5ms;
    std::array<std::uint8_t, wire::datagram_bytes_max> buffer;
    wire::Slot slot{{}, buffer, 0};
    while (client->poll_transmit(slot, now)) {
      ++sent_to[slot.to];
      post(client_address, slot);
    }
    take_events();
    if (client->poll_rebind() && ++rebinds > 0 && rebinds_move) ++client_address.port;
    for (Server* server : servers) {
      if (server->is_down) continue;
      while (server->endpoint->poll_transmit(slot, now)) post(server->address, slot);
      hear(*server);
    }
    while (!in_flight.empty() && in_flight.front().at <= now) {
      const Flight flight = std::move(in_flight.front());
      in_flight.pop_front();
      deliver(flight);
    }
  }

  template <class T>
  std::size_t count() const {
    std::size_t found = 0;
    for (const Event& event : events) found += std::holds_alternative<T>(event) ? 1 : 0;
    return found;
  }
  template <class T>
  bool has() const {
    return count<T>() > 0;
  }
  // The last event of a kind; a default one (and a failure) when there is none.
  template <class T>
  T last() const {
    for (auto it = events.rbegin(); it != events.rend(); ++it) {
      if (const auto* found = std::get_if<T>(&*it)) return *found;
    }
    ADD_FAILURE() << "no such event";
    return {};
  }

  SeededRandom random{1};
  Instant now{1h};
  Address client_address = address_of("198.51.100.9:5000");
  Key32 root = key_of(9);
  Server login{address_of("203.0.113.1:7777"), random};
  Server zone{address_of("203.0.113.1:20001"), random};
  Server chat{address_of("203.0.113.2:20002"), random};
  Server other_zone{address_of("[2001:db8::5]:20003"), random};
  Server other_login{address_of("203.0.113.3:7777"), random};
  std::vector<Server*> servers{&login, &zone, &chat, &other_zone, &other_login};
  double loss = 0;                                                               // of datagrams, in either direction
  std::function<bool(const Address& from, const Address& to, ByteView)> is_cut;  // lost for a reason
  bool rebinds_move = false;                                                     // another port when the client says so
  int rebinds = 0;
  std::map<Address, int> sent_to;  // datagrams of the client
  std::optional<Client> client;
  std::vector<Event> events;

 private:
  struct Flight {
    Instant at;
    Address from, to;
    Bytes bytes;
  };

  void post(const Address& from, const wire::Slot& slot) {
    if (loss > 0 && static_cast<double>(weather.next<std::uint32_t>()) < loss * 4294967296.0) return;
    if (is_cut && is_cut(from, slot.to, slot.buffer.first(slot.size))) return;
    in_flight.push_back({now + latency, from, slot.to,
                         Bytes(slot.buffer.begin(), slot.buffer.begin() + static_cast<std::ptrdiff_t>(slot.size))});
  }

  void deliver(const Flight& flight) {
    const wire::Datagram datagram{flight.from, flight.bytes};
    if (flight.to == client_address) {
      client->on_datagram(datagram, now);
      take_events();
      return;
    }
    for (Server* server : servers) {
      if (server->address != flight.to || server->is_down) continue;
      server->endpoint->on_datagrams({&datagram, 1}, now);
      hear(*server);
    }
  }

  void hear(Server& server) {
    wire::Effect effect;
    while (server.endpoint->poll_effect(effect)) {
      if (const auto* opened = std::get_if<wire::LoginOpened>(&effect)) {
        server.connection = opened->connection;
        server.handshakes[opened->connection] = opened->handshake_hash;
        ++server.opened;
      } else if (const auto* attached = std::get_if<wire::Attached>(&effect)) {
        server.connection = attached->connection;
        ++server.opened;
      } else if (const auto* closed = std::get_if<wire::Closed>(&effect)) {
        server.closes.push_back(closed->reason);
      } else if (const auto* message = std::get_if<wire::Message>(&effect)) {
        hear(server, *message);
      }
    }
  }

  static void hear(Server& server, const wire::Message& message) {
    server.connection = message.connection;  // who asks is answered
    if (message.channel == wire::Channel::game) {
      server.games.emplace_back(message.bytes.begin(), message.bytes.end());
    } else if (message.channel == wire::Channel::chat) {
      proto::ClientChat chat_message;
      ASSERT_TRUE(chat_message.ParseFromArray(message.bytes.data(), static_cast<int>(message.bytes.size())));
      if (chat_message.has_say()) server.chats.push_back(chat_message.say().text());
      if (chat_message.has_say()) server.says.push_back(chat_message.say());
      if (chat_message.has_resume()) server.resumes.push_back(chat_message.resume());
    } else {
      proto::ClientControl control;
      ASSERT_TRUE(control.ParseFromArray(message.bytes.data(), static_cast<int>(message.bytes.size())));
      server.controls.push_back(control);
      if (server.on_control) server.on_control(control);
    }
  }

  void take_events() {
    if (is_unseen) return;
    Event event;
    while (client->poll_event(event)) events.push_back(std::move(event));
  }

  std::deque<Flight> in_flight;
  SeededRandom weather{2};
  bool is_unseen = false;
};

}  // namespace orrery::client::testing
