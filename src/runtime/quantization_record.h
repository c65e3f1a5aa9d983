#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/statistics.h"

namespace vitro {

/// How often values fell into equal parts of their range.
struct HistogramSummary {
  double low = 0, high = 0;
  std::vector<uint64_t> counts;  ///< none where there were no values

  bool operator==(const HistogramSummary&) const = default;
};

/// What became of a product of a model that was built in 8 bits.
struct ProductRecord {
  std::string product;      ///< its name, Node::source
  std::string stays_float;  ///< why; empty: it is in 8 bits
  bool forced = false;      ///< 8 bits were asked for by name: it is not restored
  double flops = 0;         ///< at the default shape, multiply-adds counted as two
  /// What the calibration says: share of the input's values outside of the codes, exponent of the
  /// smoothing, and |y' - y|^2 / |y|^2 of the product's results.
  std::optional<double> clipped = {}, alpha = {}, nmse = {};
  std::optional<HistogramSummary> histogram = {};  ///< of the input, over the calibration
  /// Mean KL divergence of the model's answers when this product alone is in 8 bits.
  std::optional<double> divergence = {};

  bool in_8_bits() const { return stays_float.empty(); }
  bool operator==(const ProductRecord&) const = default;
};

/// A choice of products that was evaluated beside the model in float.
struct PrecisionPoint {
  int64_t products = 0;        ///< in 8 bits
  double flops = 0;            ///< of these
  int64_t top1 = 0;            ///< images that the model gets right
  int64_t only_model = 0;      ///< of them those that the model in float gets wrong
  int64_t only_reference = 0;  ///< images that the model in float alone gets right

  bool operator==(const PrecisionPoint&) const = default;
};

/// How products were chosen within a bound of the accuracy.
struct PrecisionSearch {
  double max_drop = 0;                 ///< points of top-1 below the model in float
  int64_t images = 0;                  ///< that were evaluated
  int64_t sensitivity_images = 0;      ///< of them for the divergence; 0: it was not needed
  std::vector<PrecisionPoint> points;  ///< in the order of their evaluation
  size_t chosen = 0;                   ///< the point that the plan is

  /// By how many points the top-1 of a point is below that of the model in float.
  PairedDifference drop(const PrecisionPoint& point) const;
  bool operator==(const PrecisionSearch&) const = default;
};

/// What a build in 8 bits did, for people.
struct QuantizationRecord {
  std::string method;                   ///< of the calibration; empty: another tool's scales
  std::vector<ProductRecord> products;  ///< all of the model, in execution order
  std::optional<PrecisionSearch> search = {};

  int64_t num_in_8_bits() const;
  double flops_in_8_bits() const;
  double flops() const;
  /// How many products are in 8 bits, and which are not for which reason.
  std::string note() const;
  bool operator==(const QuantizationRecord&) const = default;
};

/// JSON text on one line, and back. Throws CorruptFile, naming what is wrong.
std::string quantization_to_json(const QuantizationRecord& record);
QuantizationRecord quantization_from_json(std::string_view json);

}  // namespace vitro
