// Compiled without floating-point contraction: a fused multiply-add would change some weights by
// one.
#include "image/filter_weights.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace vitro::image {
namespace {

double triangle(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

/// Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0; }

struct Filter {
  double (*value)(double);
  double support;
};

Filter filter_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::Bilinear:
      return {triangle, 1.0};
    case Interpolation::Bicubic:
      return {cubic, 2.0};
    case Interpolation::Lanczos:
      return {lanczos, 3.0};
  }
  return {cubic, 2.0};
}

int32_t to_fixed_point(double weight) {
  constexpr double kOne = 1 << FilterWeights::kFractionBits;
  return static_cast<int32_t>((weight < 0.0 ? -0.5 : 0.5) + weight * kOne);
}

}  // namespace

FilterWeights make_filter_weights(Interpolation interpolation, int64_t src_size, int64_t dst_size,
                                  int64_t first, int64_t count) {
  const Filter filter = filter_of(interpolation);
  const double scale = static_cast<double>(src_size) / static_cast<double>(dst_size);
  const double filter_scale = std::max(scale, 1.0);  // wider when scaling down: the anti-aliasing
  const double support = filter.support * filter_scale;
  const double inverse_scale = 1.0 / filter_scale;

  FilterWeights result;
  result.windows.reserve(static_cast<size_t>(count));
  std::vector<double> values;
  for (int64_t dst = first; dst < first + count; ++dst) {
    const double center = (static_cast<double>(dst) + 0.5) * scale;
    const auto begin = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const auto end = std::min<int64_t>(static_cast<int64_t>(center + support + 0.5), src_size);
    values.clear();
    double sum = 0.0;
    for (int64_t tap = 0; tap < end - begin; ++tap) {
      const double position = static_cast<double>(tap + begin) - center + 0.5;
      values.push_back(filter.value(position * inverse_scale));
      sum += values.back();
    }
    result.windows.push_back(
        {static_cast<int>(begin), static_cast<int>(values.size()), result.weights.size()});
    for (double value : values) {
      result.weights.push_back(to_fixed_point(sum != 0.0 ? value / sum : value));
    }
  }
  return result;
}

}  // namespace vitro::image
