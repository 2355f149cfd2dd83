// What an attached client sends to a zone and to a chat server, and what another server links: control, chat and game
// bytes behind the wire. Another player beside it is served as before, and the server goes on.
#include "chat_model.h"
#include "host_lab.h"
#include "sessiond/chat_core.h"
#include "sessiond/zone_core.h"

using namespace orrery;
using fuzz::check;

namespace {

test::ChatModel::Who who(const sessiond::Json& entry) {
  const auto session = entry.at("session_id").get<std::uint64_t>();
  return {100 + session, "pilot" + std::to_string(session), "grid 1"};
}

std::optional<Result<sessiond::Json>> answer(test::ChatModel& chat, const sessiond::DatabaseRequest& request) {
  using sessiond::Json;
  const auto each = [](const Json& entries, auto&& one) -> Result<Json> {
    Json out = Json::array();
    for (const Json& entry : entries) {
      out.push_back(one(entry));
      out.back()["ref"] = entry.at("ref");
    }
    return out;
  };
  if (const auto* ask = std::get_if<sessiond::AskChannels>(&request))
    return each(ask->sessions, [&](const Json& entry) { return chat.channels(who(entry)); });
  if (const auto* joins = std::get_if<sessiond::JoinChannels>(&request)) {
    return each(joins->joins, [&](const Json& entry) {
      return chat.join(who(entry), entry.at("name").get<std::string>(), entry.at("create").get<bool>());
    });
  }
  if (const auto* leaves = std::get_if<sessiond::LeaveChannels>(&request)) {
    return each(leaves->leaves,
                [&](const Json& entry) { return chat.leave(who(entry), entry.at("channel_id").get<std::uint64_t>()); });
  }
  if (const auto* said = std::get_if<sessiond::SayChat>(&request)) {
    return each(said->messages, [&](const Json& entry) {
      return chat.say(who(entry), entry.at("session_id").get<std::uint64_t>(), entry);
    });
  }
  if (const auto* read = std::get_if<sessiond::ReadChat>(&request))
    return each(read->after, [&](const Json& entry) { return chat.read(entry); });
  return std::nullopt;
}

template <class Role>
void play(fuzz::Input& input, const char* name) {
  fuzz::HostLab lab(name);
  test::ChatModel chat;
  Role role(lab.host);
  // What players order that is to last is done, refused, lost, or not answered.
  lab.database = [&](const sessiond::DatabaseRequest& request) -> std::optional<Result<sessiond::Json>> {
    const auto* run = std::get_if<sessiond::RunCommands>(&request);
    if (run == nullptr) return answer(chat, request);
    sessiond::Json answers = sessiond::Json::array();
    for (const auto& one : run->commands) {
      check(one.at("args").is_object() && one.at("id").get<std::uint64_t>() - 1 < INT64_MAX, "what the database takes");
      const std::uint8_t how = input.byte();
      if (how % 4 == 3)
        return how > 127 ? std::optional<Result<sessiond::Json>>(Error{"lost", "connection"}) : std::nullopt;
      answers.push_back({{"ref", one.at("ref")}});
      if (how % 4 != 2) answers.back()["result"] = {{"cargo", {{"ferrite", how}}}};
      if (how % 4 == 2) answers.back()["error"] = {{"code", "OR006"}, {"message", "full"}, {"hint", ""}};
    }
    return answers;
  };
  lab.start(role);
  auto& enemy = lab.attach(SessionId{1}, "198.51.100.1:4000");
  auto& friendly = lab.attach(SessionId{2}, "[2001:db8::1]:4000");
  check(enemy.dialer.is_open() && friendly.dialer.is_open(), "both are attached");
  for (int steps = 0; !input.empty() && steps < 100; ++steps) {
    const std::uint8_t op = input.byte();
    const auto channel = static_cast<wire::Channel>(op % wire::channel_count);
    switch (op >> 5) {
      case 0:
      case 1:
      case 2:
        (void)enemy.send(channel, wire::Delivery::reliable, input.string(2000));
        break;
      case 3:
      case 4:
        (void)enemy.send(channel, wire::Delivery::unreliable, input.string(1156));
        break;
      case 5: {  // from a server that has the key, whatever it says
        const Key32 key = wire::link_key(fuzz::key_of(9), ServerId{3}, Epoch{1});
        const Bytes sealed = wire::seal_link(key, ServerId{3}, Epoch{1}, input.string(1000), lab.random);
        lab.host.on_private_datagram({fuzz::address_of("10.0.0.3:9"), sealed}, lab.now);
        break;
      }
      case 6:
        lab.host.on_private_datagram({fuzz::address_of("10.0.0.3:9"), input.string(1300)}, lab.now);
        break;
      default:
        lab.run(std::chrono::milliseconds{1 << (op & 7)});
        break;
    }
    lab.run({});
  }
  lab.run(std::chrono::milliseconds{100});
  check(!lab.exit_code, "the server goes on");
  check(!friendly.closed && friendly.dialer.is_open(), "the other player stays");
  const std::size_t games = friendly.games, chats = friendly.chats;
  proto::ClientChat said;
  said.mutable_say()->set_message_id(1);
  said.mutable_say()->set_text("well");
  check(friendly.send(wire::Channel::chat, wire::Delivery::reliable, as_bytes(said.SerializeAsString())), "it is open");
  lab.run(std::chrono::milliseconds{200});
  check(std::string_view(name) == "zone" ? friendly.games > games : friendly.chats > chats, "and is served as before");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  if ((input.byte() & 1) == 0)
    play<sessiond::ZoneCore>(input, "zone");
  else
    play<sessiond::ChatCore>(input, "chat");
  return 0;
}
