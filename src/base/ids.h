// A type for every id, so that a swapped argument does not compile.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace orrery {

/// A 64-bit number of one meaning. Default is 0, which no row has.
template <class Tag>
struct Id {
  std::uint64_t value = 0;
  auto operator<=>(const Id&) const = default;
  explicit operator bool() const { return value != 0; }
};

using AgentId = Id<struct AgentTag>;
using ServerId = Id<struct ServerTag>;
using SessionId = Id<struct SessionTag>;
using AccountId = Id<struct AccountTag>;
using CharacterId = Id<struct CharacterTag>;
using DeviceId = Id<struct DeviceTag>;
using CommandId = Id<struct CommandTag>;
/// incarnation << 32 + n, given by the database; only grows for one server key or one session.
using Epoch = Id<struct EpochTag>;

}  // namespace orrery

template <class Tag>
struct std::hash<orrery::Id<Tag>> {
  std::size_t operator()(orrery::Id<Tag> id) const noexcept { return std::hash<std::uint64_t>{}(id.value); }
};
