#pragma once

#include <functional>

#include "calibration/ranges.h"

namespace vitro {

/// c[m, n] = sum_k a[m, k] b[n, k], all of them dense rows.
using MultiplyRows = std::function<void(std::span<const float> a, std::span<const float> b,
                                        size_t depth, std::span<float> c)>;

/// A product and a sample of what it multiplies.
struct ProductSample {
  std::span<const float> rows;     ///< [m, k]; column j is of channel j % channels
  std::span<const float> weights;  ///< [n, k], finite
  size_t depth = 0;                ///< k
  bool exact_zero = false;         ///< see affine_codes()
};

/// The codes whose product, with weights in 8 bits per output, is nearest to that of the sample.
struct OutputChoice {
  InputQuantization codes;
  double alpha = 0;        ///< of the smoothing, see below
  double nmse = 0;         ///< |y' - y|^2 / |y|^2 of the product's results over the sample
  double minmax_nmse = 0;  ///< the same of codes for the whole range
};

/// Smoothing divides channel c by max|x_c|^alpha / max|w_c|^(1 - alpha), which its weights are
/// multiplied by: channels of the input become alike for alpha towards 1. For each alpha of a list
/// the range is the one with the least error of the input, weighted with the weights; of these, the
/// range `other` and the whole one that wins which has the least error of the results. A smoothing
/// that saves less than 5 % of the error is left out, all of them where `smooths` is false.
OutputChoice choose_by_output(const ProductSample& sample,
                              std::span<const TensorStatistics::Channel> channels,
                              const Range& other, const MultiplyRows& multiply,
                              bool smooths = true);

/// The codes that a method has for rows [m, k] of a whole range, before smoothing is in the
/// factors.
using CodesOf = std::function<InputQuantization(std::span<const float> rows, const Range& whole)>;

/// The same for another method: `plain` are its codes without smoothing, `codes_of` tells those of
/// rows that were smoothed. The smoothing with the least error of the results is kept where it
/// saves 5 % of that of the plain codes.
OutputChoice smooth_by_output(const ProductSample& sample,
                              std::span<const TensorStatistics::Channel> channels,
                              const InputQuantization& plain, const CodesOf& codes_of,
                              const MultiplyRows& multiply);

/// The share of the values of a sample that codes clip.
double clipped_share(std::span<const float> rows, const InputQuantization& codes);

/// The weights that multiply codes, [n, k], as 8 bits per output give them: rounded to 127 steps on
/// either side of zero, after columns were divided by the factors of their channels.
std::vector<float> rounded_weights(std::span<const float> weights, size_t depth,
                                   std::span<const float> factors);

}  // namespace vitro
