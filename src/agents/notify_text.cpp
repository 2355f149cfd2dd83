#include "agents/notify_text.h"

#include <algorithm>

#include "agents/shim_plan.h"
#include "agents/text.h"

namespace orrery::agents {

NotifyText notify_text_of(std::string_view text) {
  const std::string lines = "\n" + std::string(text) + "\n";
  const auto says = [&lines](const char* line) { return lines.find(line) != std::string::npos; };
  const auto value_of = [&lines](std::string_view name) -> std::optional<std::string> {
    const auto at = lines.find(name);
    if (at == std::string::npos) return std::nullopt;
    const auto from = at + name.size();
    return lines.substr(from, lines.find('\n', from) - from);
  };
  NotifyText said{says("\nREADY=1\n"),          says("\nSTOPPING=1\n"), says("\nWATCHDOG=1\n"),
                  says("\nWATCHDOG=trigger\n"), value_of("\nSTATUS="),  value_of("\nX_ORRERY_COUNTERS=")};
  if (said.status) said.status = printable(said.status->substr(0, said_bytes_max));
  return said;
}

}  // namespace orrery::agents
