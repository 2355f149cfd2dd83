// A socket address, IPv4 or IPv6, as a value.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orrery {

/// IP address and port. IPv4 stands as an IPv4-mapped IPv6 address, so that the two compare and hash alike.
struct Address {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;
  auto operator<=>(const Address&) const = default;

  bool is_v4() const;
  /// "203.0.113.7:7777" or "[2001:db8::1]:7777".
  std::string to_string() const;
  /// The address alone, without port.
  std::string host() const;
  /// Whom it is charged to: its /32 (IPv4) or /64 (IPv6), without port.
  Address network() const;
  /// For bind, sendto and the like; returns the length in use.
  socklen_t to_sockaddr(sockaddr_storage& out) const;

  /// Of a numeric "host:port" or "[v6]:port"; no name is looked up.
  static Result<Address> parse(std::string_view text);
  /// Of a numeric host and a port.
  static Result<Address> parse(std::string_view host, std::uint16_t port);
  static Address from_sockaddr(const sockaddr_storage& in);
};

}  // namespace orrery

template <>
struct std::hash<orrery::Address> {
  std::size_t operator()(const orrery::Address& address) const noexcept;
};
