#pragma once

#include "runtime/profile.h"

namespace vitro {

/// How many runs to profile: those asked for, or 50, fewer when ten seconds are over before, each
/// taking `ms` with the plain run beside it.
int64_t affordable_runs(const ProfileOptions& options, double ms);

/// Collects the runs of one shape.
class ProfileCollector {
 public:
  explicit ProfileCollector(std::shared_ptr<const Executable> program)
      : program_(std::move(program)) {}

  /// A profiled run, and how long a plain one beside it took.
  void add(RunTrace trace, double plain_ms);
  /// After at least one.
  Profile profile() const;

 private:
  void average_typical(Profile& result) const;
  void measure_overhead(Profile& result) const;

  std::shared_ptr<const Executable> program_;
  std::vector<double> profiled_ms_, plain_ms_;                // by run
  std::vector<std::vector<std::vector<SectionTime>>> times_;  // by run, step and section
  std::vector<RunTrace> traces_;
};

}  // namespace vitro
