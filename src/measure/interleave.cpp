#include "measure/interleave.h"

#include <fmt/format.h>

#include "measure/machine_load.h"

namespace vitro {
namespace {

// With fewer, even the range from the smallest to the largest ratio of a round holds the median
// with less than 95 % probability: 1 - 2 / 2^5 = 94 %.
constexpr int64_t kMinRounds = 6;

std::string why_noisy(const InterleavedResult& result, const NoiseLimits& limits) {
  if (result.rounds < kMinRounds)
    return fmt::format("{} rounds, a ratio needs at least {}", result.rounds, kMinRounds);
  if (result.busy_elsewhere && *result.busy_elsewhere > limits.busy_elsewhere)
    return fmt::format("others used {:.0f} % of the cores, more than {:.0f} %",
                       100 * *result.busy_elsewhere, 100 * limits.busy_elsewhere);
  const double half = (result.interval.high - result.interval.low) / 2 / result.ratio;
  if (!(half <= limits.interval))
    return fmt::format("the 95 % interval of the ratio is ±{:.1f} %, more than ±{:.1f} %",
                       100 * half, 100 * limits.interval);
  return {};
}

}  // namespace

InterleavedResult interleaved(const TimedRun& a, const TimedRun& b,
                              const InterleaveOptions& options) {
  for (int64_t round = 0; round < options.warmup; ++round) {
    a();
    b();
  }
  const MachineLoad load;
  std::vector<double> times_a, times_b;  // milliseconds
  double elapsed = 0;
  for (int64_t round = 0; round < options.rounds || elapsed < 1000 * options.duration; ++round) {
    const bool a_first = round % 2 == 0;
    if (a_first) times_a.push_back(a());
    times_b.push_back(b());
    if (!a_first) times_a.push_back(a());
    elapsed += times_a.back() + times_b.back();
  }
  InterleavedResult result;
  result.a = summarize(times_a);
  result.b = summarize(times_b);
  result.rounds = static_cast<int64_t>(times_a.size());
  result.ratio = result.a.median / result.b.median;
  result.interval = median_ratio_interval(times_a, times_b);
  result.busy_elsewhere = options.busy_elsewhere ? options.busy_elsewhere() : load.busy_elsewhere();
  result.noisy = why_noisy(result, options.limits);
  return result;
}

}  // namespace vitro
