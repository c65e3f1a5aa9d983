#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/output.h"
#include "passes/quantized_products.h"
#include "runtime/quantization_record.h"
#include "vitro/plan.h"

namespace vitro::cli {

/// What the graph says of a product in 8 bits, and what the build recorded.
struct QuantizedRow {
  QuantizedProduct product;
  ProductRecord record;  ///< empty where there is none: a plan of an older Vitro, or another tool's

  /// Of the product's results, in dB.
  std::optional<double> sqnr() const;
};
/// Of a plan: largest error first, then what is clipped most.
std::vector<QuantizedRow> worst_first(const Plan& plan);
/// How many products are shown where not all are.
inline constexpr size_t kWorstShown = 10;
/// The method of a calibration, for people.
std::string method_text(const QuantizationRecord& record);

/// The products of a plan in 8 bits for `inspect --quant`: those with the largest errors, or all.
std::string quantization_text(const Plan& plan, bool all);
/// The object "quant" of docs/cli.md.
Json quantization_json(const Plan& plan);

/// How products were chosen for --max-drop: the most sensitive ones, or all, and the points that
/// were evaluated. The record has a search.
std::string search_text(const QuantizationRecord& record, bool all);

}  // namespace vitro::cli
