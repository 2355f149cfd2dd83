// Reading members of JSON that others wrote: what is missing or of another type reads as nothing, and never throws.
#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace orrery::agents {

/// The member, or null.
inline const nlohmann::json& read_member(const nlohmann::json& json, const char* name) {
  static const nlohmann::json none;
  if (!json.is_object()) return none;
  const auto found = json.find(name);
  return found == json.end() ? none : *found;
}

/// Whether it is an integer; SQL's numeric writes one as 1000.0 too. A float beyond 2^53 is none: it need not fit.
inline bool is_integer(const nlohmann::json& json) {
  if (!json.is_number_float()) return json.is_number_integer();
  const double value = json.get<double>();
  return std::trunc(value) == value && std::abs(value) <= 0x1p53;
}
/// An integer, or nothing.
inline std::optional<std::int64_t> read_optional_int(const nlohmann::json& json, const char* name) {
  const auto& member = read_member(json, name);
  return is_integer(member) ? std::optional(member.get<std::int64_t>()) : std::nullopt;
}
inline std::int64_t read_int(const nlohmann::json& json, const char* name, std::int64_t otherwise) {
  return read_optional_int(json, name).value_or(otherwise);
}
/// An id; 0 when there is none.
inline std::uint64_t read_u64(const nlohmann::json& json, const char* name) {
  return static_cast<std::uint64_t>(read_int(json, name, 0));
}
inline std::string read_text(const nlohmann::json& json, const char* name) {
  const auto& member = read_member(json, name);
  return member.is_string() ? member.get<std::string>() : std::string();
}
inline bool read_bool(const nlohmann::json& json, const char* name) {
  const auto& member = read_member(json, name);
  return member.is_boolean() && member.get<bool>();
}
inline nlohmann::json read_array(const nlohmann::json& json, const char* name) {
  const auto& member = read_member(json, name);
  return member.is_array() ? member : nlohmann::json::array();
}
inline nlohmann::json read_object(const nlohmann::json& json, const char* name) {
  const auto& member = read_member(json, name);
  return member.is_object() ? member : nlohmann::json::object();
}

}  // namespace orrery::agents
