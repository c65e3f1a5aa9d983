#include "measure/measure.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "core/check.h"
#include "measure/machine_load.h"

namespace vitro {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// How many runs will be timed, going by the first `timed` of them.
int64_t expected_runs(const MeasureOptions& options, int64_t timed, double milliseconds) {
  const double fill =
      std::ceil(1000 * options.duration * static_cast<double>(timed) / milliseconds);
  return std::max({options.iterations, timed, static_cast<int64_t>(fill)});
}

class StreamRunner {
 public:
  StreamRunner(int streams, const std::function<void(int)>& run, const MeasureOptions& options,
               const RunProgress& progress)
      : run_(run),
        options_(options),
        progress_(progress),
        warm_(streams, Begin{start_}),
        spans_(static_cast<size_t>(streams)) {}

  void stream(int index) {
    guarded([&] {
      const auto begin = Clock::now();
      const auto is_warm = [&](int64_t runs) {
        return runs >= options_.warmup && milliseconds_since(begin) >= options_.warmup_ms;
      };
      for (int64_t i = 0; !is_warm(i) && !failed_; ++i) {
        run_(index);
        if (index == 0 && progress_) progress_(i + 1, options_.warmup + options_.iterations);
      }
    });
    warm_.arrive_and_wait();
    guarded([&] { timed_runs(index); });
  }

  /// Ends all streams although `missing` of them, and the caller's, do not take part.
  void cancel(int missing) {
    failed_ = true;
    for (int i = 0; i <= missing; ++i) warm_.arrive_and_drop();
  }

  std::vector<RunSpan> spans() {
    if (error_) std::rethrow_exception(error_);
    std::vector<RunSpan> all;
    for (const auto& spans : spans_) all.insert(all.end(), spans.begin(), spans.end());
    std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.begin < b.begin; });
    return all;
  }

 private:
  /// Starts the clock when the last stream is warm.
  struct Begin {
    Clock::time_point& start;
    void operator()() noexcept { start = Clock::now(); }
  };

  template <typename Body>
  void guarded(const Body& body) {
    try {
      body();
    } catch (...) {
      const std::lock_guard lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
      failed_ = true;
    }
  }

  void timed_runs(int index) {
    std::vector<RunSpan>& spans = spans_[static_cast<size_t>(index)];
    while (!failed_) {
      const int64_t run = begun_.fetch_add(1);
      const double begin = milliseconds_since(start_);
      if (run >= options_.iterations && begin >= 1000 * options_.duration) break;
      run_(index);
      const double end = milliseconds_since(start_);
      spans.push_back({begin, end});
      if (index == 0 && progress_)
        progress_(options_.warmup + run + 1,
                  options_.warmup + expected_runs(options_, run + 1, end));
    }
  }

  const std::function<void(int)>& run_;
  const MeasureOptions& options_;
  const RunProgress& progress_;
  Clock::time_point start_{};
  std::barrier<Begin> warm_;
  std::vector<std::vector<RunSpan>> spans_;  // by stream
  std::atomic<int64_t> begun_{0};
  std::atomic<bool> failed_{false};
  std::mutex error_mutex_;
  std::exception_ptr error_;
};

}  // namespace

Measurement measure(int streams, const std::function<void(int stream)>& run,
                    const MeasureOptions& options, const RunProgress& progress) {
  StreamRunner runner(streams, run, options, progress);
  Measurement result;
  {
    const MachineLoad load;
    std::vector<std::jthread> others;
    try {
      for (int index = 1; index < streams; ++index)
        others.emplace_back([&runner, index] { runner.stream(index); });
    } catch (const std::system_error& error) {
      runner.cancel(streams - 1 - static_cast<int>(others.size()));
      fail(ErrorCode::DeviceError, "cannot start {} streams: {}", streams, error.what());
    }
    runner.stream(0);
    others.clear();
    result.busy_elsewhere = load.busy_elsewhere();
  }
  result.runs = runner.spans();
  for (const RunSpan& span : result.runs)
    result.seconds = std::max(result.seconds, (span.end - result.runs.front().begin) / 1000);
  return result;
}

}  // namespace vitro
