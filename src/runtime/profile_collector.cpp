#include "runtime/profile_collector.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "measure/statistics.h"

namespace vitro {
namespace {

constexpr int64_t kDefaultRuns = 50, kFewestRuns = 5;
constexpr double kDefaultSeconds = 10;
// Traces are kept until the median run is known; more than these would fill the memory.
constexpr size_t kMaxTraces = 101;

}  // namespace

int64_t affordable_runs(const ProfileOptions& options, double ms) {
  if (options.runs > 0) return options.runs;
  const double runs = 1000 * kDefaultSeconds / ms;
  return std::clamp(static_cast<int64_t>(runs), kFewestRuns, kDefaultRuns);
}

void ProfileCollector::add(RunTrace trace, double plain_ms) {
  profiled_ms_.push_back(trace.ms());
  plain_ms_.push_back(plain_ms);
  times_.push_back(attribute(trace, program_->steps()));
  if (traces_.size() < kMaxTraces) traces_.push_back(std::move(trace));
}

Profile ProfileCollector::profile() const {
  Profile result;
  result.program = program_;
  result.runs = static_cast<int64_t>(times_.size());
  result.median_ms = median(plain_ms_);
  result.min_ms = *std::min_element(plain_ms_.begin(), plain_ms_.end());
  average_typical(result);
  measure_overhead(result);
  const double middle = median(profiled_ms_);
  result.trace =
      *std::min_element(traces_.begin(), traces_.end(), [&](const RunTrace& a, const RunTrace& b) {
        return std::abs(a.ms() - middle) < std::abs(b.ms() - middle);
      });
  return result;
}

void ProfileCollector::average_typical(Profile& result) const {
  std::vector<size_t> order(times_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return profiled_ms_[a] < profiled_ms_[b]; });
  const size_t outside = order.size() / 4;
  const std::span typical(order.data() + outside, order.size() - 2 * outside);
  const double weight = 1.0 / static_cast<double>(typical.size());
  for (size_t run : typical) result.ms += profiled_ms_[run] * weight;
  result.between_ms = result.ms;
  const auto steps = program_->steps();
  for (size_t s = 0; s < steps.size(); ++s) {
    for (size_t i = 0; i < steps[s].sections.size(); ++i) {
      SectionProfile section{s, i, {}, 0};
      for (size_t run : typical) {
        section.time.ms += times_[run][s][i].ms * weight;
        section.time.waiting_ms += times_[run][s][i].waiting_ms * weight;
      }
      std::vector<double> all;
      for (const auto& run : times_) all.push_back(run[s][i].ms);
      section.median_ms = median(std::move(all));
      result.between_ms -= section.time.ms;
      result.sections.push_back(section);
    }
  }
}

/// The interval of a median lies between order statistics: the binomial of n pairs at one half.
void ProfileCollector::measure_overhead(Profile& result) const {
  std::vector<double> costs;
  for (size_t i = 0; i < plain_ms_.size(); ++i) costs.push_back(profiled_ms_[i] / plain_ms_[i] - 1);
  std::sort(costs.begin(), costs.end());
  const auto count = static_cast<double>(costs.size());
  const double half_width = 1.96 * std::sqrt(count) / 2;
  const auto at = [&](double rank) {
    return costs[static_cast<size_t>(std::clamp(rank, 0.0, count - 1))];
  };
  result.overhead = median(costs);
  result.overhead_low = at(std::floor(count / 2 - half_width));
  result.overhead_high = at(std::ceil(count / 2 + half_width));
}

}  // namespace vitro
