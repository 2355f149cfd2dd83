// Control messages of a client to the login server, with a database that answers by the input: whoever has not shown
// the right credentials gets no session, and the server goes on.
#include <vector>

#include "host_lab.h"
#include "sessiond/login_core.h"

using namespace orrery;
using fuzz::check;
using sessiond::Json;

namespace {

/// What some call answers some time, and what none does.
const std::vector<Json>& answers() {
  static const Json target{{"server_id", 3},
                           {"epoch", 9},
                           {"public_host", "203.0.113.1"},
                           {"public_port", 20001},
                           {"kind", "zone"},
                           {"key", "42"},
                           {"private_host", "10.0.0.3"},
                           {"private_port", 9},
                           {"link_key", to_hex(fuzz::key_of(3))}};
  static const Json whole{{"ref", 1},
                          {"account_id", 5},
                          {"device_id", 6},
                          {"active", true},
                          {"password_hash", "$argon2id$"},
                          {"session_id", 77},
                          {"epoch", 2},
                          {"root", to_hex(fuzz::key_of(8))},
                          {"token_expires_in_ms", 86400000},
                          {"characters", {{{"character_id", 1}, {"name", "Ada"}, {"kind", "zone"}, {"key", "42"}}}},
                          {"status", "ready"},
                          {"owner", target},
                          {"chat", target}};
  static const std::vector<Json> all = [] {
    std::vector<Json> made{whole, Json(), Json::object(), Json::array(), Json(5), Json("text"), Json::array({whole})};
    for (const char* status : {"waiting", "superseding", "ended"}) {
      made.push_back(whole);
      made.back()["status"] = status;
      made.back()["reason"] = "so it is";
    }
    made.push_back({{"wait_ms", 500}});
    for (const auto& [name, value] : whole.items()) {  // each member missing, and of another type
      made.push_back(whole);
      made.back().erase(name);
      made.push_back(whole);
      made.back()[name] = Json::array();
    }
    return made;
  }();
  return all;
}

/// What a request asks of many at once; null when it asks for one.
Json entries_of(const sessiond::DatabaseRequest& request) {
  if (const auto* many = std::get_if<sessiond::BeginLogins>(&request)) return many->attempts;
  if (const auto* many = std::get_if<sessiond::OpenSessions>(&request)) return many->opens;
  if (const auto* many = std::get_if<sessiond::SelectSessions>(&request)) return many->selects;
  if (const auto* many = std::get_if<sessiond::RenewSessions>(&request)) return many->renewals;
  if (const auto* many = std::get_if<sessiond::ResolveSessions>(&request)) return many->resolves;
  return Json();
}

Result<Json> answer_of(std::uint8_t choice) {
  static constexpr std::array codes{"OR001", "OR002", "OR006", "OR008", "22021", "connection"};
  if (choice >= 200) return Error{"no", codes[choice % codes.size()], "try again"};
  return answers()[choice % answers().size()];
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint8_t how = input.byte();
  Bytes script(8);
  const ByteView given = input.bytes(script.size());
  std::copy(given.begin(), given.end(), script.begin());

  fuzz::HostLab lab("login");
  sessiond::LoginCore core(lab.host);
  lab.start(core);
  lab.verifies = (how & 1) != 0;
  std::size_t at = 0;
  // Where every password is wrong, the database refuses every code and device too.
  lab.database = [&](const sessiond::DatabaseRequest& request) -> std::optional<Result<Json>> {
    if (std::holds_alternative<sessiond::Sync>(request) || std::holds_alternative<sessiond::EndSessions>(request))
      return std::nullopt;
    check(lab.verifies || !std::holds_alternative<sessiond::OpenSessions>(request),
          "no session is opened for wrong credentials");
    if (!lab.verifies && (std::holds_alternative<sessiond::SetPassword>(request) ||
                          std::holds_alternative<sessiond::ResolveSessions>(request)))
      return Error{"no such code or session", "OR002"};
    const std::uint8_t choice = script[at++ % script.size()];
    const Json entries = entries_of(request);
    if (!entries.is_array() || choice == 199) return answer_of(choice);
    Json rows = Json::array();
    for (const Json& entry : entries) {
      Result<Json> row = answer_of(choice);
      if (!row) row = Json{{"error", {{"code", row.error().code}, {"message", "no"}, {"hint", "try again"}}}};
      if (row->is_object()) row->update(Json{{"ref", entry.value("ref", 0)}});
      rows.push_back(std::move(*row));
    }
    return rows;
  };
  auto& enemy = lab.login("198.51.100.1:4000");
  check(enemy.dialer.is_open(), "it is open");
  for (int steps = 0; !input.empty() && steps < 60; ++steps) {
    const std::uint8_t op = input.byte();
    switch (op >> 5) {
      case 0:
      case 1:
        (void)enemy.send(wire::Channel::control, wire::Delivery::reliable, input.string(2000));
        break;
      case 2: {
        proto::ClientControl message;
        auto& credentials = *message.mutable_credentials();
        credentials.set_name(std::string(as_text(input.string(80))));
        (void)((op & 1) != 0 ? credentials.mutable_password() : credentials.mutable_one_time_code())
            ->assign(as_text(input.string(300)));
        if ((op & 2) != 0) credentials.set_new_password(std::string(as_text(input.string(300))));
        (void)enemy.send(message);
        break;
      }
      case 3: {
        proto::ClientControl message;
        message.mutable_select_character()->set_character_id((op & 1) != 0 ? input.number<std::uint64_t>() : op & 3);
        (void)enemy.send(message);
        break;
      }
      case 4:
        (void)enemy.send(static_cast<wire::Channel>(op % wire::channel_count), wire::Delivery::unreliable,
                         input.string(1156));
        break;
      case 5:
        lab.host.on_agent_message(R"({"message":{"tell":"ready","kind":"zone","key":"42"}})", lab.now);
        break;
      case 6:
        lab.host.on_agent_message(R"({"message":{"tell":"failed","kind":"zone","key":"42","reason":"x"}})", lab.now);
        break;
      default:
        lab.run(std::chrono::milliseconds{1 << (op & 15)});
        break;
    }
    lab.run({});
    if (lab.verifies) continue;
    for (const auto& message : enemy.control)
      check(!message.has_login_result() && !message.has_redirect(), "who shows no credentials learns no secret");
  }
  check(!lab.exit_code, "the server goes on");
  return 0;
}
