#include "gradus/core/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace gradus {
namespace {

constexpr std::array<std::pair<std::string_view, spdlog::level::level_enum>, 5> kLevels = {
    {{"debug", spdlog::level::debug},
     {"info", spdlog::level::info},
     {"warning", spdlog::level::warn},
     {"error", spdlog::level::err},
     {"off", spdlog::level::off}}};

spdlog::logger make_logger() {
  spdlog::logger logger("gradus", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger.set_pattern("%n %l: %v");
  logger.set_level(spdlog::level::warn);
  const char* wanted = std::getenv("GRADUS_LOG");
  if (wanted == nullptr) return logger;
  for (const auto& [name, level] : kLevels) {
    if (name != wanted) continue;
    logger.set_level(level);
    return logger;
  }
  logger.warn("GRADUS_LOG is '{}'; it may be debug, info, warning, error or off", wanted);
  return logger;
}

// Not spdlog's own registry: a program's loggers and levels are its own affair.
spdlog::logger& logger() {
  static spdlog::logger instance = make_logger();
  return instance;
}

}  // namespace

bool logs(LogLevel level) { return logger().should_log(kLevels[static_cast<std::size_t>(level)].second); }

void log(LogLevel level, const std::string& text) {
  logger().log(kLevels[static_cast<std::size_t>(level)].second, text);
}

}  // namespace gradus
