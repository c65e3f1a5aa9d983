#include "core/error_norms.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vitro {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A quotient in which no difference is no error, whatever the reference.
double relative(double difference, double reference) {
  if (difference == 0) return 0;
  return reference > 0 && std::isfinite(difference) ? difference / reference : kInfinity;
}

}  // namespace

void ErrorNorms::add(std::span<const float> values, std::span<const float> reference) {
  for (size_t i = 0; i < values.size(); ++i) {
    const double expected = double{reference[i]};
    const double difference = std::abs(double{values[i]} - expected);
    // NaN would hide from the maximum.
    const double counted = std::isfinite(difference) ? difference : kInfinity;
    difference_squares_ += counted * counted;
    reference_squares_ += expected * expected;
    largest_difference_ = std::max(largest_difference_, counted);
  }
  count_ += static_cast<int64_t>(values.size());
}

double ErrorNorms::nmse() const { return relative(difference_squares_, reference_squares_); }

double ErrorNorms::max_error() const {
  return relative(largest_difference_, std::sqrt(reference_squares_ / static_cast<double>(count_)));
}

}  // namespace vitro
