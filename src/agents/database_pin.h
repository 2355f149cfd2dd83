// Which database an agent obeys, and its record of that on disk. The rule: docs/control.md, Which database.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace orrery::agents {

/// Whether a database with this identity is one to obey, by one that was `pinned` (null: none yet). The error says why
/// not: OR011 when it is behind, "json" when it says too little of itself.
Status check_database(const nlohmann::json& pinned, const nlohmann::json& database);

/// What is pinned in `path`; null when there is no such file. A file that cannot be read or is malformed is an error,
/// and stays as it is: its hint says what to do.
Result<nlohmann::json> load_pin(const std::string& path);
/// Durable once it returns ok; see write_durably.
Status save_pin(const std::string& path, const nlohmann::json& database);

}  // namespace orrery::agents
