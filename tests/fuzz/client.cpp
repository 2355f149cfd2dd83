// A game client against servers that say what the input says: control, chat, snapshots, redirects to anywhere. It stays
// within its bounds, and ends when it is told to.
#include "client/client.h"

#include <sanitizer/allocator_interface.h>

#include <set>

#include "input.h"
#include "orrery.pb.h"
#include "wire/endpoint.h"

using namespace orrery;
using fuzz::check;

namespace {

const Key32 static_key = fuzz::key_of(5);
const Address home = fuzz::address_of("198.51.100.9:5000"), login_at = fuzz::address_of("203.0.113.1:7777");
constexpr SessionId session{77};
constexpr std::size_t allocated_max = 4 << 20;

/// All servers in one: whatever the address, this endpoint is there.
struct Lab {
  fuzz::SeededRandom random{1};
  Instant now{std::chrono::hours{1}};
  wire::Endpoint endpoint{{}, random};
  client::Client player{{"dev", {login_at}, {wire::public_key(fuzz::key_of(5))}}, {"bot", "secret"}, random, now};
  std::vector<wire::ConnectionId> open;
  std::set<Address> servers{login_at};

  Lab() {
    endpoint.accept_logins({&static_key, 1}, "dev");
    for (int i = 0; i < 4; ++i) pass();
    check(open.size() == 1, "it comes to the login server");
  }

  void pass() {
    std::array<std::uint8_t, wire::datagram_bytes_max> buffer;
    wire::Slot slot{{}, buffer, 0};
    int packets = 0;
    for (int before = -1; before != packets;) {
      before = packets;
      while (player.poll_transmit(slot, now)) {
        check(++packets < 1000, "nobody sends without end");
        if (servers.size() < 32) servers.insert(slot.to);
        const wire::Datagram datagram{home, ByteView(buffer).first(slot.size)};
        endpoint.on_datagrams({&datagram, 1}, now);
        collect();
      }
      while (endpoint.poll_transmit(slot, now)) {
        check(++packets < 1000, "nobody sends without end");
        for (const Address& from : servers) player.on_datagram({from, ByteView(buffer).first(slot.size)}, now);
      }
    }
    collect();
    client::Event event;
    while (player.poll_event(event)) continue;
    if (const auto next = player.next_deadline()) check(*next > now, "a client with nothing to do waits");
  }

  void collect() {
    wire::Effect effect;
    while (endpoint.poll_effect(effect)) {
      if (const auto* opened = std::get_if<wire::LoginOpened>(&effect)) open.push_back(opened->connection);
      if (const auto* attached = std::get_if<wire::Attached>(&effect)) open.push_back(attached->connection);
      if (const auto* closed = std::get_if<wire::Closed>(&effect)) std::erase(open, closed->connection);
    }
  }

  void say(std::uint8_t which, wire::Channel channel, wire::Delivery delivery, ByteView bytes) {
    if (!open.empty()) (void)endpoint.send(open[which % open.size()], channel, delivery, bytes);
  }
  void say(std::uint8_t which, const proto::ServerControl& message) {
    say(which, wire::Channel::control, wire::Delivery::reliable, as_bytes(message.SerializeAsString()));
  }
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t before = __sanitizer_get_current_allocated_bytes();
  Lab lab;
  std::uint64_t epoch = 0;
  for (int steps = 0; !input.empty() && steps < 100; ++steps) {
    const std::uint8_t op = input.byte();
    const std::uint8_t which = op >> 4;
    switch (op & 15) {
      case 0:
      case 1:
      case 2:  // a channel each
        lab.say(which, static_cast<wire::Channel>(op & 3), wire::Delivery::reliable, input.string(3000));
        break;
      case 3:
        lab.say(which, wire::Channel::game, wire::Delivery::unreliable, input.string(1156));
        break;
      case 4: {
        proto::ServerControl message;
        auto& result = *message.mutable_login_result();
        result.set_session_id((which & 1) != 0 ? session.value : input.byte());
        const Key32 root = fuzz::key_of(9);
        result.set_root_secret(root.data(), (which & 2) != 0 ? root.size() : input.byte() % 33u);
        result.add_characters()->set_character_id(5);
        lab.say(0, message);
        break;
      }
      case 5:
      case 6: {  // to where the client is expected, or anywhere
        proto::ServerControl message;
        auto& target = *message.mutable_redirect()->add_targets();
        const std::uint8_t how = input.byte();
        const ServerId server{how & 7u};
        epoch += how >> 6;
        target.set_server_id(server.value);
        target.set_epoch(epoch);
        target.set_host((how & 8) != 0 ? std::string(as_text(input.string(60)))
                                       : "203.0.113." + std::to_string(how & 3));
        target.set_port((how & 16) != 0 ? input.number<std::uint32_t>() : 20000 + (how & 1));
        target.set_role((op & 1) != 0 ? "owner" : (how & 32) != 0 ? "chat" : std::string(as_text(input.string(8))));
        lab.endpoint.expect(session, Epoch{epoch}, server,
                            wire::session_key(fuzz::key_of(9), session, server, Epoch{epoch}));
        lab.say(which, message);
        break;
      }
      case 7: {  // a snapshot whose count is right, or is not
        Bytes bytes(33);
        Writer writer(bytes);
        const ByteView entities = input.string(1100);
        const std::uint8_t off = input.byte();
        writer.put<std::uint8_t>(2);
        writer.put(input.number<std::uint32_t>());
        writer.put<std::uint32_t>(1);
        writer.put<std::uint16_t>(1);
        writer.put<std::uint16_t>(off % 8);
        for (int field = 0; field < 4; ++field) writer.put<std::uint32_t>(off);
        writer.put<std::uint16_t>(1);
        writer.put(static_cast<std::uint8_t>(entities.size() / 12 + (off > 250 ? off : 0)));
        writer.put(static_cast<std::uint8_t>(entities.size() % 12 / 4));
        bytes.insert(bytes.end(), entities.begin(), entities.end());
        lab.say(which, wire::Channel::game, wire::Delivery::unreliable, bytes);
        break;
      }
      case 8:
        lab.player.select_character(which);
        break;
      case 9:
        lab.player.move(static_cast<std::int8_t>(input.byte()), 1, which);
        break;
      case 10:
        (void)lab.player.chat(std::string(as_text(input.string(200))));
        break;
      case 11:
        if (!lab.open.empty()) {
          const auto connection = lab.open[which % lab.open.size()];
          lab.endpoint.close(connection, static_cast<wire::CloseReason>(input.byte() % 9));
          std::erase(lab.open, connection);
        }
        break;
      case 12:
        if (which > 12) lab.player.logout();
        break;
      case 13:  // not even sealed
        lab.player.on_datagram({*lab.servers.begin(), input.string(1300)}, lab.now);
        break;
      default:
        lab.now += std::chrono::milliseconds{1 << which % 13};
        break;
    }
    lab.pass();
    check(__sanitizer_get_current_allocated_bytes() < before + allocated_max,
          "a server cannot make a client hold more");
  }
  lab.player.logout();
  for (int i = 0; i < 40 && !lab.player.is_finished(); ++i) {
    lab.now += std::chrono::milliseconds{100};
    lab.pass();
  }
  check(lab.player.is_finished(), "a client that is told to end ends");
  return 0;
}
