#include "ops/oracle.h"

#include <algorithm>
#include <cmath>
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

void transpose(const Node& node, const Arrays& in, Array& out) {
  const auto& perm = node.as<TransposeAttrs>().perm;
  for (int64_t i = 0; i < out.size(); ++i) {
    const Dims to = coordinates(i, out.dims);
    Dims from(to.size());
    for (size_t axis = 0; axis < to.size(); ++axis)
      from[static_cast<size_t>(perm[axis])] = to[axis];
    out[i] = in[0][position(from, in[0].dims)];
  }
}

void slice(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<SliceAttrs>();
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    for (size_t k = 0; k < attrs.axes.size(); ++k) {
      int64_t& at = from[static_cast<size_t>(attrs.axes[k])];
      at = attrs.begins[k] + at * (attrs.steps.empty() ? 1 : attrs.steps[k]);
    }
    out[i] = in[0][position(from, in[0].dims)];
  }
}

void reduce(const Node& node, const Arrays& in, Array& out) {
  const auto& axes = node.as<ReduceAttrs>().axes;
  const bool is_max = is(node, ReduceFunction::Max);
  std::fill(out.data.begin(), out.data.end(), is_max ? -HUGE_VAL : 0.0);
  const double count = static_cast<double>(in[0].size()) / static_cast<double>(out.size());
  for (int64_t i = 0; i < in[0].size(); ++i) {
    const Dims from = coordinates(i, in[0].dims);
    Dims to;
    for (size_t axis = 0; axis < from.size(); ++axis)
      if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(axis)) == axes.end())
        to.push_back(from[axis]);
    double& result = out[position(to, out.dims)];
    result = is_max ? std::max(result, in[0][i]) : result + in[0][i] / count;
  }
}

/// The element of an operand, broadcast as in NumPy, for element `index` of the result.
double broadcast_at(const Array& operand, int64_t index, const Dims& dims) {
  Dims at = coordinates(index, dims);
  at.erase(at.begin(), at.begin() + static_cast<std::ptrdiff_t>(dims.size() - operand.dims.size()));
  for (size_t axis = 0; axis < at.size(); ++axis)
    if (operand.dims[axis] == 1) at[axis] = 0;
  return operand[position(at, operand.dims)];
}

void matmul(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<MatMulAttrs>();
  const size_t row_axis = out.dims.size() - 2;
  const Dims& a = in[0].dims;
  const int64_t inner = attrs.transpose_a ? a[a.size() - 2] : a.back();
  // The element of a matrix of the operand, the batch being that of the result.
  const auto at = [&](const Array& operand, const Dims& result, int64_t row, int64_t column) {
    Dims place(result.end() - static_cast<std::ptrdiff_t>(operand.dims.size()), result.end());
    for (size_t axis = 0; axis + 2 < place.size(); ++axis)
      if (operand.dims[axis] == 1) place[axis] = 0;
    place[place.size() - 2] = row;
    place.back() = column;
    return operand[position(place, operand.dims)];
  };
  for (int64_t index = 0; index < out.size(); ++index) {
    const Dims place = coordinates(index, out.dims);
    const int64_t row = place[row_axis], column = place.back();
    double sum = 0.0;
    for (int64_t p = 0; p < inner; ++p)
      sum += (attrs.transpose_a ? at(in[0], place, p, row) : at(in[0], place, row, p)) *
             (attrs.transpose_b ? at(in[1], place, column, p) : at(in[1], place, p, column));
    out[index] = sum;
  }
}

void concat(const Node& node, const Arrays& in, Array& out) {
  const auto axis = static_cast<size_t>(node.as<AxisAttrs>().axis);
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    size_t operand = 0;
    while (from[axis] >= in[operand].dims[axis]) from[axis] -= in[operand++].dims[axis];
    out[i] = in[operand][position(from, in[operand].dims)];
  }
}

void pad(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<PadAttrs>();
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    bool inside = true;
    for (size_t axis = 0; axis < from.size(); ++axis) {
      from[axis] -= attrs.begin[axis];
      inside = inside && from[axis] >= 0 && from[axis] < in[0].dims[axis];
    }
    out[i] = inside ? in[0][position(from, in[0].dims)] : attrs.value;
  }
}

void gather(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<GatherAttrs>();
  const auto batch = attrs.batch_dims, axis = attrs.axis;
  const auto places = static_cast<int64_t>(in[1].dims.size()) - batch;
  for (int64_t i = 0; i < out.size(); ++i) {
    const Dims to = coordinates(i, out.dims);
    Dims at(to.begin(), to.begin() + batch), from(to.begin(), to.begin() + axis);
    at.insert(at.end(), to.begin() + axis, to.begin() + axis + places);
    const double index = in[1][position(at, in[1].dims)];
    const auto extent = static_cast<double>(in[0].dims[static_cast<size_t>(axis)]);
    from.push_back(static_cast<int64_t>(index < 0 ? index + extent : index));
    from.insert(from.end(), to.begin() + axis + places, to.end());
    out[i] = in[0][position(from, in[0].dims)];
  }
}

