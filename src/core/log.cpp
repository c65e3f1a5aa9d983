#include "core/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <string>

namespace vitro {
namespace {

std::atomic<LogLevel>& current_level() {
  static std::atomic<LogLevel> level{LogLevel::Warning};
  return level;
}

const char* prefix(LogLevel level) { return level == LogLevel::Error ? "error: " : "warning: "; }

constexpr std::array<const char*, 2> kTopicNames{"dispatch", "passes"};

/// One bit for each topic that is enabled.
std::atomic<unsigned>& enabled_topics() {
  static std::atomic<unsigned> topics{0};
  return topics;
}

unsigned topic_bit(LogTopic topic) { return 1u << static_cast<unsigned>(topic); }

// One fwrite, so that lines of several threads do not mix.
void write_stderr(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

void set_log_level(LogLevel level) { current_level().store(level, std::memory_order_relaxed); }

bool log_enabled(LogLevel level) {
  return level <= current_level().load(std::memory_order_relaxed);
}

void log_message(LogLevel level, std::string_view message) {
  if (!log_enabled(level)) return;
  write_stderr(fmt::format("{}{}\n", prefix(level), message));
}

std::span<const char* const> log_topic_names() { return kTopicNames; }

std::optional<LogTopic> log_topic(std::string_view name) {
  const auto found = std::find(kTopicNames.begin(), kTopicNames.end(), name);
  if (found == kTopicNames.end()) return std::nullopt;
  return static_cast<LogTopic>(found - kTopicNames.begin());
}

void enable_log_topic(LogTopic topic) {
  enabled_topics().fetch_or(topic_bit(topic), std::memory_order_relaxed);
}

bool log_enabled(LogTopic topic) {
  return (enabled_topics().load(std::memory_order_relaxed) & topic_bit(topic)) != 0;
}

void log_message(LogTopic topic, std::string_view text) {
  if (!log_enabled(topic)) return;
  std::string lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines += fmt::format("{}: {}\n", kTopicNames[static_cast<size_t>(topic)], text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  write_stderr(lines);
}

}  // namespace vitro
