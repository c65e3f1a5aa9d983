#include <algorithm>
#include <cmath>

#include "export/graph_writer.h"
#include "ir/infer.h"

// Products in 8 bits, as engines want them: QuantizeLinear to int8 with the zero point 0 and one
// scale, DequantizeLinear of int8 weights with a scale for each output.
namespace vitro::onnx {
namespace {

constexpr float kMiddle = 128;  ///< the code that becomes 0

std::vector<float> vector_of(const GraphWriter& out, size_t i) {
  const auto values = out.constant_operand(i).floats();
  return {values.begin(), values.end()};
}

bool are_all(const std::vector<float>& values, float value) {
  return std::all_of(values.begin(), values.end(), [&](float v) { return v == value; });
}

/// The number whose reciprocal is that factor, as the reader will have it.
float scale_of(float factor) {
  const float scale = 1 / factor;
  for (const float near : {scale, std::nextafter(scale, 0.0f), std::nextafter(scale, INFINITY)})
    if (1 / near == factor) return near;
  return scale;
}

/// What is left to be written when the input is one of zero point 0.
struct Quantized {
  Name x;       ///< behind DequantizeLinear
  float scale;  ///< of its codes
};

/// Channels lie along `axis` of x.
Quantized quantize_input(GraphWriter& out, Name x, size_t rank, size_t axis) {
  const std::vector<float> factor = vector_of(out, 4), offset = vector_of(out, 5);
  const bool is_one = are_all(factor, factor[0]) && std::isnormal(factor[0]) && factor[0] > 0 &&
                      std::isnormal(1 / factor[0]);
  Dims dims(rank - axis, 1);
  dims[0] = static_cast<int64_t>(factor.size());
  const float scale = is_one ? scale_of(factor[0]) : 1.0f;
  if (!is_one) x = out.emit("Mul", {x, out.constant(make_constant(dims, factor))});
  if (!are_all(offset, kMiddle)) {
    std::vector<float> shift;
    for (const float code : offset)
      shift.push_back(static_cast<float>((double{code} - kMiddle) * scale));
    const bool is_same = are_all(shift, shift[0]);
    x = out.emit("Add", {x, is_same ? out.scalar(shift[0], DType::Float32)
                                    : out.constant(make_constant(dims, shift))});
  }
  const Name step = out.scalar(scale, DType::Float32), zero = out.scalar(0, DType::Int8);
  x = out.emit("QuantizeLinear", {x, step, zero});
  return {out.emit("DequantizeLinear", {x, step, zero}), scale};
}

/// The weight [out, ...] with its axes in that order, in float.
Name dequantized_weight(GraphWriter& out, Name codes, float scale, int64_t axis) {
  std::vector<float> scales;
  for (const float row : vector_of(out, 3))
    scales.push_back(static_cast<float>(double{row} / scale));
  const auto count = static_cast<int64_t>(scales.size());
  return out.emit(
      "DequantizeLinear",
      {codes, out.constant(make_constant({count}, scales)), out.filled({count}, 0, DType::Int8)},
      Attributes().integer("axis", axis));
}

/// The bias [out] of codes from -128 to 127.
Name bias(GraphWriter& out) {
  const std::vector<float> scale = vector_of(out, 3);
  const Constant& weight = out.constant_operand(1);
  const auto* codes = reinterpret_cast<const int8_t*>(weight.bytes.data());
  const size_t terms = weight.bytes.size() / scale.size();
  std::vector<float> sums;
  for (size_t row = 0; row < scale.size(); ++row) {
    int64_t sum = 0;
    for (size_t i = row * terms; i < (row + 1) * terms; ++i) sum += codes[i];
    const double given = out.has(2) ? out.constant_operand(2).floats()[row] : 0.0;
    sums.push_back(
        static_cast<float>(given + double{kMiddle} * scale[row] * static_cast<double>(sum)));
  }
  return out.constant(make_constant({static_cast<int64_t>(sums.size())}, sums));
}

void expect_constants(GraphWriter& out) {
  if (out.dtype(1) != DType::Int8) out.unsupported("its weights are 8-bit floats");
  for (size_t i = 1; i < out.node().inputs.size(); ++i)
    if (out.has(i) && !out.is_constant(i)) out.unsupported("its weights are computed");
}

}  // namespace

void write_quantized_linear(GraphWriter& out) {
  expect_constants(out);
  const size_t rank = out.rank(0);
  const Ints order = channels_first(rank);
  const Dims& weight = out.dims(1);
  if (rank == 4 && out.natural_order(0) == order && !out.is_made_in(0, usual_order(rank))) {
    const Quantized input = quantize_input(out, out.in(0, order), rank, 1);
    const Name codes = out.reshaped_constant(1, {0, 1}, {weight[0], weight[1], 1, 1});
    const Name taps = dequantized_weight(out, codes, input.scale, 0);
    out.define(
        out.emit("Conv", {input.x, taps, bias(out)}, Attributes().integers("kernel_shape", {1, 1})),
        order);
    return;
  }
  const Quantized input = quantize_input(out, out.in(0), rank, rank - 1);
  if (rank == 2) {
    const Name matrix = dequantized_weight(out, out.in(1), input.scale, 0);
    out.define(out.emit("Gemm", {input.x, matrix, bias(out)}, Attributes().integer("transB", 1)));
    return;
  }
  const Name matrix = dequantized_weight(out, out.in(1, {1, 0}), input.scale, 1);
  out.define(out.emit("Add", {out.emit("MatMul", {input.x, matrix}), bias(out)}));
}

void write_quantized_conv(GraphWriter& out) {
  expect_constants(out);
  const size_t rank = out.rank(0);
  const Ints order = channels_first(rank);
  std::vector<WindowAxis> windows = conv_windows(out.node(), out.dims(1));
  Name x = out.in(0, order);
  // What is added to the input is added to its padding too, which therefore comes first.
  Ints pads(2 * rank);
  for (size_t i = 0; i < windows.size(); ++i) {
    pads[2 + i] = windows[i].pad_begin;
    pads[rank + 2 + i] = windows[i].pad_end;
  }
  const bool is_padded = std::any_of(pads.begin(), pads.end(), [](int64_t p) { return p != 0; });
  if (is_padded && !are_all(vector_of(out, 5), kMiddle)) {
    x = out.emit("Pad", {x, out.list(pads)});
    for (WindowAxis& axis : windows) axis.pad_begin = axis.pad_end = 0;
  }
  const Quantized input = quantize_input(out, x, rank, 1);
  const Name weight = dequantized_weight(out, out.in(1, order), input.scale, 0);
  out.define(out.emit("Conv", {input.x, weight, bias(out)}, window_attributes(windows)), order);
}

}  // namespace vitro::onnx
