// Small files that must survive a crash of the machine.
#pragma once

#include <string>

#include "base/result.h"

namespace orrery::agents {

/// Makes `path` hold `text`, readable by its owner only. Durable once it returns ok; on an error `path` holds what it
/// held or all of `text`, and after a crash of the machine either.
Status write_durably(const std::string& path, const std::string& text);

}  // namespace orrery::agents
