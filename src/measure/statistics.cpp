#include "measure/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace vitro {

double percentile(std::vector<double> values, double percent) {
  const double position = percent / 100 * static_cast<double>(values.size() - 1);
  const double below = std::floor(position);
  const auto lower = values.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(values.begin(), lower, values.end());
  const double upper =
      lower + 1 == values.end() ? *lower : *std::min_element(lower + 1, values.end());
  return std::lerp(*lower, upper, position - below);
}

double median(std::vector<double> values) { return percentile(std::move(values), 50); }

Summary summarize(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (double value : values) squares += (value - mean) * (value - mean);
  return {.median = median(values),
          .p90 = percentile(values, 90),
          .p95 = percentile(values, 95),
          .p99 = percentile(values, 99),
          .min = *std::min_element(values.begin(), values.end()),
          .max = *std::max_element(values.begin(), values.end()),
          .mean = mean,
          .stddev = values.size() > 1 ? std::sqrt(squares / (count - 1)) : 0};
}

Interval wilson_interval(int64_t successes, int64_t total) {
  if (total == 0) return {0, 1};
  constexpr double z = 1.959963984540054;  // 97.5 % quantile of the normal distribution
  const auto n = static_cast<double>(total);
  const double p = static_cast<double>(successes) / n;
  const double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
  const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

PairedDifference paired_difference(int64_t only_a, int64_t only_b, int64_t total) {
  if (total == 0) return {0, {-1, 1}};
  const auto n = static_cast<double>(total);
  const double a = static_cast<double>(only_a) + 0.5, b = static_cast<double>(only_b) + 0.5;
  const double centre = (a - b) / (n + 2), variance = (a + b - (a - b) * (a - b) / (n + 2));
  const double half_width = 1.96 * std::sqrt(variance) / (n + 2);
  return {static_cast<double>(only_a - only_b) / n,
          {std::max(-1.0, centre - half_width), std::min(1.0, centre + half_width)}};
}

PairedDifference paired_points(int64_t only_a, int64_t only_b, int64_t total) {
  const PairedDifference share = paired_difference(only_a, only_b, total);
  return {100 * share.value, {100 * share.interval.low, 100 * share.interval.high}};
}

bool is_at_most(const PairedDifference& points, double most) {
  constexpr double kRounding = 1e-9;
  return points.value <= most + kRounding;
}

Interval median_ratio_interval(std::span<const double> a, std::span<const double> b) {
  constexpr size_t kResamples = 2000;
  std::mt19937_64 random(1);
  std::vector<double> drawn_a(a.size()), drawn_b(a.size()), ratios(kResamples);
  for (double& ratio : ratios) {
    for (size_t i = 0; i < a.size(); ++i) {
      // Not uniform_int_distribution, whose numbers differ between standard libraries. The bias of
      // the remainder is size / 2^64.
      const size_t pick = random() % a.size();
      drawn_a[i] = a[pick];
      drawn_b[i] = b[pick];
    }
    ratio = median(drawn_a) / median(drawn_b);
  }
  return {percentile(ratios, 2.5), percentile(ratios, 97.5)};
}

}  // namespace vitro
