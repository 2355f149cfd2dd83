#include "client/connect_string.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "wire/types.h"

namespace orrery::client {

namespace {

constexpr std::size_t name_bytes_max = 253;  // of DNS

std::vector<std::string_view> split_at_commas(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

// A name and a port, "login.example.org:7777". What looks like a number and is no address is none.
std::optional<ConnectString::Host> name_of(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon > name_bytes_max) return std::nullopt;
  const std::string_view name = text.substr(0, colon), digits = text.substr(colon + 1);
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!std::ranges::all_of(name, [&](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.'; }) ||
      !std::ranges::any_of(name.substr(name.rfind('.', name.size() - 2) + 1), is_letter)) {
    return std::nullopt;
  }
  std::uint16_t port = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (fault != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return ConnectString::Host{std::string(name), port};
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

  bool has_names = false;
  for (const std::string_view part : split_at_commas(rest.substr(at + 1, hash - at - 1))) {
    const auto numeric = Address::parse(part);
    const auto host = numeric ? ConnectString::Host{numeric->host(), numeric->port} : name_of(part);
    if (!host) return malformed("'" + std::string(part) + "' is no host:port");
    if (host->port == 0) return malformed("'" + std::string(part) + "' has port 0");
    has_names |= !numeric;
    if (numeric) connect.login_servers.push_back(*numeric);
    connect.unresolved.push_back(*host);
  }
  if (connect.unresolved.size() > login_servers_max) return malformed("more than 16 login servers");
  if (has_names) {
    connect.login_servers.clear();
  } else {
    connect.unresolved.clear();
  }

  for (const std::string_view part : split_at_commas(rest.substr(hash + 1))) {
    const auto key = key_from_hex(part);
    if (!key) return malformed("'" + std::string(part) + "' is no key of 64 hex digits");
    connect.keys.push_back(*key);
  }
  if (connect.keys.size() > wire::static_keys_max) return malformed("more than four keys");
  return connect;
}

}  // namespace orrery::client
