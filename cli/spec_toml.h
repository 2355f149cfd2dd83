// Specifications of kinds and fleets as TOML: [kind.NAME] and [fleet.NAME], whose members are those of server_kind_set
// and fleet_set.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace orrery::cli {

struct Spec {
  std::string name;
  nlohmann::json members;
  unsigned line = 0;                           ///< of its table
  std::map<std::string, unsigned> lines = {};  ///< of its members
};

struct SpecFile {
  std::string path;
  std::vector<Spec> kinds;  ///< both as they come in the file
  std::vector<Spec> fleets;
};

/// `path` "-" is stdin. Throws Failure, which names file and line: what is no TOML, what is neither a kind nor a fleet,
/// a value that JSON does not have.
SpecFile read_specs(const std::string& path);

/// What `settings` ("member=value", the value as in TOML; a member may be dotted) say together; a value that is no TOML
/// is a text. Throws Failure.
nlohmann::json read_settings(const std::vector<std::string>& settings);

/// `[noun.name]` and its members, a line each, so that read_specs reads the same.
std::string to_toml(const std::string& noun, const std::string& name, const nlohmann::json& members);

}  // namespace orrery::cli
