// What a player typed, and others will read.
#pragma once

#include <string_view>

namespace orrery::sessiond {

/// Whether `text` is well-formed UTF-8 without control characters (U+0000-001F, U+007F-009F).
bool is_player_text(std::string_view text);

}  // namespace orrery::sessiond
