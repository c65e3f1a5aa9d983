#include "ops/oracle.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace vitro {
namespace {

/// A dense tensor of doubles.
struct Array {
  Dims dims;
  std::vector<double> data;

  explicit Array(Dims extents = {}) : dims(std::move(extents)) {
    data.resize(static_cast<size_t>(num_elements(dims)));
  }
  int64_t size() const { return static_cast<int64_t>(data.size()); }
  double& operator[](int64_t i) { return data.at(static_cast<size_t>(i)); }
  double operator[](int64_t i) const { return data.at(static_cast<size_t>(i)); }

  /// Element at [a, b, c, d] of a rank 4 tensor; zero outside of it.
  double at_or_zero(int64_t a, int64_t b, int64_t c, int64_t d) const {
    if (b < 0 || b >= dims[1] || c < 0 || c >= dims[2]) return 0.0;
    return (*this)[((a * dims[1] + b) * dims[2] + c) * dims[3] + d];
  }
};

using Operands = std::vector<Array>;

/// Calls body(n, y, x, o, index) for each element of [n, h, w, c].
template <typename Body>
void for_each_nhwc(const Dims& dims, Body body) {
  int64_t index = 0;
  for (int64_t n = 0; n < dims[0]; ++n)
    for (int64_t y = 0; y < dims[1]; ++y)
      for (int64_t x = 0; x < dims[2]; ++x)
        for (int64_t o = 0; o < dims[3]; ++o) body(n, y, x, o, index++);
}

void conv2d(const Node& node, const Operands& in, Array& out) {
  const auto& attrs = node.as<ConvAttrs>();
  const Array &src = in[0], &weight = in[1];
  const Dims& w = weight.dims;  // [out, kernel_h, kernel_w, in]
  for_each_nhwc(out.dims, [&](int64_t n, int64_t y, int64_t x, int64_t o, int64_t index) {
    double sum = in.size() > 2 ? in[2][o] : 0.0;
    for (int64_t ky = 0; ky < w[1]; ++ky)
      for (int64_t kx = 0; kx < w[2]; ++kx)
        for (int64_t i = 0; i < w[3]; ++i)
          sum += weight[((o * w[1] + ky) * w[2] + kx) * w[3] + i] *
                 src.at_or_zero(n, y * attrs.stride[0] + ky - attrs.pad_begin[0],
                                x * attrs.stride[1] + kx - attrs.pad_begin[1], i);
    out[index] = sum;
  });
}

void depthwise_conv2d(const Node& node, const Operands& in, Array& out) {
  const auto& attrs = node.as<Conv2dAttrs>();
  const Array &src = in[0], &weight = in[1];
  const Dims& w = weight.dims;  // [kernel_h, kernel_w, channels]
  for_each_nhwc(out.dims, [&](int64_t n, int64_t y, int64_t x, int64_t c, int64_t index) {
    double sum = in.size() > 2 ? in[2][c] : 0.0;
    for (int64_t ky = 0; ky < w[0]; ++ky)
      for (int64_t kx = 0; kx < w[1]; ++kx)
        sum += weight[(ky * w[1] + kx) * w[2] + c] *
               src.at_or_zero(n, y * attrs.stride[0] + ky - attrs.pad[0],
                              x * attrs.stride[1] + kx - attrs.pad[1], c);
    out[index] = sum;
  });
}

void linear(const Operands& in, Array& out) {
  const int64_t num_out = in[1].dims[0], num_in = in[1].dims[1];
  for (int64_t index = 0; index < out.size(); ++index) {
    const int64_t row = index / num_out, o = index % num_out;
    double sum = in.size() > 2 ? in[2][o] : 0.0;
    for (int64_t i = 0; i < num_in; ++i) sum += in[0][row * num_in + i] * in[1][o * num_in + i];
    out[index] = sum;
  }
}

void matmul(const Node& node, const Operands& in, Array& out) {
  const bool transpose_b = node.as<MatMulAttrs>().transpose_b;
  const int64_t columns = out.dims.back(), rows = out.dims[out.dims.size() - 2];
  const int64_t inner = in[0].dims.back();
  for (int64_t index = 0; index < out.size(); ++index) {
    const int64_t column = index % columns, row = index / columns % rows;
    const int64_t batch = index / columns / rows;
    double sum = 0.0;
    for (int64_t p = 0; p < inner; ++p)
      sum += in[0][(batch * rows + row) * inner + p] *
             in[1][batch * inner * columns +
                   (transpose_b ? column * inner + p : p * columns + column)];
    out[index] = sum;
  }
}

void batch_norm(const Node& node, const Operands& in, Array& out) {
  const double eps = node.as<NormAttrs>().eps;
  for (int64_t i = 0; i < out.size(); ++i) {
    const int64_t c = i % out.dims.back();
    out[i] = (in[0][i] - in[3][c]) / std::sqrt(in[4][c] + eps) * in[1][c] + in[2][c];
  }
}

void layer_norm(const Node& node, const Operands& in, Array& out) {
  const double eps = node.as<NormAttrs>().eps;
  const int64_t channels = out.dims.back();
  for (int64_t first = 0; first < out.size(); first += channels) {
    double mean = 0.0, variance = 0.0;
    for (int64_t c = 0; c < channels; ++c) mean += in[0][first + c] / static_cast<double>(channels);
    for (int64_t c = 0; c < channels; ++c)
      variance += std::pow(in[0][first + c] - mean, 2) / static_cast<double>(channels);
    for (int64_t c = 0; c < channels; ++c) {
      const double y = (in[0][first + c] - mean) / std::sqrt(variance + eps);
      out[first + c] = y * (in.size() > 1 ? in[1][c] : 1.0) + (in.size() > 2 ? in[2][c] : 0.0);
    }
  }
}

void softmax(const Operands& in, Array& out) {
  const int64_t columns = out.dims.back();
  for (int64_t first = 0; first < out.size(); first += columns) {
    double peak = in[0][first], sum = 0.0;
    for (int64_t c = 0; c < columns; ++c) peak = std::max(peak, in[0][first + c]);
    for (int64_t c = 0; c < columns; ++c) sum += out[first + c] = std::exp(in[0][first + c] - peak);
    for (int64_t c = 0; c < columns; ++c) out[first + c] /= sum;
  }
}

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

void transpose(const Node& node, const Operands& in, Array& out) {
  const auto& perm = node.as<TransposeAttrs>().perm;
  for (int64_t i = 0; i < out.size(); ++i) {
    const Dims to = coordinates(i, out.dims);
    Dims from(to.size());
    for (size_t axis = 0; axis < to.size(); ++axis)
      from[static_cast<size_t>(perm[axis])] = to[axis];
    out[i] = in[0][position(from, in[0].dims)];
  }
}

void slice(const Node& node, const Operands& in, Array& out) {
  const auto& attrs = node.as<SliceAttrs>();
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    from[static_cast<size_t>(attrs.axes[0])] += attrs.begins[0];
    out[i] = in[0][position(from, in[0].dims)];
  }
}

