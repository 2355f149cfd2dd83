#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

namespace orrery {

void log_open(const std::string& name, const std::string& level) {
  auto logger = spdlog::stderr_logger_mt(name);
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %n[%P] %v", spdlog::pattern_time_type::utc);
  const auto wanted = spdlog::level::from_str(level);
  logger->set_level(wanted == spdlog::level::off && level != "off" ? spdlog::level::info : wanted);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace orrery
