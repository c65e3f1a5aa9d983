#include "ops/oracle.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "ir/infer.h"

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

using Arrays = std::vector<Array>;

/// Calls body(n, y, x, o, index) for each element of [n, h, w, c].
template <typename Body>
void for_each_nhwc(const Dims& dims, Body body) {
  int64_t index = 0;
  for (int64_t n = 0; n < dims[0]; ++n)
    for (int64_t y = 0; y < dims[1]; ++y)
      for (int64_t x = 0; x < dims[2]; ++x)
        for (int64_t o = 0; o < dims[3]; ++o) body(n, y, x, o, index++);
}

void conv2d(const Node& node, const Arrays& in, Array& out) {
  const Array &src = in[0], &weight = in[1];
  const Dims& w = weight.dims;  // [out, kernel_h, kernel_w, in / groups]
  const auto axes = conv_windows(node, w);
  const int64_t group = w[0] / node.as<ConvAttrs>().groups;  // results of one
  for_each_nhwc(out.dims, [&](int64_t n, int64_t y, int64_t x, int64_t o, int64_t index) {
    double sum = in.size() > 2 ? in[2][o] : 0.0;
    for (int64_t ky = 0; ky < w[1]; ++ky)
      for (int64_t kx = 0; kx < w[2]; ++kx)
        for (int64_t i = 0; i < w[3]; ++i)
          sum += weight[((o * w[1] + ky) * w[2] + kx) * w[3] + i] *
                 src.at_or_zero(n, y * axes[0].stride + ky * axes[0].dilation - axes[0].pad_begin,
                                x * axes[1].stride + kx * axes[1].dilation - axes[1].pad_begin,
                                o / group * w[3] + i);
    out[index] = sum;
  });
}

void pool(const Node& node, const Arrays& in, Array& out) {
  const auto axes = pool_windows(node);
  const auto& attrs = node.as<PoolAttrs>();
  const Dims& dims = in[0].dims;
  for_each_nhwc(out.dims, [&](int64_t n, int64_t y, int64_t x, int64_t c, int64_t index) {
    double highest = -HUGE_VAL, sum = 0, count = 0;
    for (int64_t ky = 0; ky < axes[0].kernel; ++ky)
      for (int64_t kx = 0; kx < axes[1].kernel; ++kx) {
        const int64_t row = y * axes[0].stride + ky * axes[0].dilation - axes[0].pad_begin;
        const int64_t column = x * axes[1].stride + kx * axes[1].dilation - axes[1].pad_begin;
        const bool inside = row >= 0 && row < dims[1] && column >= 0 && column < dims[2];
        const bool padded = row < dims[1] + axes[0].pad_end && column < dims[2] + axes[1].pad_end;
        count += inside || (attrs.count_include_pad && padded) ? 1 : 0;
        if (!inside) continue;
        const double value = in[0].at_or_zero(n, row, column, c);
        highest = std::max(highest, value);
        sum += value;
      }
    out[index] = attrs.function == PoolFunction::Max ? highest : sum / count;
  });
}

