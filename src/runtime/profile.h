#pragma once

#include <functional>

#include "core/timeline.h"
#include "runtime/engine.h"

namespace vitro {

/// Where the wall clock of one run went, for one section of one step.
struct SectionTime {
  double ms = 0;  ///< while some thread was on it; shared among the sections of that instant
  double waiting_ms = 0;  ///< the part of `ms` that threads spent without work, mean of all threads
};

/// When a step ran, in nanoseconds of Timeline::now_ns().
struct StepSpan {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

/// One recorded run.
struct RunTrace {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  std::vector<StepSpan> steps;
  std::vector<std::vector<Timeline::Mark>> marks;  ///< by thread

  double ms() const { return static_cast<double>(end_ns - begin_ns) * 1e-6; }
};

/// Splits the time of each step over its sections; by step, then section. The sections of a step
/// add up to the step. What a step did without any mark counts as its first section, on one thread.
std::vector<std::vector<SectionTime>> attribute(const RunTrace& trace,
                                                std::span<const StepInfo> steps);

/// A phase of a step and what it took.
struct SectionProfile {
  size_t step = 0;
  size_t section = 0;  ///< of StepInfo::sections
  SectionTime time;    ///< mean of the typical runs
  double median_ms = 0;
};

/// What a session does with inputs of one shape. Times are means of the typical runs: the half of
/// them around the median, so that they add up and a disturbed run counts for nothing.
struct Profile {
  std::shared_ptr<const Executable> program;
  std::vector<SectionProfile> sections;  ///< in order of execution
  double ms = 0;                         ///< of a run: all sections and what lies between the steps
  double between_ms = 0;                 ///< between steps, before the first and after the last
  int64_t runs = 0;                      ///< profiled, as many as were not
  double median_ms = 0, min_ms = 0;      ///< of the runs that were not profiled
  /// What profiling costs, as a share of the run time: the median over pairs of a profiled and a
  /// plain run in turns, with its 95 % interval.
  double overhead = 0, overhead_low = 0, overhead_high = 0;
  RunTrace trace;  ///< of the median run
  /// By the clock of a device, whose runs are replayed back to back: without copies from and to the
  /// host. The one thread of the trace is the device.
  bool on_device = false;

  const StepInfo& step(const SectionProfile& section) const {
    return program->steps()[section.step];
  }
  const SectionInfo& info(const SectionProfile& section) const {
    return step(section).sections[section.section];
  }
};

struct ProfileOptions {
  int64_t runs = 0;  ///< profiled; 0: 50, or what ten seconds allow, but at least 5
  std::function<void(int64_t done, int64_t total)> progress;
};

/// Runs the session on inputs, in the order of Session::inputs(), with and without profiling in
/// turns. Where a device computes, it is timed by its own clock (profile_device.h).
Profile profile(const Session& session, std::span<const Tensor> inputs,
                const ProfileOptions& options);

}  // namespace vitro
