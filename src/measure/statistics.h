#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace vitro {

/// Of a set of measurements, in their unit.
struct Summary {
  double median = 0, p90 = 0, p95 = 0, p99 = 0, min = 0, max = 0, mean = 0;
  double stddev = 0;  ///< of the sample; 0 for one measurement
};

/// `values` holds at least one number.
Summary summarize(const std::vector<double>& values);

/// The `percent`-th percentile of one number or more in any order, linear between neighbours
/// (numpy's default).
double percentile(std::vector<double> values, double percent);
/// percentile(values, 50).
double median(std::vector<double> values);

struct Interval {
  double low = 0, high = 0;
};

/// Wilson's 95 % score interval of a proportion, in [0, 1]; (0, 1) when total is 0.
/// Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
Interval wilson_interval(int64_t successes, int64_t total);

/// A difference and its 95 % interval.
struct PairedDifference {
  double value = 0;
  Interval interval;
};
/// Of two proportions of the same `total` cases: `only_a` of them are successes of a alone,
/// `only_b` of b alone; value is that of a less that of b. Wald's interval of matched pairs, with
/// half a case of each kind more (Agresti & Min, 2005), so that it is never empty. 0 in (-1, 1)
/// when total is 0.
PairedDifference paired_difference(int64_t only_a, int64_t only_b, int64_t total);

/// The same of percentages.
PairedDifference paired_points(int64_t only_a, int64_t only_b, int64_t total);
/// Whether a difference in points is at most `most`: counts are exact, points are not, and 0.3 of
/// 2,000 cases are 6.
bool is_at_most(const PairedDifference& points, double most);

/// 95 % percentile-bootstrap interval of median(a) / median(b). The i-th numbers were measured
/// together and are drawn together; there are equally many, at least one. Equal data gives equal
/// bits.
/// Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
Interval median_ratio_interval(std::span<const double> a, std::span<const double> b);

}  // namespace vitro
