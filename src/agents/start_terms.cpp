#include "agents/start_terms.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agents/json_read.h"
#include "agents/text.h"

namespace orrery::agents {
namespace {

using Json = nlohmann::json;

constexpr std::array protocol_names{"udp", "tcp"};
constexpr std::array ready_names{"notify", "port", "output"};
constexpr std::array<std::pair<const char*, int>, 6> stop_signals{
    {{"TERM", SIGTERM}, {"INT", SIGINT}, {"QUIT", SIGQUIT}, {"HUP", SIGHUP}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}}};
constexpr std::size_t name_bytes_max = 63;  // as of a name in the database
constexpr std::int64_t port_max = 65535;

Error malformed(const std::string& what) { return {"EINVAL: " + what, "EINVAL"}; }

// As it stands in an error.
std::string shown(const Json& json) { return one_line(cut(to_text(json), 100)); }

template <std::size_t n>
std::size_t index_of(const std::array<const char*, n>& names, const std::string& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

bool is_port_name(const std::string& name) {
  return !name.empty() && name.size() <= name_bytes_max && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Result<ServerPort> port_of(const Json& json) {
  ServerPort port;
  port.name = read_text(json, "name");
  const std::size_t protocol = index_of(protocol_names, read_text(json, "protocol"));
  const std::int64_t first = read_int(json, "port", 0), count = read_int(json, "count", 0);
  if (!is_port_name(port.name) || protocol == protocol_names.size() || first < 1 || first > port_max || count < 1 ||
      count > port_max - first + 1) {
    return malformed("no such ports: " + shown(json));
  }
  port.protocol = static_cast<Protocol>(protocol);
  port.first = static_cast<std::uint16_t>(first);
  port.count = static_cast<std::uint16_t>(count);
  return port;
}

Status read_ports(const Json& json, StartTerms& terms) {
  if (json.is_null()) return ok();
  if (!json.is_array()) return malformed("ports are no list: " + shown(json));
  for (const Json& one : json) {
    Result<ServerPort> port = port_of(one);
    if (!port) return port.error();
    for (const ServerPort& other : terms.ports) {
      if (other.name == port->name) return malformed("two ports are named " + port->name);
    }
    terms.ports.push_back(std::move(*port));
  }
  return ok();
}

Status read_ready(const Json& json, StartTerms& terms) {
  if (json.is_null()) return ok();
  const std::size_t by = index_of(ready_names, read_text(json, "by"));
  if (by == ready_names.size()) return malformed("nothing is ready by " + shown(json));
  terms.ready_by = static_cast<ReadyBy>(by);
  terms.ready_pattern = terms.ready_by == ReadyBy::output ? read_text(json, "pattern") : "";
  if (terms.ready_by == ReadyBy::output && terms.ready_pattern.empty()) {
    return malformed("ready by output, but there is no pattern");
  }
  if (terms.ready_by == ReadyBy::port && terms.ports.empty()) return malformed("ready by port, but it has none");
  return ok();
}

Status read_stop_signal(const Json& json, StartTerms& terms) {
  if (json.is_null()) return ok();
  for (const auto& [name, number] : stop_signals) {
    if (!json.is_string() || json != name) continue;
    terms.stop_signal = number;
    return ok();
  }
  return malformed("no server is stopped by signal " + shown(json));
}

}  // namespace

Result<StartTerms> terms_of(const Json& json) {
  StartTerms terms;
  if (Status read = read_ports(read_member(json, "ports"), terms); !read) return read.error();
  if (Status read = read_ready(read_member(json, "ready"), terms); !read) return read.error();
  if (Status read = read_stop_signal(read_member(json, "stop_signal"), terms); !read) return read.error();
  return terms;
}

Json json_of(const StartTerms& terms) {
  Json ports = Json::array();
  for (const ServerPort& port : terms.ports) {
    ports.push_back({{"name", port.name},
                     {"protocol", protocol_names[static_cast<std::size_t>(port.protocol)]},
                     {"port", port.first},
                     {"count", port.count}});
  }
  Json ready{{"by", ready_names[static_cast<std::size_t>(terms.ready_by)]}};
  if (terms.ready_by == ReadyBy::output) ready["pattern"] = terms.ready_pattern;
  const auto* const signal = std::find_if(stop_signals.begin(), stop_signals.end(),
                                          [&](const auto& known) { return known.second == terms.stop_signal; });
  return {{"ports", std::move(ports)},
          {"ready", std::move(ready)},
          {"stop_signal", signal == stop_signals.end() ? Json() : Json(signal->first)}};
}

std::string words_of(const ServerPort& port) {
  return port.name + " (" + protocol_names[static_cast<std::size_t>(port.protocol)] + " " + std::to_string(port.first) +
         ")";
}

}  // namespace orrery::agents
