#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace vitro::cli {

/// Whether a progress line is due: the whole job looks longer than two seconds and enough has run
/// to know that.
bool progress_is_due(int64_t done, int64_t total, double seconds);
/// "eval 120/2000 (6 %), 12.0 images/s, 2:36 left"
std::string progress_text(const std::string& label, const std::string& unit, int64_t done,
                          int64_t total, double seconds);

/// A line on standard error that shows how far a job is. Silent unless that is a terminal.
class Progress {
 public:
  /// `unit` is the plural of what is counted: "images".
  Progress(std::string label, std::string unit, int64_t total, bool quiet);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Erases the line.
  ~Progress() { clear(); }

  /// Redraws at most ten times a second.
  void update(int64_t done);
  /// For jobs whose size becomes clear as they run.
  void update(int64_t done, int64_t total) {
    total_ = total;
    update(done);
  }
  /// Erases the line, so that something else may be written; the next update() draws it again.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  std::string label_;
  std::string unit_;
  int64_t total_;
  bool enabled_;
  bool visible_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_draw_{};
};

}  // namespace vitro::cli
