#include "core/log.h"

#include <atomic>
#include <cstdio>
#include <string>

namespace vitro {
namespace {

std::atomic<LogLevel>& current_level() {
  static std::atomic<LogLevel> level{LogLevel::Warning};
  return level;
}

const char* prefix(LogLevel level) {
  switch (level) {
    case LogLevel::Error:
      return "error: ";
    case LogLevel::Warning:
      return "warning: ";
    case LogLevel::Info:
      return "info: ";
    case LogLevel::Debug:
      return "debug: ";
  }
  return "";
}

}  // namespace

void set_log_level(LogLevel level) { current_level().store(level, std::memory_order_relaxed); }

bool log_enabled(LogLevel level) {
  return level <= current_level().load(std::memory_order_relaxed);
}

void log_message(LogLevel level, std::string_view message) {
  if (!log_enabled(level)) return;
  // One fwrite, so that lines of several threads do not mix.
  std::string line = prefix(level);
  line.append(message).push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace vitro
