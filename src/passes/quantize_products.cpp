#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "core/check.h"
#include "core/convert.h"
#include "core/float8.h"
#include "ir/infer.h"
#include "ir/op_info.h"
#include "passes/affine.h"
#include "passes/passes.h"
#include "passes/quantized_product.h"
#include "passes/quantized_products.h"

namespace vitro {
namespace {

constexpr double kMostCode = 127;  // of a weight; -128 would make the range lopsided

double squared_error(std::span<const double> row, double scale) {
  double sum = 0;
  for (double w : row) {
    const double code = std::clamp(std::nearbyint(w / scale), -kMostCode, kMostCode);
    sum += (w - code * scale) * (w - code * scale);
  }
  return sum;
}

/// The scale with the least squared error of a row: that of its largest element, or a smaller one
/// that clips it.
double best_scale(std::span<const double> row) {
  double most = 0;
  for (double w : row) most = std::max(most, std::abs(w));
  if (most == 0) return 1;
  double best = most / kMostCode, least = squared_error(row, best);
  for (int percent = 98; percent >= 60; percent -= 2) {
    const double scale = most * percent / (100 * kMostCode), error = squared_error(row, scale);
    if (error < least) std::tie(best, least) = std::pair(scale, error);
  }
  return best;
}

/// The scale that makes the largest element the largest 8-bit float: a smaller one would clip it
/// and make the steps of the others no finer, as they are relative.
double float8_scale(std::span<const double> row) {
  double most = 0;
  for (double w : row) most = std::max(most, std::abs(w));
  return most == 0 ? 1 : most / kLargestFloat8E4M3;
}

QuantizedRows quantize_rows(const std::vector<double>& weight, size_t num_rows, DType dtype) {
  QuantizedRows result;
  result.dtype = dtype;
  const bool floats = dtype == DType::Float8E4M3;
  const size_t terms = weight.size() / num_rows;
  for (size_t row = 0; row < num_rows; ++row) {
    const std::span<const double> src(weight.data() + row * terms, terms);
    const auto scale = static_cast<float>(floats ? float8_scale(src) : best_scale(src));
    result.scales.push_back(scale);
    for (double w : src)
      result.codes.push_back(floats ? float32_to_float8_e4m3(static_cast<float>(w / scale))
                                    : std::lrint(std::clamp(w / scale, -kMostCode, kMostCode)));
  }
  return result;
}

double value_of(const QuantizedRows& rows, size_t i) {
  if (rows.dtype == DType::Float8E4M3)
    return double{float8_e4m3_to_float32(static_cast<uint8_t>(rows.codes[i]))};
  return static_cast<double>(rows.codes[i]);
}

bool is_quantizable(const Matcher& matcher, const Node& node) {
  const Graph& graph = matcher.graph();
  if (node.kind != OpKind::Linear && node.kind != OpKind::Conv) return false;
  if (node.kind == OpKind::Conv && node.as<ConvAttrs>().groups != 1) return false;
  return !graph.is_constant(node.inputs[0]) && has_weights(graph, node);
}

bool is_result(const Matcher& matcher, ValueId id) {
  const auto readers = matcher.readers(id);
  if (readers.size() < matcher.num_uses(id)) return true;  // a graph output
  return std::any_of(readers.begin(), readers.end(), [&](const Node* reader) {
    return op_info(reader->kind).has(View) && is_result(matcher, reader->outputs[0]);
  });
}

/// Of the weight.
DType dtype_of_codes(const InputQuantization& input) {
  return input.offset.empty() ? DType::Float8E4M3 : DType::Int8;
}

void expect_fits(const Node& node, const InputQuantization& input, size_t channels,
                 size_t outputs) {
  const auto is_positive = [](float factor) { return std::isfinite(factor) && factor > 0; };
  const auto is_finite = [](float value) { return std::isfinite(value); };
  check(input.factor.size() == channels &&
            (input.offset.empty() || input.offset.size() == channels) &&
            (input.mean.empty() || input.mean.size() == channels),
        ErrorCode::InvalidArgument, "the quantization of '{}' has {} channels, its input {}",
        node.source, input.factor.size(), channels);
  check(input.error.empty() || input.error.size() == outputs, ErrorCode::InvalidArgument,
        "the correction of '{}' has {} outputs, the product {}", node.source, input.error.size(),
        outputs);
  check(std::all_of(input.factor.begin(), input.factor.end(), is_positive) &&
            std::all_of(input.offset.begin(), input.offset.end(), is_finite) &&
            std::all_of(input.mean.begin(), input.mean.end(), is_finite) &&
            std::all_of(input.error.begin(), input.error.end(), is_finite),
        ErrorCode::InvalidArgument,
        "the quantization of '{}' has a factor that is not positive, or a value that is not finite",
        node.source);
}

/// x = (q - offset) / factor: the factors go into the columns of the weight, the offsets into the
/// bias. What the rounding of the weight adds for the mean input is taken from the bias, and so is
/// the mean error that was measured.
void quantize(Graph& graph, Node& node, const InputQuantization& input) {
  const Constant weight = *graph.value(node.inputs[1]).constant;  // [out, ..., in]
  const auto src = weight.floats();
  const auto out = static_cast<size_t>(weight.type.dims.front());
  const auto in = static_cast<size_t>(weight.type.dims.back());
  const size_t terms = src.size() / out;
  expect_fits(node, input, in, out);
  std::vector<double> folded(src.size());
  for (size_t i = 0; i < src.size(); ++i)
    folded[i] = static_cast<double>(src[i]) / input.factor[i % in];
  const QuantizedRows rows = quantize_rows(folded, out, dtype_of_codes(input));
  auto [bias, dst] = allocate_floats({static_cast<int64_t>(out)});
  for (size_t row = 0; row < out; ++row) {
    double sum = node.has_input(2) ? graph.value(node.inputs[2]).constant->floats()[row] : 0.0;
    if (!input.error.empty()) sum -= input.error[row];
    for (size_t i = row * terms; i < (row + 1) * terms; ++i) {
      const double w = rows.scales[row] * value_of(rows, i);
      if (!input.offset.empty()) sum -= w * input.offset[i % in];
      if (!input.mean.empty()) sum += (folded[i] - w) * input.factor[i % in] * input.mean[i % in];
    }
    dst[row] = static_cast<float>(sum);
  }
  become_quantized(graph, node, rows, std::move(bias), input);
}

/// How a product sees the pixels that it reads through a batch_norm; nothing for one of other
/// values.
std::optional<ChannelAffine> affine_of_pixels(const Matcher& matcher, const Node& product) {
  const Node* norm = matcher.producer(product.inputs[0], OpKind::BatchNorm);
  const Node* floats = norm ? matcher.producer(norm->inputs[0], OpKind::DequantizeLinear) : nullptr;
  const Graph& graph = matcher.graph();
  const bool pixels = floats && !floats->has_input(2) &&
                      graph.value(floats->inputs[0]).type.dtype == DType::UInt8 &&
                      scalar_value(graph, floats->inputs[1]) == 1.0;
  if (!pixels) return std::nullopt;
  const auto affine = batch_norm_affine(graph, *norm);
  const bool grows = affine && std::ranges::all_of(affine->scale, [](double s) { return s > 0; });
  return grows ? affine : std::nullopt;
}

/// The pixels are the codes: nothing is rounded.
void make_codes_of_pixels(const ChannelAffine& affine, InputQuantization& input) {
  for (size_t i = 0; i < affine.scale.size(); ++i) {
    input.factor[i] = static_cast<float>(1 / affine.scale[i]);
    input.offset[i] = static_cast<float>(-affine.shift[i] / affine.scale[i]);
  }
}

}  // namespace

std::string why_float(const Matcher& matcher, const Node& product, DType dtype) {
  const Dims& weight = matcher.graph().value(product.inputs[1]).type.dims;
  const int64_t terms = num_elements(Dims(weight.begin() + 1, weight.end()));
  if (dtype == DType::Int8 && terms > kMostQuantizedTerms)  // in floats it does
    return fmt::format("a sum of {} terms may not fit into 32 bits", terms);
  return {};
}

bool gives_result(const Matcher& matcher, const Node& product) {
  return is_result(matcher, product.output());
}

void become_quantized(Graph& graph, Node& node, const QuantizedRows& rows, Constant bias,
                      const InputQuantization& input) {
  const Dims dims = graph.value(node.inputs[1]).type.dims;
  node.kind = node.kind == OpKind::Conv ? OpKind::QuantizedConv : OpKind::QuantizedLinear;
  set_weight(graph, node, 1, make_constant(dims, rows.codes, rows.dtype));
  set_weight(graph, node, 2, std::move(bias));
  const std::string& name = node.source;
  const std::vector<float> offset =
      input.offset.empty() ? std::vector<float>(input.factor.size()) : input.offset;
  node.inputs.push_back(
      add_constant(graph, name + ".weight_scale", make_constant({dims.front()}, rows.scales)));
  node.inputs.push_back(
      add_constant(graph, input_factor_name(name), make_constant({dims.back()}, input.factor)));
  node.inputs.push_back(
      add_constant(graph, name + ".input_offset", make_constant({dims.back()}, offset)));
}

void quantize_products(Graph& graph, const Quantization& inputs) {
  std::set<std::string> unknown;
  for (const auto& [name, input] : inputs) unknown.insert(name);
  const Matcher matcher(graph);
  std::vector<Node*> found;
  for (Node& node : graph.nodes) {
    if (!inputs.contains(node.source) || !is_quantizable(matcher, node)) continue;
    unknown.erase(node.source);
    if (why_float(matcher, node, dtype_of_codes(inputs.at(node.source))).empty())
      found.push_back(&node);
  }
  check(unknown.empty(), ErrorCode::InvalidArgument,
        "the model has no product '{}' that could be quantized",
        unknown.empty() ? "" : *unknown.begin());
  for (Node* node : found) {
    InputQuantization input = inputs.at(node->source);
    const auto pixels = affine_of_pixels(matcher, *node);
    if (pixels && !input.offset.empty()) make_codes_of_pixels(*pixels, input);
    quantize(graph, *node, input);
  }
  remove_dead(graph);
}

}  // namespace vitro
