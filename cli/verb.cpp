#include "verb.h"

#include <iostream>

namespace orrery::cli {

void call_verb(const Options& options, const std::string& call, const std::vector<Param>& params) {
  Database db(options);
  const auto answer = db.value("select to_jsonb(" + call + ")::text", params);
  if (options.json) std::cout << answer.value_or("null") << '\n';
}

}  // namespace orrery::cli
