#include "base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>

namespace orrery {

static constexpr std::array<std::uint8_t, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool Address::is_v4() const { return std::equal(v4_prefix.begin(), v4_prefix.end(), ip.begin()); }

std::string Address::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4())
    inet_ntop(AF_INET, ip.data() + 12, text.data(), text.size());
  else
    inet_ntop(AF_INET6, ip.data(), text.data(), text.size());
  return text.data();
}

std::string Address::to_string() const { return (is_v4() ? host() : "[" + host() + "]") + ":" + std::to_string(port); }

Address Address::network() const {
  Address out;
  std::copy_n(ip.begin(), is_v4() ? ip.size() : 8, out.ip.begin());
  return out;
}

socklen_t Address::to_sockaddr(sockaddr_storage& out) const {
  out = {};
  if (is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, ip.data() + 12, 4);
    return sizeof(sockaddr_in);
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, ip.data(), 16);
  return sizeof(sockaddr_in6);
}

Address Address::from_sockaddr(const sockaddr_storage& in) {
  Address address;
  if (in.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(in);
    std::copy(v4_prefix.begin(), v4_prefix.end(), address.ip.begin());
    std::memcpy(address.ip.data() + 12, &v4.sin_addr, 4);
    address.port = ntohs(v4.sin_port);
  } else if (in.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(in);
    std::memcpy(address.ip.data(), &v6.sin6_addr, 16);
    address.port = ntohs(v6.sin6_port);
  }
  return address;
}

Result<Address> Address::parse(std::string_view host, std::uint16_t port) {
  Address address;
  address.port = port;
  const std::string text(host);
  if (inet_pton(AF_INET, text.c_str(), address.ip.data() + 12) == 1) {
    std::copy(v4_prefix.begin(), v4_prefix.end(), address.ip.begin());
    return address;
  }
  if (inet_pton(AF_INET6, text.c_str(), address.ip.data()) == 1) return address;
  return Error{"'" + text + "' is not a numeric IP address"};
}

Result<Address> Address::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return Error{"'" + std::string(text) + "' is not host:port"};
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (code != std::errc{} || end != digits.data() + digits.size())
    return Error{"'" + std::string(digits) + "' is not a port"};
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return parse(host, port);
}

}  // namespace orrery

std::size_t std::hash<orrery::Address>::operator()(const orrery::Address& address) const noexcept {
  const std::string_view text(reinterpret_cast<const char*>(address.ip.data()), address.ip.size());
  return std::hash<std::string_view>{}(text) ^ (static_cast<std::size_t>(address.port) * 0x9e3779b97f4a7c15u);
}
