#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace vitro {

struct MeasureOptions {
  int64_t warmup = 3;       ///< runs of each stream that are not timed, at least
  int64_t iterations = 10;  ///< timed runs of all streams together, at least
  double duration = 3;      ///< seconds, at least
  double warmup_ms = 0;     ///< before the timed runs, at least
};

/// One timed run, in milliseconds since the first began.
struct RunSpan {
  double begin = 0, end = 0;
};

struct Measurement {
  std::vector<RunSpan> runs;  ///< by beginning
  double seconds = 0;         ///< from the beginning of the first run to the end of the last
  std::optional<double> busy_elsewhere;  ///< of MachineLoad
};

/// Is told how many runs are over and how many there will be, going by the times so far.
using RunProgress = std::function<void(int64_t done, int64_t expected)>;

/// Calls run(stream) again and again on `streams` threads at once, of which the caller is stream 0,
/// after all of them have warmed up. When a run throws, the others end and the first exception
/// passes. `progress` may be empty; it is called by stream 0.
Measurement measure(int streams, const std::function<void(int stream)>& run,
                    const MeasureOptions& options, const RunProgress& progress = {});

}  // namespace vitro
