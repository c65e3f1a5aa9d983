#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "measure/statistics.h"

namespace vitro {

/// Does the work once and returns its milliseconds.
using TimedRun = std::function<double()>;

/// Above these a comparison says nothing; both are shares of 1.
struct NoiseLimits {
  double interval = 0.05;        ///< half the width of the ratio's interval, over the ratio
  double busy_elsewhere = 0.10;  ///< of the processors that this process may use
};

struct InterleaveOptions {
  int64_t warmup = 3;   ///< rounds that are not counted
  int64_t rounds = 10;  ///< at least
  double duration = 3;  ///< seconds of counted time, at least
  NoiseLimits limits{};
  /// The share of the processors that others used meanwhile. By default what the system says.
  std::function<std::optional<double>()> busy_elsewhere{};
};

struct InterleavedResult {
  Summary a, b;  ///< milliseconds
  int64_t rounds = 0;
  double ratio = 0;     ///< median of a over median of b: above 1, b is the faster
  Interval interval{};  ///< 95 %, of the ratio
  std::optional<double> busy_elsewhere;
  std::string noisy;  ///< why the ratio must not be shown; empty when it may be
};

/// Runs a and b in turn, so that whatever changes the speed of the machine meets both: a b, b a,
/// a b ... The interval is a bootstrap over rounds.
InterleavedResult interleaved(const TimedRun& a, const TimedRun& b,
                              const InterleaveOptions& options);

}  // namespace vitro
