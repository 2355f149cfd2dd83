#include "client/resolve.h"

#include <netdb.h>

#include <algorithm>
#include <memory>

namespace orrery::client {

namespace {

const char* code_of(int status) {
  switch (status) {
    case EAI_AGAIN:
      return "EAI_AGAIN";
    case EAI_NONAME:
      return "EAI_NONAME";
    default:
      return "EAI_FAIL";
  }
}

}  // namespace

Result<ConnectString> resolve(ConnectString connect) {
  if (connect.unresolved.empty()) return connect;
  Error error{"no login server's name was found"};
  error.hint = "check the connect string and this machine's network and name service";
  for (const auto& [name, port] : connect.unresolved) {
    const auto add = [&](const Address& address) {
      auto& known = connect.login_servers;
      if (known.size() < login_servers_max && std::ranges::find(known, address) == known.end())
        known.push_back(address);
    };
    if (const auto numeric = Address::parse(name, port)) {
      add(*numeric);
      continue;
    }
    addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_DGRAM;
    wanted.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const int status = ::getaddrinfo(name.c_str(), nullptr, &wanted, &found);
    if (status != 0) {
      error.message += "; " + name + ": " + ::gai_strerror(status);
      error.code = code_of(status);
      continue;
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, ::freeaddrinfo);
    for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
      if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
      sockaddr_storage storage{};
      std::copy_n(reinterpret_cast<const std::uint8_t*>(entry->ai_addr),
                  std::min<std::size_t>(entry->ai_addrlen, sizeof(storage)), reinterpret_cast<std::uint8_t*>(&storage));
      Address address = Address::from_sockaddr(storage);
      address.port = port;
      add(address);
    }
  }
  if (connect.login_servers.empty()) return error;
  connect.unresolved.clear();
  return connect;
}

}  // namespace orrery::client
