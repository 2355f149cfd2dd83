#include "host_lab.h"

#include <array>

#include "sessiond/answers.h"

namespace orrery::fuzz {

using namespace sessiond;

namespace {

const Address server = address_of("192.0.2.1:7777");
constexpr int pumps_max = 2000;

}  // namespace

HostLab::HostLab(const char* role) : host({"dev", role, "1", role, host_id, host_epoch}, random, now) {}

void HostLab::start(Role& role) {
  host.on_database(true, now);
  host.start(role, now);
  pump();
  check(ready, "it is ready");
}

HostLab::Client& HostLab::login(const char* from) {
  clients_.push_back(std::make_unique<Client>(
      Client{address_of(from), wire::Dialer(wire::LoginTarget{server, "dev", {wire::public_key(key_of(5))}}, {},
                                            std::chrono::seconds{20}, random, now)}));
  pump();
  return *clients_.back();
}

HostLab::Client& HostLab::attach(SessionId session, const char* from, const char* role) {
  const Key32 key = key_of(static_cast<std::uint8_t>(100 + session.value));
  arrivals_.push_back(test::arrival(session.value, 1, role, key));
  host.on_agent_message(R"({"message":{"tell":"sync"}})", now);
  pump();
  clients_.push_back(std::make_unique<Client>(
      Client{address_of(from), wire::Dialer(wire::AttachTarget{server, session, host_id, Epoch{1}, key}, {},
                                            std::chrono::seconds{20}, random, now)}));
  pump();
  return *clients_.back();
}

void HostLab::run(Duration time) {
  const Instant end = now + time;
  pump();
  while (now < end) {
    std::optional<Instant> next = host.next_deadline();
    for (const auto& client : clients_)
      if (const auto at = client->dialer.next_deadline(); at && (!next || *at < *next)) next = at;
    now = std::min(end, std::max(now + std::chrono::milliseconds{1}, next.value_or(end)));
    pump();
  }
}

void HostLab::pump() {
  std::array<std::uint8_t, wire::datagram_bytes_max> buffer;
  wire::Slot slot{{}, buffer, 0};
  int pumps = 0;
  for (bool moved = true; moved;) {
    moved = false;
    check(++pumps < pumps_max, "there is an end to what is said");
    for (const auto& client : clients_) {
      while (client->dialer.poll_transmit(slot, now)) {
        moved = true;
        const wire::Datagram datagram{client->address, ByteView(buffer).first(slot.size)};
        host.on_datagrams({&datagram, 1}, now);
      }
    }
    while (host.poll_transmit(slot, now)) {
      moved = true;
      for (const auto& client : clients_)
        if (client->address == slot.to) client->dialer.on_datagram(ByteView(buffer).first(slot.size), now);
    }
    for (const auto& client : clients_) collect(*client);
    Effect effect;
    while (host.poll_effect(effect)) {
      moved = true;
      carry_out(effect);
    }
  }
}

void HostLab::collect(Client& client) {
  wire::Effect effect;
  while (client.dialer.poll_effect(effect)) {
    if (std::holds_alternative<wire::Closed>(effect)) client.closed = true;
    const auto* message = std::get_if<wire::Message>(&effect);
    if (message == nullptr) continue;
    const auto size = static_cast<int>(message->bytes.size());
    if (message->channel == wire::Channel::control) {
      check(client.control.emplace_back().ParseFromArray(message->bytes.data(), size), "a server's control is whole");
    } else if (message->channel == wire::Channel::chat) {
      proto::ServerChat chat;
      check(chat.ParseFromArray(message->bytes.data(), size), "what a server passes on is whole, and UTF-8");
      ++client.chats;
    } else {
      ++client.games;
    }
  }
}

void HostLab::carry_out(Effect& effect) {
  if (auto* call = std::get_if<DatabaseCall>(&effect)) {
    ++asked;
    std::optional<Result<Json>> answer = database(call->request);
    if (!answer && std::holds_alternative<GetStartInfo>(call->request)) answer = test::start_info();
    if (!answer && std::holds_alternative<PublishKeys>(call->request)) answer = Json();
    if (!answer && std::holds_alternative<Sync>(call->request))
      answer = Json{{"arrivals", std::exchange(arrivals_, Json::array())}, {"ended", Json::array()}};
    if (answer) host.on_database_answer(call->id, std::move(*answer), now);
  } else if (auto* job = std::get_if<HashJob>(&effect)) {
    host.on_hash_done(HashDone{job->id, !job->hash.empty() && verifies, job->hash.empty() ? "$hash$" : ""}, now);
  } else if (std::holds_alternative<ServerReady>(effect)) {
    ready = true;
  } else if (const auto* exit = std::get_if<Exit>(&effect)) {
    exit_code = exit->code;
  }
}

}  // namespace orrery::fuzz
