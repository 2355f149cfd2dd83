#include "agents/shim_plan.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "agents/json_read.h"
#include "agents/text.h"

namespace orrery::agents {
namespace {

using Json = nlohmann::json;

constexpr std::array phase_names{"starting", "ready", "stopping", "exited"};
// Encoded, a byte takes three at most once control characters are gone: with the server's own words, what it counts
// (1,200) and the rest, 8,192 are enough.
constexpr std::size_t words_bytes_max = 900;

Json to_ms(Duration d) { return std::chrono::duration_cast<std::chrono::milliseconds>(d).count(); }
Json to_ms(std::optional<Duration> d) { return d ? to_ms(*d) : Json(); }
Json to_ms(std::optional<Instant> at) { return at ? to_ms(at->time_since_epoch()) : Json(); }
// A time further off than a Duration reaches is as far off as it reaches, less room to reckon with it.
Duration in_reach(std::int64_t ms) {
  constexpr std::int64_t ms_max = std::chrono::duration_cast<std::chrono::milliseconds>(Duration::max()).count() / 4;
  return std::chrono::milliseconds{std::clamp(ms, -ms_max, ms_max)};
}
std::optional<Instant> read_instant(const Json& json, const char* name) {
  const auto ms = read_optional_int(json, name);
  return ms ? std::optional(Instant{in_reach(*ms)}) : std::nullopt;
}
Duration read_duration(const Json& json, const char* name) { return in_reach(read_int(json, name, 0)); }

std::vector<std::string> read_texts(const Json& json, const char* name) {
  std::vector<std::string> texts;
  for (const Json& text : read_array(json, name)) texts.push_back(text.is_string() ? text.get<std::string>() : "");
  return texts;
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

std::optional<int> read_small(const Json& json, const char* name) {
  const auto value = read_optional_int(json, name);
  return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

std::optional<Json> object_of(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_object() ? std::optional(std::move(json)) : std::nullopt;
}

Json json_of(const ShimState& state) {
  return {{"shim_pid", state.shim_pid},
          {"pid", state.pid},
          {"boot_id", state.boot_id},
          {"state", phase_names[static_cast<std::size_t>(state.phase)]},
          {"status", one_line(cut(state.status, said_bytes_max))},
          {"counters", object_of(state.counters).value_or(Json::object())},
          {"exit_code", or_null(state.exit_code)},
          {"signal", or_null(state.signal)},
          {"words", one_line(cut(state.words, words_bytes_max))},
          {"started", state.started},
          {"asked", state.asked},
          {"by_lease", state.by_lease},
          {"by_shutdown", state.by_shutdown}};
}

std::optional<ShimState> state_of_json(const Json& json) {
  ShimState state;
  const std::string phase = read_text(json, "state");
  std::size_t at = 0;
  while (at < phase_names.size() && phase != phase_names[at]) ++at;
  if (at == phase_names.size()) return std::nullopt;
  state.phase = static_cast<ShimState::Phase>(at);
  state.shim_pid = static_cast<pid_t>(read_int(json, "shim_pid", 0));
  state.pid = static_cast<pid_t>(read_int(json, "pid", 0));
  state.boot_id = read_text(json, "boot_id");
  state.status = read_text(json, "status");
  if (const Json counters = read_object(json, "counters"); !counters.empty()) state.counters = counters.dump();
  state.exit_code = read_small(json, "exit_code");
  state.signal = read_small(json, "signal");
  state.words = read_text(json, "words");
  state.started = read_bool(json, "started");
  state.asked = read_bool(json, "asked");
  state.by_lease = read_bool(json, "by_lease");
  state.by_shutdown = read_bool(json, "by_shutdown");
  return state;
}

}  // namespace

std::string to_text(const ShimPlan& plan) {
  Json user;
  if (plan.user) {
    user = {{"name", plan.user->name}, {"uid", plan.user->uid}, {"gid", plan.user->gid}, {"groups", plan.user->groups}};
  }
  Json json = json_of(plan.terms ? *plan.terms : StartTerms{});
  json.update(Json{{"server_id", plan.server.value},
                   {"epoch", plan.epoch.value},
                   {"cluster", plan.cluster},
                   {"kind", plan.kind},
                   {"key", plan.key},
                   {"path", plan.path},
                   {"args", plan.args},
                   {"env", plan.env},
                   {"directory", plan.directory},
                   {"log", plan.log},
                   {"log_bytes_max", plan.log_bytes_max},
                   {"log_files", plan.log_files},
                   {"limits", plan.limits},
                   {"hold", plan.hold},
                   {"database", plan.database},
                   {"ready_deadline_ms", to_ms(plan.ready_limit)},
                   {"stop_grace_ms", to_ms(plan.grace)},
                   {"watchdog_ms", to_ms(plan.watchdog)},
                   {"user", user},
                   {"agent_socket", plan.agent_socket},
                   {"lease_until_ms", to_ms(plan.lease_until)}});
  return to_text(json);
}

std::optional<ShimPlan> plan_of(std::string_view text) {
  const auto json = object_of(text);
  if (!json) return std::nullopt;
  ShimPlan plan;
  plan.server = ServerId{read_u64(*json, "server_id")};
  plan.epoch = Epoch{read_u64(*json, "epoch")};
  plan.cluster = read_text(*json, "cluster");
  plan.kind = read_text(*json, "kind");
  plan.key = read_text(*json, "key");
  plan.path = read_text(*json, "path");
  plan.args = read_texts(*json, "args");
  plan.env = read_texts(*json, "env");
  plan.directory = read_text(*json, "directory");
  plan.log = read_text(*json, "log");
  plan.log_bytes_max = read_u64(*json, "log_bytes_max");
  plan.log_files = static_cast<unsigned>(read_u64(*json, "log_files"));
  const Json limits = read_object(*json, "limits");
  for (const auto& [name, value] : limits.items()) {
    if (value.is_number_unsigned()) plan.limits[name] = value.get<std::uint64_t>();
  }
  plan.hold = read_bool(*json, "hold");
  plan.database = !json->contains("database") || read_bool(*json, "database");
  plan.ready_limit = read_duration(*json, "ready_deadline_ms");
  plan.grace = read_duration(*json, "stop_grace_ms");
  if (read_optional_int(*json, "watchdog_ms")) plan.watchdog = read_duration(*json, "watchdog_ms");
  if (const Json user = read_object(*json, "user"); !user.empty()) {
    plan.user = ShimUser{read_text(user, "name"),
                         static_cast<uid_t>(read_u64(user, "uid")),
                         static_cast<gid_t>(read_u64(user, "gid")),
                         {}};
    for (const Json& group : read_array(user, "groups")) {
      if (group.is_number_unsigned()) plan.user->groups.push_back(group.get<gid_t>());
    }
  }
  plan.agent_socket = read_text(*json, "agent_socket");
  plan.lease_until = read_instant(*json, "lease_until_ms");
  plan.terms = terms_of(*json);
  if (!plan.server || !plan.epoch || plan.path.empty() || plan.args.empty()) return std::nullopt;
  return plan;
}

std::string to_text(const ShimState& state) { return to_text(json_of(state)); }

std::optional<ShimState> state_of(std::string_view text) {
  const auto json = object_of(text);
  return json ? state_of_json(*json) : std::nullopt;
}

bool write_state(int fd, const ShimState& state) {
  std::string text = to_text(state);
  text.resize(state_bytes, ' ');
  return pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

std::optional<ShimState> read_state(int fd) {
  std::array<char, state_bytes> text;
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  return size > 0 ? state_of({text.data(), static_cast<std::size_t>(size)}) : std::nullopt;
}

std::string to_text(const ShimNews& news) {
  Json json = json_of(news.state);
  json["server_id"] = news.server.value;
  json["epoch"] = news.epoch.value;
  return to_text(json);
}

std::optional<ShimNews> news_of(std::string_view text) {
  const auto json = object_of(text);
  if (!json) return std::nullopt;
  const auto state = state_of_json(*json);
  if (!state) return std::nullopt;
  return ShimNews{ServerId{read_u64(*json, "server_id")}, Epoch{read_u64(*json, "epoch")}, *state};
}

std::string to_text(const ShimWish& wish) {
  Json json{{"lease_until_ms", to_ms(wish.lease_until)}, {"stop_by_ms", to_ms(wish.stop_by)}};
  if (wish.keep_lease) json["keep_lease"] = true;
  if (!wish.keep_shutdown) json["shutdown_at_ms"] = to_ms(wish.shutdown_at);
  return to_text(json);
}

std::optional<ShimWish> wish_of(std::string_view text) {
  const auto json = object_of(text);
  // What is not said must not be taken for "no lease".
  for (const char* name : {"lease_until_ms", "stop_by_ms"}) {
    if (!json || !json->contains(name) || !((*json)[name].is_null() || is_integer((*json)[name]))) return std::nullopt;
  }
  return ShimWish{read_instant(*json, "lease_until_ms"), read_instant(*json, "stop_by_ms"),
                  read_bool(*json, "keep_lease"), read_instant(*json, "shutdown_at_ms"),
                  !json->contains("shutdown_at_ms")};
}

std::string counted_with(const std::string& before, std::string_view said) {
  constexpr std::size_t names_max = 16, name_bytes_max = 32;
  constexpr std::int64_t number_max = 999'999'999;
  const auto named_well = [](const std::string& name) {
    const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
    return !name.empty() && name.size() <= name_bytes_max && is_letter(name.front()) &&
           std::all_of(name.begin(), name.end(),
                       [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
  };
  const auto counts = object_of(said);
  if (!counts) return before;
  Json together = object_of(before).value_or(Json::object());
  for (const auto& [name, counter] : counts->items()) {
    if (!named_well(name) || !counter.is_object()) return before;
    for (const auto& [member, number] : counter.items()) {
      if ((member != "count" && member != "capacity") || !number.is_number_integer()) return before;
      if (const auto value = number.get<std::int64_t>(); value < 0 || value > number_max) return before;
      together[name][member] = number;
    }
  }
  return together.size() <= names_max && !together.empty() ? together.dump() : before;
}

std::string words_of_exit(int status) {
  if (WIFEXITED(status)) return "exit status " + std::to_string(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  const char* name = sigdescr_np(number);
  return "killed by signal " + std::to_string(number) + " (" + (name ? name : "?") + ")";
}

const std::map<std::string, int>& limits() {
  static const std::map<std::string, int> known{{"nofile", RLIMIT_NOFILE},          {"nproc", RLIMIT_NPROC},
                                                {"address_space_bytes", RLIMIT_AS}, {"file_size_bytes", RLIMIT_FSIZE},
                                                {"core_bytes", RLIMIT_CORE},        {"cpu_s", RLIMIT_CPU}};
  return known;
}

}  // namespace orrery::agents
