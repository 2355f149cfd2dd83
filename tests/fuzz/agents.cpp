// What an agent and its shims read of others: datagrams of shims, wishes of agents, plans and states in files, what a
// server says to its service manager, doorbells of the database and of other agents.
#include "agents/agent_core.h"
#include "agents/json_read.h"
#include "agents/notify_text.h"
#include "agents/output_match.h"
#include "agents/run_dir.h"
#include "agents/shim_plan.h"
#include "agents/text.h"
#include "input.h"

using namespace orrery;
using namespace orrery::agents;
using fuzz::check;

namespace {

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

void shim_state(std::string_view text) {
  if (const auto news = news_of(text)) {
    const auto again = news_of(to_text(*news));
    check(again && again->server == news->server && again->epoch == news->epoch, "a shim's news read as written");
    check(again->state.phase == news->state.phase && again->state.pid == news->state.pid, "with its state");
  }
  if (const auto state = state_of(text)) check(state_of(to_text(*state)).has_value(), "a state reads as written");
}

/// As a shim tells it: words of a server, cut, must fit whatever they are.
void shim_words(fuzz::Input& input) {
  ShimState state;
  state.phase = ShimState::Phase::exited;
  state.boot_id = std::string(36, 'b');
  while (!input.empty()) {
    const std::string said(as_text(input.string(8192)));
    const NotifyText notify = notify_text_of(said);
    if (notify.status) {
      check(notify.status->size() <= said_bytes_max && is_printable(*notify.status), "a status is short and printable");
      state.status = *notify.status;
    }
    if (notify.counters) state.counters = counted_with(state.counters, *notify.counters);
    state.words = said;
    const std::string text = to_text(state);
    check(text.size() <= state_bytes, "a state fits its file");
    const auto read = state_of(text);
    check(read && read->counters == state.counters && read->status == state.status, "and is read whole");
    check(to_text(ShimNews{ServerId{UINT64_MAX}, Epoch{UINT64_MAX}, state}).size() <= datagram_bytes_max,
          "and a datagram");
  }
}

void wish(std::string_view text) {
  if (const auto wish = wish_of(text)) check(wish_of(to_text(*wish)).has_value(), "a wish reads as written");
}

void plan(std::string_view text) {
  const auto plan = plan_of(text);
  if (!plan) return;
  const auto again = plan_of(to_text(*plan));
  check(again && again->server == plan->server && again->args == plan->args && again->terms.operator bool(),
        "a plan reads as written");
}

void output(fuzz::Input& input) {
  OutputMatch match;
  if (!match.open(std::string(as_text(input.string(40))))) return;
  bool matched = false;
  while (!input.empty() && !matched) matched = match.add(as_text(input.string(5000)));
  if (!matched) (void)match.finish();
}

void core(fuzz::Input& input) {
  const Address here = fuzz::address_of("10.0.0.1:0");
  AgentCore core({"a1", std::string(64, 'a'), Json::object(), here, here, here, here, Json()});
  Instant now{std::chrono::hours{1}};
  const auto give = [&](const Event& event) {
    std::size_t actions = 0;
    for (const Action& action : core.on(event, now)) {
      check(++actions < 1000, "an event causes so much and no more");
      check(!std::holds_alternative<Quit>(action), "no datagram ends an agent");
    }
  };
  give(DatabaseConnected{});
  const Json database{{"system_identifier", "71"}, {"incarnation", 5}, {"lineage", std::string(32, 'a')}};
  give(RegisterAnswer{Json{{"agent_id", 7},
                           {"token", "t0"},
                           {"heartbeat_ms", 1000},
                           {"lease_ms", 15000},
                           {"listen", true},
                           {"database", database}}});
  give(ServerFound{{ServerId{3}, Epoch{9}}, "dev", "grid", "42", ServerFound::State::ready, 77, {}, {}, false});
  Json relays = Json::array();
  relays.push_back({{"agent_id", 8}, {"host", "10.0.0.2"}, {"port", 9}});
  give(HeartbeatAnswer{Json{{"want_inventory", false},
                            {"commands", Json::array()},
                            {"unknown", Json::array()},
                            {"clusters", Json::array()},
                            {"relays", relays}}});
  for (int steps = 0; !input.empty() && steps < 100; ++steps) {
    const std::uint8_t op = input.byte();
    if (op < 96) {
      give(Doorbell{std::string(as_text(input.string(300)))});
    } else if (op < 192) {
      give(PrivateDatagram{std::string(as_text(input.string(64)))});
    } else if (op < 224) {
      const Json counted = Json::parse(counted_with("", as_text(input.string(300))), nullptr, false);
      give(ProcessCounted{{ServerId{3}, Epoch{9}}, counted});
    } else {
      now += std::chrono::milliseconds{1 << (op & 15)};
      give(Timer{});
    }
  }
  (void)core.status();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::uint8_t what = input.byte();
  const std::string text(as_text(input.rest()));
  switch (what % 8) {
    case 0:
      shim_state(text);
      break;
    case 1:
      shim_words(input);
      break;
    case 2:
      wish(text);
      break;
    case 3:
      plan(text);
      break;
    case 4:
      output(input);
      break;
    case 5:
      if (const auto parts = run_name_parts(text))
        check(run_name(parts->first, Epoch{parts->second}).size() > 2, "it has a name");
      break;
    case 6: {
      const Json said = Json::parse(text, nullptr, false);  // as an agent reads what servers say to it
      (void)read_u64(said, "server_id");
      (void)read_int(said, "sessions", -1);
      break;
    }
    default:
      core(input);
      break;
  }
  return 0;
}
