// A SessionHost with its role and real dialers on virtual time. The database is scripted at the effect boundary: each
// call is answered by `database`, or kept in `pending` when that gives nothing.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <random>

#include "answers.h"
#include "sessiond/hash_pool.h"
#include "sessiond/session_host.h"
#include "wire/dialer.h"
#include "wire/link.h"

namespace orrery::sessiond::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    for (auto& byte : out) byte = static_cast<std::uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

inline const Error away{"connection lost", "connection"};

struct Client {
  Address address;
  wire::Dialer dialer;
  bool silent = false;  // its datagrams are lost, both ways
  std::array<std::uint8_t, 64> handshake_hash{};
  std::vector<proto::ServerControl> control{};
  std::vector<proto::ServerChat> chat{};
  std::vector<Bytes> game{};
  std::optional<wire::CloseReason> closed{};
  std::size_t largest = 0;  // datagram received
  std::uint64_t said = 0;

  void send(const proto::ClientControl& message) {
    EXPECT_TRUE(dialer.send(wire::Channel::control, wire::Delivery::reliable, as_bytes(message.SerializeAsString())));
  }
  void say(const std::string& text) {
    proto::ClientChat message;
    message.mutable_say()->set_message_id(++said);
    message.mutable_say()->set_text(text);
    send(message);
  }
  void send(const proto::ClientChat& message) {
    EXPECT_TRUE(dialer.send(wire::Channel::chat, wire::Delivery::reliable, as_bytes(message.SerializeAsString())));
  }
  std::vector<proto::Notice> notices() const {
    std::vector<proto::Notice> out;
    for (const auto& message : control)
      if (message.has_notice()) out.push_back(message.notice());
    return out;
  }
};

template <class RoleType>
class Lab {
 public:
  using Database = std::function<std::optional<Result<Json>>(const DatabaseRequest&)>;
  static constexpr ServerId self{7};
  static constexpr Epoch self_epoch{(1ull << 32) + 1};

  explicit Lab(const char* role) : host({"dev", role, "1", role, self, self_epoch}, random, now), role_core(host) {
    database = [](const DatabaseRequest&) { return std::nullopt; };
  }

  void start() {
    host.on_database(true, now);
    host.start(role_core, now);
    pump();
  }

  std::size_t attach(SessionId session, Epoch epoch, const Key32& key) {
    return add(wire::Dialer(wire::AttachTarget{server, session, self, epoch, key}, {}, seconds{20}, random, now));
  }
  /// From 198.51.100.1 unless it is said otherwise, under the server's first static key.
  std::size_t login(const char* from = "198.51.100.1", const Key32& static_key = key_of(5)) {
    return add(
        wire::Dialer(wire::LoginTarget{server, "dev", {wire::public_key(static_key)}}, {}, seconds{20}, random, now),
        from);
  }
  Client& client(std::size_t i) { return *clients[i]; }

  /// Lets everything happen that happens within `time`.
  void run(Duration time) {
    const Instant end = now + time;
    pump();
    while (now < end) {
      std::optional<Instant> next = host.next_deadline();
      for (const auto& c : clients)
        if (const auto at = c->dialer.next_deadline(); at && (!next || *at < *next)) next = at;
      now = std::min(end, std::max(now + std::chrono::microseconds{100}, next.value_or(end)));
      pump();
    }
  }
  bool run_until(Duration limit, const std::function<bool()>& done) {
    const Instant end = now + limit;
    while (now < end && !done()) run(milliseconds{5});
    return done();
  }

  void agent(const Json& message) {
    host.on_agent_message(message.dump(), now);
    pump();
  }

