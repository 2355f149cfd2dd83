#include "spec_toml.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string_view>

#include "database.h"

namespace orrery::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kFileBytesMax = std::size_t{4} << 20;

// What comes first when it is printed; the rest follows by name.
constexpr std::array kFirst = {"role",     "kind",          "command",     "args",          "env",    "ports",
                               "ready_by", "ready_pattern", "stop_signal", "stop_grace_ms", "policy", "policy_args"};

std::string at(const std::string& path, const toml::source_region& source) {
  return path + ":" + std::to_string(source.begin.line) + ": ";
}

json to_json(const toml::node& node, const std::string& path) {
  if (const auto* table = node.as_table()) {
    json object = json::object();
    for (const auto& [key, value] : *table) object[std::string(key.str())] = to_json(value, path);
    return object;
  }
  if (const auto* array = node.as_array()) {
    json list = json::array();
    for (const toml::node& value : *array) list.push_back(to_json(value, path));
    return list;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return integer->get();
  if (const auto* boolean = node.as_boolean()) return boolean->get();
  if (const auto* real = node.as_floating_point(); real && std::isfinite(real->get())) return real->get();
  throw Failure(at(path, node.source()) + "neither dates nor times nor infinite numbers are a value here");
}

toml::table parse(std::string_view text, const std::string& path) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw Failure(
        at(path, error.source()) + std::string(error.description()), "", "",
        "A file has tables such as [kind.arena] with lines such as command = \"arena\"; see https://toml.io.");
  }
}

/// The tables below one noun, as they come in the file.
std::vector<Spec> specs(const std::string& noun, const toml::node& node, const std::string& path) {
  const auto* tables = node.as_table();
  if (!tables) throw Failure(at(path, node.source()) + noun + " is no table; write [" + noun + ".NAME]");
  std::vector<Spec> found;
  for (const auto& [name, value] : *tables) {
    const auto* table = value.as_table();
    if (!table) {
      const std::string key(name.str());
      throw Failure(at(path, name.source()) + noun + "." + key + " is no table", "", "",
                    "Write [" + noun + ".NAME] above it.");
    }
    Spec spec{std::string(name.str()), to_json(*table, path), table->source().begin.line};
    for (const auto& [member, ignored] : *table) spec.lines[std::string(member.str())] = member.source().begin.line;
    found.push_back(std::move(spec));
  }
  std::sort(found.begin(), found.end(), [](const Spec& a, const Spec& b) { return a.line < b.line; });
  return found;
}

std::string read_text(const std::string& path) {
  std::string text;
  if (path == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream in(path, std::ios::binary);
    std::array<char, 65536> buffer{};
    while (in && text.size() <= kFileBytesMax) {
      in.read(buffer.data(), buffer.size());
      text.append(buffer.data(), static_cast<std::size_t>(in.gcount()));
    }
    if (in.bad() || (text.empty() && !in.eof())) throw Failure("cannot read " + path);
  }
  if (text.size() > kFileBytesMax) throw Failure(path + " is larger than 4 MiB");
  return text;
}

bool is_bare(const std::string& key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::string quoted(const std::string& text) {
  // JSON's escapes are TOML's, which wants DEL escaped as well.
  std::string out = json(text).dump();
  for (std::size_t i = 0; (i = out.find('\x7f', i)) != std::string::npos; ++i) out.replace(i, 1, "\\u007f");
  return out;
}

std::string key_text(const std::string& key) { return is_bare(key) ? key : quoted(key); }

/// On one line. TOML has no null: a member that is null is left out.
std::string value_text(const json& value) {
  if (value.is_string()) return quoted(value.get<std::string>());
  if (!value.is_structured()) return value.dump();
  std::string text;
  for (const auto& [key, member] : value.items()) {
    if (member.is_null()) continue;
    text += text.empty() ? "" : ", ";
    text += value.is_object() ? key_text(key) + " = " + value_text(member) : value_text(member);
  }
  if (value.is_array()) return "[" + text + "]";
  return text.empty() ? "{}" : "{ " + text + " }";
}

}  // namespace

SpecFile read_specs(const std::string& path) {
  SpecFile file{path == "-" ? "stdin" : path, {}, {}};
  const toml::table tables = parse(read_text(path), file.path);
  for (const auto& [noun, node] : tables) {
    if (noun.str() == "kind") {
      file.kinds = specs("kind", node, file.path);
    } else if (noun.str() == "fleet") {
      file.fleets = specs("fleet", node, file.path);
    } else {
      throw Failure(at(file.path, noun.source()) + "there is no " + std::string(noun.str()), "", "",
                    "A file has tables [kind.NAME] and [fleet.NAME].");
    }
  }
  if (file.kinds.empty() && file.fleets.empty()) {
    throw Failure(file.path + " has neither a kind nor a fleet", "", "", "It has tables [kind.NAME] and [fleet.NAME].");
  }
  return file;
}

json read_settings(const std::vector<std::string>& settings) {
  std::string text;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0 || setting.find('\n') != std::string::npos) {
      throw Failure("--set '" + setting + "' is not member=value", "", "", "For example --set cpu_millis=500");
    }
    std::string line = setting;
    try {
      [[maybe_unused]] const toml::table tried = toml::parse(line);
    } catch (const toml::parse_error&) {
      line = setting.substr(0, equals) + "=" + quoted(setting.substr(equals + 1));
    }
    text += line + "\n";
  }
  try {
    return to_json(parse(text, "--set"), "--set");
  } catch (const Failure& failure) {
    throw Failure(failure.what(), "", "",
                  "A line each, as in a file: --set cpu_millis=500 --set 'agent_labels={zone=\"north\"}'");
  }
}

std::string to_toml(const std::string& noun, const std::string& name, const json& members) {
  std::ostringstream out;
  out << "[" << noun << "." << key_text(name) << "]\n";
  const auto add = [&](const std::string& key, const json& value) {
    if (!value.is_null()) out << key_text(key) << " = " << value_text(value) << '\n';
  };
  for (const char* key : kFirst) {
    if (members.contains(key)) add(key, members[key]);
  }
  for (const auto& [key, value] : members.items()) {
    if (std::find(kFirst.begin(), kFirst.end(), std::string_view(key)) == kFirst.end()) add(key, value);
  }
  return out.str();
}

}  // namespace orrery::cli
