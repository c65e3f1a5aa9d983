#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/convert.h"
#include "ir/infer.h"
#include "ir/op_info.h"
#include "passes/quantized_product.h"

namespace vitro {
namespace {

constexpr int64_t kMostCode = 127, kLeastCode = -128;
// What float32 leaves of code * scale, and of factors that passes folded into a row.
constexpr double kRounding = 1.0 / (1 << 20);

using Codes =
    std::pair<std::vector<int64_t>, float>;  ///< integers, and what they are multiplied by

double largest(std::span<const float> row) {
  double most = 0;
  for (float w : row) most = std::max(most, std::abs(double{w}));
  return most;
}

/// Rounds each element to a multiple of `step`; whether all fit a byte and `is_near(w, multiple)`.
template <class IsNear>
bool divide(std::span<const float> row, double step, std::vector<int64_t>& codes, IsNear is_near) {
  for (size_t i = 0; i < row.size(); ++i) {
    codes[i] = std::llround(row[i] / step);
    if (codes[i] > kMostCode || codes[i] < kLeastCode) return false;
    if (!is_near(row[i], static_cast<double>(codes[i]) * step)) return false;
  }
  return true;
}

/// The integers that a row is a multiple of, none above 127 and the largest as large as can be, as
/// quantizers choose them.
std::optional<Codes> codes_of_floats(std::span<const float> row) {
  const double most = largest(row);
  std::vector<int64_t> codes(row.size());
  const auto fits = [&](double step) {
    return divide(row, step, codes, [&](double w, double multiple) {
      return std::abs(w - multiple) <= most * kRounding;
    });
  };
  double step = 0;
  for (int64_t code = kMostCode; code > 0 && step == 0; --code)
    if (fits(most / static_cast<double>(code))) step = most / static_cast<double>(code);
  if (step == 0 && fits(most / -kLeastCode)) step = most / -kLeastCode;
  const auto scale = static_cast<float>(step);
  if (step == 0 || !std::isnormal(scale)) return std::nullopt;
  // Of its neighbours that which gives most elements to the bit.
  const auto exact = [&](float near) {
    size_t count = 0;
    for (size_t i = 0; i < row.size(); ++i) count += static_cast<float>(codes[i]) * near == row[i];
    return count;
  };
  const std::array near{scale, std::nextafter(scale, 0.0f), std::nextafter(scale, INFINITY)};
  return std::pair(std::move(codes),
                   *std::max_element(near.begin(), near.end(),
                                     [&](float a, float b) { return exact(a) < exact(b); }));
}

float to_half(double value) {
  return float16_to_float32(float32_to_float16(static_cast<float>(value)));
}

/// The same of a row that was multiplied in float16: by a scale of float16, each product rounded.
std::optional<Codes> codes_of_halves(std::span<const float> row) {
  if (!std::ranges::all_of(row, [](float w) { return to_half(w) == w; })) return std::nullopt;
  const double most = largest(row);
  std::vector<int64_t> codes(row.size());
  for (int64_t code = -kLeastCode; code > 0; --code) {
    const uint16_t usual = float32_to_float16(static_cast<float>(most / static_cast<double>(code)));
    for (const int beside : {0, 1, -1}) {
      const float scale = float16_to_float32(static_cast<uint16_t>(usual + beside));
      if (std::isnormal(scale) && divide(row, scale, codes, [](double w, double multiple) {
            return w == to_half(multiple);
          }))
        return std::pair(std::move(codes), scale);
    }
  }
  return std::nullopt;
}

std::optional<Codes> codes_of(std::span<const float> row) {
  if (!std::ranges::all_of(row, [](float w) { return std::isfinite(w); })) return std::nullopt;
  if (largest(row) == 0) return Codes{std::vector<int64_t>(row.size()), 1.0f};
  if (auto codes = codes_of_floats(row)) return codes;
  return codes_of_halves(row);
}

std::optional<QuantizedRows> rows_of(const Constant& weight) {
  const auto out = static_cast<size_t>(weight.type.dims.front());
  const auto values = weight.floats();
  QuantizedRows rows;
  for (size_t row = 0; row < out; ++row) {
    const size_t terms = values.size() / out;
    const auto codes = codes_of(values.subspan(row * terms, terms));
    if (!codes) return std::nullopt;
    rows.codes.insert(rows.codes.end(), codes->first.begin(), codes->first.end());
    rows.scales.push_back(codes->second);
  }
  return rows;
}

struct Place {
  double scale, zero;
};

/// Scale and zero point of codes of one byte, if they are one number each for the whole tensor.
std::optional<Place> place_of(const Graph& graph, const Node& node, DType dtype) {
  const auto scale = scalar_value(graph, node.inputs[1]);
  if (!scale) return std::nullopt;
  if (!node.has_input(2)) return Place{*scale, 0};
  const auto& zero = graph.value(node.inputs[2]).constant;
  if (!zero || zero->bytes.size() != dtype_size(dtype) || dtype != zero->type.dtype)
    return std::nullopt;
  const auto code = std::to_integer<uint8_t>(zero->bytes[0]);
  return Place{*scale,
               dtype == DType::Int8 ? static_cast<double>(static_cast<int8_t>(code)) : code};
}

/// Why an input with these codes cannot be that of a quantized product; "" when it can.
std::string place_reason(const Graph& graph, const Node& quantize, const Node& dequantize) {
  const DType dtype = graph.value(dequantize.inputs[0]).type.dtype;
  if (dtype != DType::UInt8 && dtype != DType::Int8)
    return fmt::format("the codes of its input are {}, expected uint8 or int8", dtype_name(dtype));
  const auto from = place_of(graph, quantize, dtype), to = place_of(graph, dequantize, dtype);
  if (!from || !to)
    return "scale and zero point of its input are not one known number each for all of it";
  if (from->scale != to->scale || from->zero != to->zero)
    return fmt::format("its input is quantized with {} and {}, and read with {} and {}",
                       from->scale, from->zero, to->scale, to->zero);
  const auto factor = static_cast<float>(1 / from->scale);
  if (!(factor > 0) || !std::isnormal(factor))
    return fmt::format("the scale of its input is {}, expected a positive one", from->scale);
  return "";
}

std::string product_reason(const Matcher& matcher, const Node& product) {
  const Graph& graph = matcher.graph();
  if (product.kind == OpKind::Conv && product.as<ConvAttrs>().groups != 1)
    return fmt::format("it has {} groups, expected 1", product.as<ConvAttrs>().groups);
  const auto is_float = [&](ValueId id) {
    const auto& constant = id == kAbsent ? std::nullopt : graph.value(id).constant;
    return id == kAbsent || (constant && constant->type.dtype == DType::Float32);
  };
  if (!std::all_of(product.inputs.begin() + 1, product.inputs.end(), is_float))
    return "its weight or bias is computed";
  const Dims& w = graph.value(product.inputs[1]).type.dims;
  const int64_t terms = num_elements(Dims(w.begin() + 1, w.end()));
  if (num_elements(w) == 0 || terms > kMostQuantizedTerms)
    return fmt::format("its sums are of {} terms, expected 1 to {}", terms, kMostQuantizedTerms);
  return "";
}

}  // namespace

std::optional<ExplicitProduct> match_explicit_product(const Matcher& matcher, Node& product,
                                                      std::string& reason) {
  if (product.kind != OpKind::Linear && product.kind != OpKind::Conv) return std::nullopt;
  const Graph& graph = matcher.graph();
  ExplicitProduct match;
  match.reader = &product;
  Node* dequantize = matcher.producer(product.inputs[0]);
  while (dequantize && matcher.num_uses(dequantize->outputs[0]) == 1 &&
         (dequantize->kind == OpKind::Transpose || op_info(dequantize->kind).has(View))) {
    match.reader = dequantize;
    dequantize = matcher.producer(dequantize->inputs[0]);
  }
  if (!dequantize || dequantize->kind != OpKind::DequantizeLinear) return std::nullopt;
  const Node* quantize = matcher.producer(dequantize->inputs[0], OpKind::QuantizeLinear);
  reason = !quantize ? "its codes do not come from quantize_linear" : "";
  if (reason.empty()) reason = product_reason(matcher, product);
  if (reason.empty()) reason = place_reason(graph, *quantize, *dequantize);
  if (!reason.empty()) return std::nullopt;
  match.x = quantize->inputs[0];
  if (graph.value(match.x).type.dtype != DType::Float32 ||
      graph.value(dequantize->output()).type.dtype != DType::Float32) {
    reason = "its input is no float32";
    return std::nullopt;
  }
  // In a plan it may have the form of a backend: the pass has looked at it before.
  const auto& weight = *graph.value(product.inputs[1]).constant;
  auto rows = weight.storage.empty() ? rows_of(weight) : std::nullopt;
  if (!rows) {
    reason = fmt::format("the rows of its weight are no multiples of integers from {} to {}",
                         kLeastCode, kMostCode);
    return std::nullopt;
  }
  match.rows = std::move(*rows);
  const DType dtype = graph.value(dequantize->inputs[0]).type.dtype;
  const Place place = *place_of(graph, *dequantize, dtype);
  match.scale = place.scale;
  match.offset = place.zero + (dtype == DType::Int8 ? -double{kLeastCode} : 0.0);
  return match;
}

}  // namespace vitro
