#include <string_view>

#include "client/client.h"

namespace orrery::client {

namespace {

constexpr std::size_t keys_max = 4;  // docs/protocol.md: old and new around a rotation, twice over
constexpr std::size_t servers_max = 16;

std::vector<std::string_view> split_at_commas(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

Error malformed(const std::string& what) {
  return {"bad connect string: " + what, "EINVAL", "write it as cluster@host:port#hexkey, as cluster_status shows it"};
}

}  // namespace

Result<ConnectString> ConnectString::parse(const std::string& text) {
  std::string_view rest = text;
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  while (!rest.empty() && is_space(rest.back())) rest.remove_suffix(1);
  if (rest.empty()) return malformed("it is empty");

  const std::size_t at = rest.find('@');
  if (at == std::string_view::npos) return malformed("no '@' after the cluster's name");
  const std::size_t hash = rest.find('#', at);
  if (hash == std::string_view::npos) return malformed("no '#' before the key");

  ConnectString connect;
  connect.cluster = rest.substr(0, at);
  if (connect.cluster.empty()) return malformed("the cluster's name is empty");

  for (const std::string_view part : split_at_commas(rest.substr(at + 1, hash - at - 1))) {
    auto server = Address::parse(part);
    if (!server) return malformed("'" + std::string(part) + "' is no numeric host:port");
    if (server->port == 0) return malformed("'" + std::string(part) + "' has port 0");
    connect.login_servers.push_back(*server);
  }
  if (connect.login_servers.size() > servers_max) return malformed("more than 16 login servers");

  for (const std::string_view part : split_at_commas(rest.substr(hash + 1))) {
    const auto key = key_from_hex(part);
    if (!key) return malformed("'" + std::string(part) + "' is no key of 64 hex digits");
    connect.keys.push_back(*key);
  }
  if (connect.keys.size() > keys_max) return malformed("more than four keys");
  return connect;
}

}  // namespace orrery::client