void reduce(const Node& node, const Operands& in, Array& out) {
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

/// The position in an operand of element i of what it broadcasts to.
int64_t broadcast_from(const Dims& own, const Dims& out, int64_t i) {
  int64_t position = 0, stride = 1;
  for (size_t back = 1; back <= out.size(); ++back) {
    const int64_t extent = out[out.size() - back], at = i % extent;
    i /= extent;
    if (back > own.size()) break;
    const int64_t own_extent = own[own.size() - back];
    position += own_extent == 1 ? 0 : at * stride;
    stride *= own_extent;
  }
  return position;
}

template <typename Function>
void elementwise(const Operands& in, Array& out, Function function) {
  for (int64_t i = 0; i < out.size(); ++i)
    out[i] =
        function(in[0][i], in.size() > 1 ? in[1][broadcast_from(in[1].dims, out.dims, i)] : 0.0);
}

double gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

std::vector<Array> run(const Graph& graph, const Operands& inputs);

void compute(const Node& node, const Operands& in, Array& out) {
  switch (node.kind) {
    case OpKind::Conv:
      return conv2d(node, in, out);
    case OpKind::DepthwiseConv2d:
      return depthwise_conv2d(node, in, out);
    case OpKind::Linear:
      return linear(in, out);
    case OpKind::BatchNorm:
      return batch_norm(node, in, out);
    case OpKind::LayerNorm:
      return layer_norm(node, in, out);
    case OpKind::Unary:
      if (!is(node, UnaryFunction::Gelu)) break;
      return elementwise(in, out, [](double x, double) { return gelu(x); });
    case OpKind::Binary: {
      const bool is_sum = is(node, BinaryFunction::Add);
      if (!is_sum && !is(node, BinaryFunction::Mul)) break;
      return elementwise(in, out, [=](double a, double b) { return is_sum ? a + b : a * b; });
    }
    case OpKind::MatMul:
      return matmul(node, in, out);
    case OpKind::Softmax:
      return softmax(in, out);
    case OpKind::Reshape:
    case OpKind::ReshapeLike:
      out.data = in[0].data;
      return;
    case OpKind::Transpose:
      return transpose(node, in, out);
    case OpKind::Slice:
      return slice(node, in, out);
    case OpKind::Reduce:
      return reduce(node, in, out);
    default:
      break;
  }
  if (!node.body) throw std::logic_error("oracle: an op without an equation and without a body");
  out = run(*node.body, in).at(0);
}

std::vector<Array> run(const Graph& graph, const Operands& inputs) {
  std::vector<TensorType> input_types;
  for (const Array& input : inputs) input_types.push_back({DType::Float32, input.dims});
  const std::vector<TensorType> types = infer_types(graph, input_types);
  std::vector<Array> values(graph.values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (!graph.values[i].constant) continue;
    const Constant constant = with_dtype(*graph.values[i].constant, DType::Float32);
    values[i] = Array(constant.type.dims);
    std::copy(constant.floats().begin(), constant.floats().end(), values[i].data.begin());
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    values[static_cast<size_t>(graph.inputs[i].value)] = inputs[i];
  for (const Node& node : graph.nodes) {
    Operands operands;
    for (const ValueId id : node.inputs) operands.push_back(values[static_cast<size_t>(id)]);
    Array result(types[static_cast<size_t>(node.output())].dims);
    compute(node, operands, result);
    values[static_cast<size_t>(node.output())] = std::move(result);
  }
  std::vector<Array> outputs;
  for (const Port& port : graph.outputs) outputs.push_back(values[static_cast<size_t>(port.value)]);
  return outputs;
}

}  // namespace

std::vector<std::vector<double>> evaluate(const Graph& graph, std::span<const Tensor> inputs) {
  Operands operands;
  for (const Tensor& input : inputs) {
    operands.emplace_back(input.dims());
    std::ranges::copy(input.as<float>(), operands.back().data.begin());
  }
  std::vector<std::vector<double>> outputs;
  for (Array& output : run(graph, operands)) outputs.push_back(std::move(output.data));
  return outputs;
}

}  // namespace vitro
