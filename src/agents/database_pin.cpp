#include "agents/database_pin.h"

#include <algorithm>
#include <optional>

#include "agents/durable_file.h"
#include "agents/files.h"
#include "agents/json_read.h"
#include "agents/text.h"

namespace orrery::agents {
namespace {

using Json = nlohmann::json;

struct Identity {
  std::int64_t incarnation = 0;
  std::string lineage;
};

bool is_lineage(const std::string& text) {
  return !text.empty() && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::optional<Identity> identity_of(const Json& database) {
  const auto& incarnation = read_member(database, "incarnation");
  Identity identity{0, read_text(database, "lineage")};
  if (!incarnation.is_number_integer() || !is_lineage(identity.lineage)) return std::nullopt;
  identity.incarnation = incarnation.get<std::int64_t>();
  return identity;
}

Error unusable(const std::string& path, const std::string& why) {
  return {
      "the record of the database that was obeyed last, " + path + ": " + why,
      {},
      "restore the file; or, if the database that now runs is the right one, remove it and the agent obeys that one"};
}

}  // namespace

Status check_database(const Json& pinned, const Json& database) {
  const auto theirs = identity_of(database);
  if (!theirs) {
    return Error{"the database does not say which one it is", "json",
                 "its SQL is of another version: orrery db install"};
  }
  if (pinned.is_null()) return ok();
  const auto ours = identity_of(pinned);
  if (ours && (theirs->incarnation > ours->incarnation ||
               (theirs->incarnation == ours->incarnation && theirs->lineage == ours->lineage))) {
    return ok();
  }
  const std::string known = ours ? std::to_string(ours->incarnation) : "unreadable";
  return Error{
      "this database is of incarnation " + std::to_string(theirs->incarnation) +
          (ours && theirs->incarnation == ours->incarnation ? ", but of another lineage" : "") +
          "; one of incarnation " + known + " was obeyed before",
      "OR011",
      "it is blank or was restored from a backup; if it is to take over: SELECT incarnation_raise(" + known + ")"};
}

Result<Json> load_pin(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text && text.error().code == "ENOENT") return Json();
  if (!text) return unusable(path, text.error().message);
  Json pinned = Json::parse(*text, nullptr, false);
  if (!identity_of(pinned)) return unusable(path, "it does not hold an incarnation and a lineage");
  return pinned;
}

Status save_pin(const std::string& path, const Json& database) { return write_durably(path, to_text(database) + "\n"); }

}  // namespace orrery::agents
