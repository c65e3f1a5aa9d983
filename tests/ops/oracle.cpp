#include "ops/oracle.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

#include "core/convert.h"
#include "ir/infer.h"
#include "ops/oracle_ops.h"

namespace vitro {
namespace oracle {

Dims coordinates(int64_t index, const Dims& dims) {
  Dims result(dims.size());
  for (size_t axis = dims.size(); axis-- > 0; index /= dims[axis])
    result[axis] = index % dims[axis];
  return result;
}

int64_t position(const Dims& at, const Dims& dims) {
  int64_t result = 0;
  for (size_t axis = 0; axis < dims.size(); ++axis) result = result * dims[axis] + at[axis];
  return result;
}

void linear(const Arrays& in, Array& out) {
  const int64_t num_out = in[1].dims[0], num_in = in[1].dims[1];
  for (int64_t index = 0; index < out.size(); ++index) {
    const int64_t row = index / num_out, o = index % num_out;
    double sum = in.size() > 2 ? in[2][o] : 0.0;
    for (int64_t i = 0; i < num_in; ++i) sum += in[0][row * num_in + i] * in[1][o * num_in + i];
    out[index] = sum;
  }
}

namespace {

/// Where an operand, broadcast as in NumPy, has its element for element `index` of the result.
int64_t broadcast_position(const Array& operand, int64_t index, const Dims& dims) {
  Dims at = coordinates(index, dims);
  at.erase(at.begin(), at.begin() + static_cast<std::ptrdiff_t>(dims.size() - operand.dims.size()));
  for (size_t axis = 0; axis < at.size(); ++axis)
    if (operand.dims[axis] == 1) at[axis] = 0;
  return position(at, operand.dims);
}

double broadcast_at(const Array& operand, int64_t index, const Dims& dims) {
  return operand[broadcast_position(operand, index, dims)];
}

void matmul(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<MatMulAttrs>();
  const Array &a = in[0], &b = in[1];
  const int64_t columns = out.dims.back(), rows = out.dims[out.dims.size() - 2];
  const int64_t inner = attrs.transpose_a ? a.dims[a.dims.size() - 2] : a.dims.back();
  // From one element to the next: of a row of a, and of a column of b.
  const int64_t a_step = attrs.transpose_a ? rows : 1, b_step = attrs.transpose_b ? 1 : columns;
  for (int64_t matrix = 0; matrix < out.size(); matrix += rows * columns) {
    const int64_t first_a = broadcast_position(a, matrix, out.dims);
    const int64_t first_b = broadcast_position(b, matrix, out.dims);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column) {
        const int64_t from_a = first_a + row * (attrs.transpose_a ? 1 : inner);
        const int64_t from_b = first_b + column * (attrs.transpose_b ? inner : 1);
        double sum = 0.0;
        for (int64_t p = 0; p < inner; ++p) sum += a[from_a + p * a_step] * b[from_b + p * b_step];
        out[matrix + row * columns + column] = sum;
      }
  }
}

void expand(const Arrays& in, Array& out) {
  for (int64_t i = 0; i < out.size(); ++i) out[i] = broadcast_at(in[0], i, out.dims);
}

void unary(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<UnaryAttrs>();
  for (int64_t i = 0; i < out.size(); ++i)
    out[i] = evaluate(attrs.function, in[0][i], static_cast<double>(attrs.alpha),
                      static_cast<double>(attrs.beta));
}

void binary(const Node& node, const Arrays& in, Array& out) {
  for (int64_t i = 0; i < out.size(); ++i)
    out[i] = evaluate(node.as<BinaryAttrs>().function, broadcast_at(in[0], i, out.dims),
                      broadcast_at(in[1], i, out.dims));
}

void where(const Arrays& in, Array& out) {
  for (int64_t i = 0; i < out.size(); ++i)
    out[i] = broadcast_at(in[broadcast_at(in[0], i, out.dims) != 0 ? 1 : 2], i, out.dims);
}

void clip(const Node& node, const Arrays& in, Array& out) {
  for (int64_t i = 0; i < out.size(); ++i) {
    const double low = node.has_input(1) ? in[1][0] : -HUGE_VAL;
    const double high = node.has_input(2) ? in[2][0] : HUGE_VAL;
    out[i] = std::min(std::max(in[0][i], low), high);
  }
}

void round_to_bfloat16(Array& array) {
  for (double& x : array.data) x = bfloat16_to_float32(float32_to_bfloat16(static_cast<float>(x)));
}

/// The first operands that a product in bfloat16 rounds. (The weights of an attention are rounded
/// in the middle of it, which its equation cannot show.)
size_t rounded_operands(const Node& node, const Arrays& operands) {
  if (node.kind == OpKind::Attention) {
    const auto& attrs = node.as<AttentionAttrs>();
    return attrs.head_dim % 2 == 0 && attrs.scale >= 0 && !node.has_input(1) ? 1 : 0;
  }
  // Over one axis or three, and in groups, convolutions are those of float32.
  const bool conv =
      node.kind == OpKind::Conv && node.as<ConvAttrs>().groups == 1 && operands[1].dims.size() == 4;
  return node.kind == OpKind::Linear || conv ? 2 : 0;
}

void reshape(const Arrays& in, Array& out) { out.data = in[0].data; }

void constant_of_shape(const Node& node, const Arrays&, Array& out) {
  std::fill(out.data.begin(), out.data.end(), node.as<FillAttrs>().value);
}

using Equation = void (*)(const Node&, const Arrays&, Array&);
/// Of an op without attributes.
template <void (*kEquation)(const Arrays&, Array&)>
void plain(const Node&, const Arrays& in, Array& out) {
  kEquation(in, out);
}

const std::map<OpKind, Equation>& equations() {
  static const std::map<OpKind, Equation> table{
      {OpKind::Conv, conv},
      {OpKind::DepthwiseConv2d, depthwise_conv2d},
      {OpKind::Linear, plain<linear>},
      {OpKind::QuantizedLinear, quantized_product},
      {OpKind::QuantizedConv, quantized_product},
      {OpKind::MatMul, matmul},
      {OpKind::BatchNorm, batch_norm},
      {OpKind::GroupNorm, group_norm},
      {OpKind::LayerNorm, layer_norm},
      {OpKind::Pool, pool},
      {OpKind::Unary, unary},
      {OpKind::Clip, clip},
      {OpKind::Binary, binary},
      {OpKind::Where, plain<where>},
      {OpKind::Softmax, softmax},
      {OpKind::LogSoftmax, softmax},
      {OpKind::Reduce, reduce},
      {OpKind::CumSum, cum_sum},
      {OpKind::TopK, top_k},
      {OpKind::Reshape, plain<reshape>},
      {OpKind::ReshapeLike, plain<reshape>},
      {OpKind::Transpose, transpose},
      {OpKind::Slice, slice},
      {OpKind::Concat, concat},
      {OpKind::Pad, pad},
      {OpKind::Gather, gather},
      {OpKind::GatherElements, gather_elements},
      {OpKind::ScatterND, plain<scatter_nd>},
      {OpKind::Expand, plain<expand>},
      {OpKind::Tile, plain<tile>},
      {OpKind::Resize, resize},
      {OpKind::ConstantOfShape, constant_of_shape},
  };
  return table;
}

std::vector<Array> run(const Graph& graph, const Arrays& inputs, Precision products);

void compute(const Node& node, const Arrays& in, Array& out, Precision products) {
  const auto equation = equations().find(node.kind);
  if (equation != equations().end()) return equation->second(node, in, out);
  if (!node.body) throw std::logic_error("oracle: an op without an equation and without a body");
  Arrays given;
  for (size_t i = 0; i < in.size(); ++i)
    if (node.has_input(i)) given.push_back(in[i]);
  out = run(*node.body, given, products).at(0);
}

std::vector<Array> run(const Graph& graph, const Arrays& inputs, Precision products) {
  std::vector<TensorType> input_types;
  for (size_t i = 0; i < inputs.size(); ++i)
    input_types.push_back({graph.value(graph.inputs[i].value).type.dtype, inputs[i].dims});
  const std::vector<TensorType> types = infer_types(graph, input_types);
  std::vector<Array> values(graph.values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (!graph.values[i].constant) continue;
    values[i] = Array(graph.values[i].constant->type.dims);
    const DType dtype = values[i].dtype = graph.values[i].constant->type.dtype;
    const std::byte* bytes = graph.values[i].constant->bytes.data();
    const auto copy = [&](const auto* integers) {
      std::copy_n(integers, values[i].size(), values[i].data.begin());
    };
    if (dtype == DType::Int64 || dtype == DType::Int8 || dtype == DType::Bool) {
      if (dtype == DType::Int64)
        copy(reinterpret_cast<const int64_t*>(bytes));
      else
        copy(reinterpret_cast<const int8_t*>(bytes));
      continue;
    }
    const Constant constant = with_dtype(*graph.values[i].constant, DType::Float32);
    std::copy(constant.floats().begin(), constant.floats().end(), values[i].data.begin());
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    values[static_cast<size_t>(graph.inputs[i].value)] = inputs[i];
  for (const Node& node : graph.nodes) {
    Arrays operands;
    for (const ValueId id : node.inputs)
      operands.push_back(id == kAbsent ? Array() : values[static_cast<size_t>(id)]);
    Array result(types[static_cast<size_t>(node.output())].dims);
    if (products == Precision::BFloat16)
      for (size_t i = 0; i < rounded_operands(node, operands); ++i) round_to_bfloat16(operands[i]);
    compute(node, operands, result, products);
    values[static_cast<size_t>(node.output())] = std::move(result);
  }
  std::vector<Array> outputs;
  for (const Port& port : graph.outputs) outputs.push_back(values[static_cast<size_t>(port.value)]);
  return outputs;
}

}  // namespace
}  // namespace oracle

std::vector<std::vector<double>> evaluate(const Graph& graph, std::span<const Tensor> inputs,
                                          Precision products) {
  oracle::Arrays operands;
  for (const Tensor& input : inputs) {
    operands.emplace_back(input.dims());
    std::ranges::copy(input.as<float>(), operands.back().data.begin());
  }
  std::vector<std::vector<double>> outputs;
  for (oracle::Array& output : oracle::run(graph, operands, products))
    outputs.push_back(std::move(output.data));
  return outputs;
}

}  // namespace vitro