  template <class Request>
  std::size_t count() const {
    std::size_t n = 0;
    for (const auto& request : asked) n += std::holds_alternative<Request>(request);
    return n;
  }
  /// Everything that session_end was called with.
  std::vector<Json> ends() const {
    std::vector<Json> out;
    for (const auto& request : asked)
      if (const auto* call = std::get_if<EndSessions>(&request))
        for (const auto& end : call->ends) out.push_back(end);
    return out;
  }
  void answer(std::size_t pending_at, Result<Json> result) {
    const CallId id = pending[pending_at].id;
    pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(pending_at));
    host.on_database_answer(id, std::move(result), now);
    pump();
  }

  Instant now{hours_of_boot};
  SeededRandom random{1};
  SessionHost host;
  RoleType role_core;
  Json info = start_info();
  // Given by the next server_sync.
  Json arrivals = Json::array(), ended = Json::array(), release = Json::array();
  Json keys_version;  // by every one, once there is one
  Database database;
  std::vector<DatabaseRequest> asked;
  std::vector<DatabaseCall> pending;
  std::vector<HashJob> hashes;  // kept when `hashing` is off
  bool hashing = true;
  std::vector<LinkSend> links;
  std::size_t agent_news = 0;
  bool ready = false;
  std::optional<int> exit_code;
  std::string exit_why;
  std::vector<std::unique_ptr<Client>> clients;
  Address server = *Address::parse("192.0.2.1:7777");

  void pump() {
    for (bool moved = true; moved;) {
      moved = false;
      std::array<std::uint8_t, wire::datagram_bytes_max> buffer;
      wire::Slot slot{{}, buffer, 0};
      for (const auto& c : clients) {
        while (c->dialer.poll_transmit(slot, now)) {
          moved = true;
          if (c->silent) continue;
          const wire::Datagram datagram{c->address, ByteView(buffer).first(slot.size)};
          host.on_datagrams({&datagram, 1}, now);
        }
      }
      while (host.poll_transmit(slot, now)) {
        moved = true;
        for (const auto& c : clients) {
          if (c->address != slot.to || c->silent) continue;
          c->largest = std::max(c->largest, slot.size);
          c->dialer.on_datagram(ByteView(buffer).first(slot.size), now);
          collect(*c);
        }
      }
      for (const auto& c : clients) collect(*c);
      Effect effect;
      while (host.poll_effect(effect)) {
        moved = true;
        carry_out(effect);
      }
    }
  }

 private:
  static constexpr Duration hours_of_boot = std::chrono::hours{5};

  std::size_t add(wire::Dialer dialer, const char* from = "198.51.100.1") {
    const auto n = clients.size();
    clients.push_back(std::make_unique<Client>(
        Client{*Address::parse(from, static_cast<std::uint16_t>(1000 + n)), std::move(dialer)}));
    return n;
  }

  void collect(Client& c) {
    wire::Effect effect;
    while (c.dialer.poll_effect(effect)) {
      if (const auto* closed = std::get_if<wire::Closed>(&effect)) c.closed = closed->reason;
      if (const auto* opened = std::get_if<wire::LoginOpened>(&effect)) c.handshake_hash = opened->handshake_hash;
      const auto* message = std::get_if<wire::Message>(&effect);
      if (message == nullptr) continue;
      const auto size = static_cast<int>(message->bytes.size());
      if (message->channel == wire::Channel::control) {
        EXPECT_TRUE(c.control.emplace_back().ParseFromArray(message->bytes.data(), size));
      } else if (message->channel == wire::Channel::chat) {
        EXPECT_TRUE(c.chat.emplace_back().ParseFromArray(message->bytes.data(), size));
      }
      if (message->channel == wire::Channel::game) c.game.emplace_back(message->bytes.begin(), message->bytes.end());
    }
  }

  void carry_out(Effect& effect) {
    if (auto* call = std::get_if<DatabaseCall>(&effect)) {
      asked.push_back(call->request);
      std::optional<Result<Json>> result = database(call->request);
      if (!result && std::holds_alternative<GetStartInfo>(call->request)) result = info;
      if (!result && std::holds_alternative<PublishKeys>(call->request)) result = Json();
      if (!result && std::holds_alternative<Sync>(call->request)) {
        result = Json{{"arrivals", arrivals}, {"ended", ended}, {"release", release}};
        if (!keys_version.is_null()) (**result)["keys_version"] = keys_version;
        arrivals = ended = release = Json::array();
      }
      if (result)
        host.on_database_answer(call->id, std::move(*result), now);
      else
        pending.push_back(std::move(*call));
    } else if (auto* job = std::get_if<HashJob>(&effect)) {
      if (hashing)
        host.on_hash_done(run_hash_job(*job), now);
      else
        hashes.push_back(std::move(*job));
    } else if (auto* link = std::get_if<LinkSend>(&effect)) {
      links.push_back(std::move(*link));
    } else if (std::holds_alternative<AgentSend>(effect)) {
      ++agent_news;
    } else if (std::holds_alternative<ServerReady>(effect)) {
      EXPECT_FALSE(ready);
      ready = true;
    } else if (const auto* exit = std::get_if<Exit>(&effect)) {
      exit_code = exit->code;
      exit_why = exit->why;
    }
  }
};

/// The answer to a call with many entries, each answered by `one`.
inline Json each(const Json& entries, const std::function<Result<Json>(const Json&)>& one) {
  Json out = Json::array();
  for (const auto& entry : entries) {
    Result<Json> answer = one(entry);
    Json row = answer ? std::move(*answer) : Json::object();
    if (!answer) {
      const Error& error = answer.error();
      row["error"] = {{"code", error.code}, {"message", error.message}, {"hint", error.hint}};
    }
    row["ref"] = entry.at("ref");
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace orrery::sessiond::test
