// What happened in words, for whoever shows it to a player or writes it down.
#pragma once

#include <string>
#include <string_view>

#include "client/client.h"

namespace orrery::client {

/// Others' words without what would command a terminal: control characters (C0, DEL, C1) become '?'.
std::string printable(std::string_view text);

/// One line of printable text; empty for a Snapshot. No secret is in it.
std::string describe(const Event& event);
/// Several lines, each ended.
std::string describe(const Statistics& statistics);

}  // namespace orrery::client
