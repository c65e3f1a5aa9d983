#pragma once

#include <functional>
#include <optional>
#include <string>

#include "runtime/quantization_record.h"

namespace vitro {

/// How a search looks at the model. Each gives nothing when the search is to stop.
struct PrecisionTrials {
  /// What the model gets right that has in 8 bits what the record says, and the model in float
  /// beside it. `products` and `flops` of the result need not be set.
  std::function<std::optional<PrecisionPoint>(const QuantizationRecord&)> evaluate;
  /// Mean KL divergence of the model's answers when that product alone is in 8 bits.
  std::function<std::optional<double>(const QuantizationRecord& alone)> divergence;
};

enum class SearchResult : uint8_t {
  Within,      ///< the bound holds
  OutOfReach,  ///< not with any product in 8 bits, or not with those that are forced to be
  Stopped,
};

/// Makes products of `record` float until the model is at most `search.max_drop` points below the
/// one in float: first all that are in 8 bits are evaluated; where that is too much, the products
/// with the largest divergence per FLOP are restored, 1, 2, 4, ... of them and, between the last of
/// these that is too much and the first that is not, by bisection. What was measured and evaluated
/// is in the record, whose `search` has the bound, the numbers of images and nothing else before.
SearchResult search_precisions(QuantizationRecord& record, const PrecisionTrials& trials);

/// The products that a search may restore, in its order. Their divergence was measured.
std::vector<size_t> by_sensitivity(const QuantizationRecord& record);

/// Whether no other point has as many FLOP in 8 bits and as small a drop, and one of both better.
bool is_pareto(const PrecisionSearch& search, size_t point);

}  // namespace vitro
