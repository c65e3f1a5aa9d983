#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "passes/pattern.h"
#include "passes/quantization.h"

namespace vitro {

/// Rows [out, terms] of a weight as integers, or as the bits of Float8E4M3, each with a scale.
struct QuantizedRows {
  std::vector<int64_t> codes;
  std::vector<float> scales;
  DType dtype = DType::Int8;
};

/// linear, conv -> quantized_linear, quantized_conv with these operands. `bias` is float32 [out]
/// and holds what the offsets add. The input stays.
void become_quantized(Graph& graph, Node& node, const QuantizedRows& rows, Constant bias,
                      const InputQuantization& input);

/// Why a linear or conv with constant weights cannot be in 8 bits of that type, whatever is known
/// of its input; empty when it can be.
std::string why_float(const Matcher& matcher, const Node& product, DType dtype);
/// Why one that could be is not, unless it is asked for by name: the head.
inline constexpr const char* kGivesResult = "its result is that of the model";
bool gives_result(const Matcher& matcher, const Node& product);

/// dequantize_linear(quantize_linear(x)) that a linear or conv reads, maybe through views and
/// transposes: its weight is known in floats.
struct ExplicitProduct {
  ValueId x = kAbsent;
  Node* reader = nullptr;  ///< of the result of dequantize_linear, on the way to the product
  double scale = 0;        ///< of x
  double offset = 0;       ///< its zero point among the codes 0 to 255
  QuantizedRows rows;
};

/// The quantization that a model itself says of a product; nothing when it says none, or one that
/// a quantized product cannot have: `reason` then says why.
std::optional<ExplicitProduct> match_explicit_product(const Matcher& matcher, Node& product,
                                                      std::string& reason);

}  // namespace vitro