void gather_elements(const Node& node, const Arrays& in, Array& out) {
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    from[static_cast<size_t>(node.as<AxisAttrs>().axis)] = static_cast<int64_t>(in[1][i]);
    out[i] = in[0][position(from, in[0].dims)];
  }
}

void scatter_nd(const Arrays& in, Array& out) {
  out.data = in[0].data;
  const int64_t count = in[1].dims.back(), updates = in[1].size() / count;
  const Dims lead(in[0].dims.begin(), in[0].dims.begin() + count);
  const int64_t run = in[0].size() / num_elements(lead);
  for (int64_t i = 0; i < updates; ++i) {
    Dims at;
    for (int64_t axis = 0; axis < count; ++axis)
      at.push_back(static_cast<int64_t>(in[1][i * count + axis]));
    for (int64_t j = 0; j < run; ++j) out[position(at, lead) * run + j] = in[2][i * run + j];
  }
}

/// The values; ties do not tell them apart.
void top_k(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<TopKAttrs>();
  const auto axis = static_cast<size_t>(attrs.axis);
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    const auto place = static_cast<size_t>(from[axis]);
    std::vector<double> line;
    for (from[axis] = 0; from[axis] < in[0].dims[axis]; ++from[axis])
      line.push_back(in[0][position(from, in[0].dims)]);
    std::sort(line.begin(), line.end());
    out[i] = attrs.largest ? line[line.size() - 1 - place] : line[place];
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
size_t rounded_operands(const Node& node) {
  if (node.kind == OpKind::Attention) {
    const auto& attrs = node.as<AttentionAttrs>();
    return attrs.head_dim % 2 == 0 && attrs.scale >= 0 && !node.has_input(1) ? 1 : 0;
  }
  const bool conv = node.kind == OpKind::Conv && node.as<ConvAttrs>().groups == 1;
  return node.kind == OpKind::Linear || conv ? 2 : 0;
}

std::vector<Array> run(const Graph& graph, const Arrays& inputs, Precision products);

void compute(const Node& node, const Arrays& in, Array& out, Precision products) {
  switch (node.kind) {
    case OpKind::Conv:
      return conv2d(node, in, out);
    case OpKind::DepthwiseConv2d:
      return depthwise_conv2d(node, in, out);
    case OpKind::Linear:
      return linear(in, out);
    case OpKind::QuantizedLinear:
    case OpKind::QuantizedConv:
      return quantized_product(node, in, out);
    case OpKind::BatchNorm:
      return batch_norm(node, in, out);
    case OpKind::GroupNorm:
      return group_norm(node, in, out);
    case OpKind::LayerNorm:
      return layer_norm(node, in, out);
    case OpKind::Pool:
      return pool(node, in, out);
    case OpKind::Unary:
      return unary(node, in, out);
    case OpKind::Clip:
      return clip(node, in, out);
    case OpKind::Binary:
      return binary(node, in, out);
    case OpKind::MatMul:
      return matmul(node, in, out);
    case OpKind::Softmax:
      return softmax(node, in, out);
    case OpKind::Reshape:
    case OpKind::ReshapeLike:
      out.data = in[0].data;
      return;
    case OpKind::Transpose:
      return transpose(node, in, out);
    case OpKind::Concat:
      return concat(node, in, out);
    case OpKind::Pad:
      return pad(node, in, out);
    case OpKind::Gather:
      return gather(node, in, out);
    case OpKind::GatherElements:
      return gather_elements(node, in, out);
    case OpKind::ScatterND:
      return scatter_nd(in, out);
    case OpKind::TopK:
      return top_k(node, in, out);
    case OpKind::Expand:
      return expand(in, out);
    case OpKind::Slice:
      return slice(node, in, out);
    case OpKind::Reduce:
      return reduce(node, in, out);
    default:
      break;
  }
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
    if (graph.values[i].constant->type.dtype == DType::Int64) {
      const auto* integers =
          reinterpret_cast<const int64_t*>(graph.values[i].constant->bytes.data());
      std::copy_n(integers, values[i].size(), values[i].data.begin());
      continue;
    }
    if (graph.values[i].constant->type.dtype == DType::Int8) {
      const auto* integers =
          reinterpret_cast<const int8_t*>(graph.values[i].constant->bytes.data());
      std::copy_n(integers, values[i].size(), values[i].data.begin());
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
      for (size_t i = 0; i < rounded_operands(node); ++i) round_to_bfloat16(operands[i]);
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
