#include "cli/progress.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace vitro::cli {
namespace {

constexpr double kWorthShowingSeconds = 2;
constexpr double kMinSampleSeconds = 0.3;
constexpr std::chrono::milliseconds kRedrawInterval{100};

bool terminal_on_stderr() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && !(kind && std::string_view(kind) == "dumb");
}

}  // namespace

bool progress_is_due(int64_t done, int64_t total, double seconds) {
  if (done <= 0 || seconds < kMinSampleSeconds) return false;
  return seconds * static_cast<double>(total) / static_cast<double>(done) > kWorthShowingSeconds;
}

std::string progress_text(const std::string& label, const std::string& unit, int64_t done,
                          int64_t total, double seconds) {
  const double rate = static_cast<double>(done) / seconds;
  const auto left = static_cast<int64_t>(std::ceil(static_cast<double>(total - done) / rate));
  return fmt::format("{} {}/{} ({} %), {:.1f} {}/s, {}:{:02} left", label, done, total,
                     done * 100 / total, rate, unit, left / 60, left % 60);
}

Progress::Progress(std::string label, std::string unit, int64_t total, bool quiet)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      enabled_(!quiet && terminal_on_stderr()) {}

void Progress::update(int64_t done) {
  const auto now = Clock::now();
  if (!enabled_ || now - last_draw_ < kRedrawInterval) return;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  if (!progress_is_due(done, total_, seconds)) return;
  const std::string text =
      "\r" + progress_text(label_, unit_, done, total_, seconds) + "\x1b[K";  // erase the rest
  std::fwrite(text.data(), 1, text.size(), stderr);
  visible_ = true;
  last_draw_ = now;
}

void Progress::clear() {
  if (!visible_) return;
  std::fputs("\r\x1b[K", stderr);
  visible_ = false;
}

}  // namespace vitro::cli
