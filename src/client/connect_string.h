// Where a cluster's login servers are and by which keys they are known.
#pragma once

#include <string>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "base/result.h"

namespace orrery::client {

/// Login servers that a client keeps at most, resolved ones included.
inline constexpr std::size_t login_servers_max = 16;

/// Written "cluster@host:port[,host:port…]#hexkey[,hexkey…]" as cluster_status shows it: login servers are tried in
/// turn, up to 16 of them, up to four keys. A host is a name, an IPv4 address or an IPv6 address in brackets.
struct ConnectString {
  std::string cluster;
  std::vector<Address> login_servers;
  std::vector<Key32> keys;

  struct Host {
    std::string name;
    std::uint16_t port;
  };
  /// All hosts in their order when one of them is a name; `login_servers` is then empty until client/resolve.h fills
  /// it.
  std::vector<Host> unresolved{};

  /// White space around `text` is ignored. Looks up nothing.
  static Result<ConnectString> parse(const std::string& text);
};

}  // namespace orrery::client