void depthwise_conv2d(const Node& node, const Arrays& in, Array& out) {
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

void linear(const Arrays& in, Array& out) {
  const int64_t num_out = in[1].dims[0], num_in = in[1].dims[1];
  for (int64_t index = 0; index < out.size(); ++index) {
    const int64_t row = index / num_out, o = index % num_out;
    double sum = in.size() > 2 ? in[2][o] : 0.0;
    for (int64_t i = 0; i < num_in; ++i) sum += in[0][row * num_in + i] * in[1][o * num_in + i];
    out[index] = sum;
  }
}

void batch_norm(const Node& node, const Arrays& in, Array& out) {
  const double eps = node.as<NormAttrs>().eps;
  for (int64_t i = 0; i < out.size(); ++i) {
    const int64_t c = i % out.dims.back();
    out[i] = (in[0][i] - in[3][c]) / std::sqrt(in[4][c] + eps) * in[1][c] + in[2][c];
  }
}

void layer_norm(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<NormAttrs>();
  const double eps = static_cast<double>(attrs.eps);
  const int64_t channels = num_elements(Dims(out.dims.end() - attrs.axes, out.dims.end()));
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

void group_norm(const Node& node, const Arrays& in, Array& out) {
  const auto& attrs = node.as<GroupNormAttrs>();
  const int64_t channels = out.dims.back(), width = channels / attrs.groups;
  const int64_t image = out.size() / out.dims[0];
  for (int64_t i = 0; i < out.size(); ++i) {
    const int64_t first = i / image * image, channel = i % channels;
    double sum = 0.0, squares = 0.0, count = 0.0;
    const auto for_each = [&](auto body) {
      for (int64_t pixel = first; pixel < first + image; pixel += channels)
        for (int64_t c = 0; c < width; ++c) body(in[0][pixel + channel / width * width + c]);
    };
    for_each([&](double value) { sum += value, ++count; });
    for_each([&](double value) { squares += std::pow(value - sum / count, 2); });
    const double scale = 1.0 / std::sqrt(squares / count + static_cast<double>(attrs.eps));
    const double y = (in[0][i] - sum / count) * scale;
    out[i] = y * (in.size() > 1 ? in[1][channel] : 1.0) + (in.size() > 2 ? in[2][channel] : 0.0);
  }
}

void softmax(const Node& node, const Arrays& in, Array& out) {
  const auto rank = static_cast<int64_t>(out.dims.size());
  const size_t axis = axis_of(node, node.as<SoftmaxAttrs>().axis, rank);
  const int64_t extent = out.dims[axis];
  const int64_t step =
      num_elements(Dims(out.dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1, out.dims.end()));
  for (int64_t i = 0; i < out.size(); ++i) {
    const int64_t first = i / step / extent * extent * step + i % step;
    double peak = in[0][first], sum = 0.0;
    for (int64_t c = 0; c < extent; ++c) peak = std::max(peak, in[0][first + c * step]);
    for (int64_t c = 0; c < extent; ++c) sum += std::exp(in[0][first + c * step] - peak);
    out[i] = std::exp(in[0][i] - peak) / sum;
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

/// Indices along axis 1 of three.
void gather(const Arrays& in, Array& out) {
  for (int64_t i = 0; i < out.size(); ++i) {
    Dims from = coordinates(i, out.dims);
    const double index = in[1][from[1]];
    from[1] = static_cast<int64_t>(index < 0 ? index + static_cast<double>(in[0].dims[1]) : index);
    out[i] = in[0][position(from, in[0].dims)];
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

std::vector<Array> run(const Graph& graph, const Arrays& inputs);

void compute(const Node& node, const Arrays& in, Array& out) {
  switch (node.kind) {
    case OpKind::Conv:
      return conv2d(node, in, out);
    case OpKind::DepthwiseConv2d:
      return depthwise_conv2d(node, in, out);
    case OpKind::Linear:
      return linear(in, out);
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
      return gather(in, out);
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
  out = run(*node.body, in).at(0);
}

std::vector<Array> run(const Graph& graph, const Arrays& inputs) {
  std::vector<TensorType> input_types;
  for (const Array& input : inputs) input_types.push_back({DType::Float32, input.dims});
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
    compute(node, operands, result);
    values[static_cast<size_t>(node.output())] = std::move(result);
  }
  std::vector<Array> outputs;
  for (const Port& port : graph.outputs) outputs.push_back(values[static_cast<size_t>(port.value)]);
  return outputs;
}

}  // namespace

std::vector<std::vector<double>> evaluate(const Graph& graph, std::span<const Tensor> inputs) {
  Arrays operands;
  for (const Tensor& input : inputs) {
    operands.emplace_back(input.dims());
    std::ranges::copy(input.as<float>(), operands.back().data.begin());
  }
  std::vector<std::vector<double>> outputs;
  for (Array& output : run(graph, operands)) outputs.push_back(std::move(output.data));
  return outputs;
}

}  // namespace vitro
