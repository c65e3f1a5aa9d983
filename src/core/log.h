#pragma once

#include <fmt/core.h>

#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace vitro {

/// How much is printed to stderr; each level includes those before it.
enum class LogLevel { Error, Warning };

/// Sets the level of the process; Warning at the start. Thread-safe, like all functions here.
void set_log_level(LogLevel level);
bool log_enabled(LogLevel level);

/// Writes one line, "warning: ...", to stderr when `level` is enabled.
void log_message(LogLevel level, std::string_view message);

/// What `--verbose` can ask for, whatever the level.
enum class LogTopic {
  Dispatch,  ///< which implementations were asked to run each op
  Passes,    ///< what each pass did to the graph
};
std::span<const char* const> log_topic_names();
/// Nothing for an unknown name.
std::optional<LogTopic> log_topic(std::string_view name);
void enable_log_topic(LogTopic topic);
bool log_enabled(LogTopic topic);
/// Writes text of one or more lines to stderr, each behind the name of the topic, when that is
/// enabled.
void log_message(LogTopic topic, std::string_view text);

template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::Warning)) {
    log_message(LogLevel::Warning, fmt::format(format, std::forward<Args>(args)...));
  }
}

}  // namespace vitro
