#pragma once

#include <string>
#include <string_view>

#include "calibration/tensor_statistics.h"
#include "passes/quantization.h"

// From what the input of a product holds to the 8-bit codes of it. Every range gives finite,
// positive factors.
namespace vitro {

/// What codes cover; values outside are clipped.
struct Range {
  double low = 0, high = 0;
  bool operator==(const Range&) const = default;
};

/// How the codes of an input are chosen.
enum class CalibrationMethod : uint8_t {
  MinMax,      ///< all of the range
  Entropy,     ///< TensorRT's: least divergence of the magnitudes, symmetric
  Percentile,  ///< all but 0.01 % of the values
  Mse,         ///< least squared error of the input
  OutputMse,   ///< least squared error of the product's results
};
inline constexpr CalibrationMethod kCalibrationMethods[] = {
    CalibrationMethod::MinMax, CalibrationMethod::Entropy, CalibrationMethod::Percentile,
    CalibrationMethod::Mse, CalibrationMethod::OutputMse};
/// "output-mse"
const char* to_string(CalibrationMethod method);
/// Of all methods.
std::vector<std::string> calibration_method_names();
/// Throws InvalidArgument, listing the names.
CalibrationMethod calibration_method(std::string_view name);

/// Where a threshold lies that ends with a bin.
enum class Threshold : uint8_t {
  BinCentre,  ///< (bins + 1/2) * width: TensorRT
  BinEdge,    ///< bins * width: pytorch-quantization
};

/// How many bins of magnitudes, at least 128, 128 codes should cover: the most of those with the
/// least divergence from the distribution, which its tail beyond belongs to. The first bin counts
/// like the second.
size_t entropy_bins(std::span<const uint64_t> magnitudes);
/// 0 where there is nothing but zeros.
double entropy_threshold(const Histogram& histogram, Threshold convention = Threshold::BinCentre);

Range minmax_range(const TensorStatistics& statistics);
/// All but `1 - kept` of the values, half of these on either side, to the ends of bins.
Range percentile_range(const TensorStatistics& statistics, double kept = 0.9999);
/// The part of the whole range whose codes have the least squared error over the histogram.
Range mse_range(const TensorStatistics& statistics);

/// The share of the values outside of a range, by the histogram.
double clipped_share(const TensorStatistics& statistics, const Range& range);

/// The codes 0 to 255 for a range. One that is empty, or too narrow for its distance from zero,
/// reaches to zero as well; that of nothing but zeros is [-1, 1]. With `exact_zero`, which padded
/// convolutions need, zero is in the range and has a code of its own.
InputQuantization affine_codes(Range range, size_t channels, bool exact_zero);
/// TensorRT's: codes 1 to 255 for -threshold to threshold, 128 for zero; a threshold of 0 is 1.
InputQuantization symmetric_codes(double threshold, size_t channels);
/// Those of 8-bit floats for the codes 0 to 255 that a method chose: the largest magnitude that any
/// of them stands for is the largest Float8E4M3, zero is zero. One factor for all channels: floats
/// do not need channels of one size.
InputQuantization float8_codes(const InputQuantization& codes);

}  // namespace vitro
