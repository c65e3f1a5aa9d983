#include "ir/infer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/check.h"
#include "ir/op_info.h"

namespace vitro {
namespace {

template <typename... Args>
void expect(bool condition, const Node& node, fmt::format_string<Args...> format, Args&&... args) {
  if (condition) return;
  fail(ErrorCode::InvalidArgument, "{} '{}': {}", op_info(node.kind).name, node.source,
       fmt::format(format, std::forward<Args>(args)...));
}

void expect_rank(const Node& node, const Operand& in, size_t rank, const char* operand) {
  expect(in.dims().size() == rank, node, "{} is {}, expected rank {}", operand,
         to_string(in.dims()), rank);
}

void expect_channels(const Node& node, Operands in, size_t first, int64_t channels) {
  for (size_t i = first; i < in.size(); ++i)
    if (in[i])
      expect(in[i].dims() == Dims{channels}, node, "operand {} is {}, expected {}", i,
             to_string(in[i].dims()), channels);
}

int64_t conv_extent(const Node& node, int64_t extent, int64_t kernel, int64_t stride,
                    int64_t padding) {
  expect(stride > 0, node, "stride {} must be positive", stride);
  expect(extent + padding >= kernel, node, "extent {} + padding {} is below the kernel {}", extent,
         padding, kernel);
  return (extent + padding - kernel) / stride + 1;
}

TensorType infer_conv(const Node& node, Operands in, int64_t kernel_h, int64_t kernel_w,
                      int64_t out) {
  const auto& attrs = node.as<Conv2dAttrs>();
  const Dims& x = in[0].dims();
  for (int64_t pad : attrs.pad) expect(pad >= 0, node, "padding {} is negative", pad);
  // A convolution whose stride covers its kernel must tile its input: other sizes would lose
  // pixels.
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t kernel = axis == 0 ? kernel_h : kernel_w;
    const int64_t stride = attrs.stride[static_cast<size_t>(axis)];
    if (stride > 1 && attrs.pad == std::array<int64_t, 4>{} && stride == kernel)
      expect(x[static_cast<size_t>(axis + 1)] % stride == 0, node,
             "input {} has {} {}, which the stride {} does not divide", to_string(x),
             axis == 0 ? "height" : "width", x[static_cast<size_t>(axis + 1)], stride);
  }
  return {in[0].dtype(),
          {x[0], conv_extent(node, x[1], kernel_h, attrs.stride[0], attrs.pad[0] + attrs.pad[2]),
           conv_extent(node, x[2], kernel_w, attrs.stride[1], attrs.pad[1] + attrs.pad[3]), out}};
}

void expect_linear(const Node& node, Operands in, size_t index, int64_t out, int64_t features) {
  expect(in[index].dims() == Dims{out, features}, node, "operand {} is {}, expected {}x{}", index,
         to_string(in[index].dims()), out, features);
  expect(in[index + 1].dims() == Dims{out}, node, "operand {} is {}, expected {}", index + 1,
         to_string(in[index + 1].dims()), out);
}

void expect_eps(const Node& node, float eps) {
  expect(std::isfinite(eps) && eps >= 0, node, "eps {} is no number from 0 up", eps);
}

/// Of what a fused op keeps in scratch, which is not the type of any value.
void expect_bounded(const Node& node, const Dims& dims) {
  expect(num_elements(dims) <= kMaxElements, node, "{} has more than {} elements", to_string(dims),
         kMaxElements);
}

}  // namespace

TensorType infer_conv2d(const Node& node, Operands in) {
  expect_rank(node, in[0], 4, "input");
  expect_rank(node, in[1], 4, "weight");
  const Dims& w = in[1].dims();  // [out, kernel_h, kernel_w, in]
  expect(w[3] == in[0].dims()[3], node, "input {} has {} channels, weight {} takes {}",
         to_string(in[0].dims()), in[0].dims()[3], to_string(w), w[3]);
  expect_channels(node, in, 2, w[0]);
  return infer_conv(node, in, w[1], w[2], w[0]);
}

TensorType infer_depthwise(const Node& node, Operands in) {
  expect_rank(node, in[0], 4, "input");
  expect_rank(node, in[1], 3, "weight");
  const Dims& w = in[1].dims();  // [kernel_h, kernel_w, channels]
  expect(w[2] == in[0].dims()[3], node, "input {} has {} channels, weight {} has {}",
         to_string(in[0].dims()), in[0].dims()[3], to_string(w), w[2]);
  expect_channels(node, in, 2, w[2]);
  return infer_conv(node, in, w[0], w[1], w[2]);
}

TensorType infer_linear(const Node& node, Operands in) {
  expect(!in[0].dims().empty(), node, "input is a scalar");
  expect_rank(node, in[1], 2, "weight");
  const Dims& w = in[1].dims();  // [out, in]
  expect(in[0].dims().back() == w[1], node, "input {} has {} features, weight {} takes {}",
         to_string(in[0].dims()), in[0].dims().back(), to_string(w), w[1]);
  expect_channels(node, in, 2, w[0]);
  TensorType type = *in[0].type;
  type.dims.back() = w[0];
  return type;
}

TensorType infer_norm(const Node& node, Operands in) {
  expect(!in[0].dims().empty(), node, "input is a scalar");
  if (node.kind == OpKind::LayerNorm)
    expect(bool{in[1]} == bool{in[2]}, node, "a weight without a bias, or a bias without a weight");
  expect_channels(node, in, 1, in[0].dims().back());
  expect_eps(node, node.as<NormAttrs>().eps);
  return *in[0].type;
}

TensorType infer_same(const Node&, Operands in) { return *in[0].type; }

TensorType infer_softmax(const Node& node, Operands in) {
  expect(!in[0].dims().empty(), node, "input is a scalar");
  return *in[0].type;
}

TensorType infer_broadcast(const Node& node, Operands in) {
  const Dims& b = in[1].dims();
  const bool fits = b == in[0].dims() || b == Dims{1} ||
                    (b.size() == 1 && !in[0].dims().empty() && b[0] == in[0].dims().back());
  expect(fits, node, "operand 1 is {}, expected {}, its last extent or 1", to_string(b),
         to_string(in[0].dims()));
  return *in[0].type;
}

TensorType infer_matmul(const Node& node, Operands in) {
  const Dims &a = in[0].dims(), &b = in[1].dims();
  const size_t rank = a.size();
  expect(rank >= 2 && b.size() == rank && std::equal(a.begin(), a.end() - 2, b.begin()), node,
         "operands {} and {} have different batches", to_string(a), to_string(b));
  const bool transpose_b = node.as<MatMulAttrs>().transpose_b;
  const int64_t k = transpose_b ? b[rank - 1] : b[rank - 2];
  expect(a[rank - 1] == k, node, "inner extents {} and {} differ", a[rank - 1], k);
  TensorType type = *in[0].type;
  type.dims[rank - 1] = transpose_b ? b[rank - 2] : b[rank - 1];
  return type;
}

TensorType infer_reshape(const Node& node, Operands in) {
  TensorType type{in[0].dtype(), node.as<ReshapeAttrs>().dims};
  int64_t known = 1;
  int inferred = -1;
  for (size_t i = 0; i < type.dims.size(); ++i) {
    int64_t& extent = type.dims[i];
    if (extent == 0) {
      expect(i < in[0].dims().size(), node, "position {} copies an extent that {} lacks", i,
             to_string(in[0].dims()));
      extent = in[0].dims()[i];
    }
    expect(extent >= -1, node, "extent {} at position {}", extent, i);
    expect(extent != -1 || inferred < 0, node, "more than one extent is -1");
    if (extent == -1)
      inferred = static_cast<int>(i);
    else
      expect(!__builtin_mul_overflow(known, extent, &known), node, "the extents overflow");
  }
  const int64_t total = num_elements(in[0].dims());
  if (inferred >= 0 && known > 0) type.dims[static_cast<size_t>(inferred)] = total / known;
  expect(known > 0 && num_elements(type.dims) == total, node, "{} cannot become {}",
         to_string(in[0].dims()), to_string(type.dims));
  return type;
}

TensorType infer_reshape_like(const Node& node, Operands in) {
  expect(num_elements(in[0].dims()) == num_elements(in[1].dims()), node,
         "{} cannot take the shape {}", to_string(in[0].dims()), to_string(in[1].dims()));
  return {in[0].dtype(), in[1].dims()};
}

TensorType infer_transpose(const Node& node, Operands in) {
  const auto& perm = node.as<TransposeAttrs>().perm;
  const size_t rank = in[0].dims().size();
  expect(perm.size() == rank, node, "permutation of {} axes for {}", perm.size(),
         to_string(in[0].dims()));
  TensorType type{in[0].dtype(), Dims(rank)};
  std::vector<bool> seen(rank);
  for (size_t i = 0; i < rank; ++i) {
    const auto axis = static_cast<size_t>(perm[i]);
    expect(axis < rank && !seen[axis], node, "axis {} at position {} is not a permutation", perm[i],
           i);
    seen[axis] = true;
    type.dims[i] = in[0].dims()[axis];
  }
  return type;
}

TensorType infer_slice(const Node& node, Operands in) {
  const auto& attrs = node.as<SliceAttrs>();
  const auto rank = static_cast<int64_t>(in[0].dims().size());
  expect(attrs.axis >= 0 && attrs.axis < rank, node, "axis {} of {}", attrs.axis,
         to_string(in[0].dims()));
  TensorType type = *in[0].type;
  int64_t& extent = type.dims[static_cast<size_t>(attrs.axis)];
  expect(attrs.begin >= 0 && attrs.begin < attrs.end && attrs.end <= extent, node,
         "range [{}, {}) of extent {}", attrs.begin, attrs.end, extent);
  extent = attrs.end - attrs.begin;
  return type;
}

TensorType infer_reduce(const Node& node, Operands in) {
  const auto& axes = node.as<ReduceAttrs>().axes;
  TensorType type{in[0].dtype(), {}};
  for (size_t i = 0; i < in[0].dims().size(); ++i)
    if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) == axes.end())
      type.dims.push_back(in[0].dims()[i]);
  expect(!axes.empty() && type.dims.size() + axes.size() == in[0].dims().size(), node,
         "axes of {} are repeated or out of range", to_string(in[0].dims()));
  return type;
}

TensorType infer_attention(const Node& node, Operands in) {
  const auto& attrs = node.as<AttentionAttrs>();
  expect_rank(node, in[0], 3, "qkv");
  expect(
      attrs.heads > 0 && attrs.head_dim > 0 && in[0].dims()[2] == 3 * attrs.heads * attrs.head_dim,
      node, "qkv {} is not 3 x {} heads x {}", to_string(in[0].dims()), attrs.heads,
      attrs.head_dim);
  return {in[0].dtype(), {in[0].dims()[0], in[0].dims()[1], attrs.heads * attrs.head_dim}};
}

TensorType infer_attention_block(const Node& node, Operands in) {
  const auto& attrs = node.as<AttentionBlockAttrs>();
  expect_rank(node, in[0], 4, "input");
  const int64_t c = in[0].dims()[3];
  expect(attrs.heads > 0 && attrs.heads * attrs.head_dim == c, node, "{} heads x {} are not {}",
         attrs.heads, attrs.head_dim, c);
  expect_linear(node, in, 1, 3 * c, c);
  expect_linear(node, in, 3, c, c);
  expect_eps(node, attrs.eps);
  expect_bounded(node, {in[0].dims()[0], in[0].dims()[1], in[0].dims()[2], 3 * c});
  return *in[0].type;
}

TensorType infer_mlp(const Node& node, Operands in) {
  expect(!in[0].dims().empty() && !in[1].dims().empty(), node, "an operand is a scalar");
  const int64_t c = in[0].dims().back(), hidden = in[1].dims()[0];
  expect_linear(node, in, 1, hidden, c);
  expect_linear(node, in, 3, c, hidden);
  expect_eps(node, node.as<MlpAttrs>().eps);
  Dims activations = in[0].dims();
  activations.back() = hidden;
  expect_bounded(node, activations);
  return *in[0].type;
}

TensorType infer_local_mixer(const Node& node, Operands in) {
  expect_rank(node, in[0], 4, "input");
  const int64_t c = in[0].dims()[3];
  for (size_t index : {size_t{1}, size_t{5}})
    expect(in[index].dims().size() == 3 && in[index].dims()[0] % 2 == 1 &&
               in[index].dims()[1] % 2 == 1 && in[index].dims()[2] == c,
           node, "operand {} is {}, expected odd kernel extents and {} channels", index,
           to_string(in[index].dims()), c);
  expect(in[2].dims() == Dims{c}, node, "operand 2 is {}, expected {}", to_string(in[2].dims()), c);
  expect_linear(node, in, 3, c, c);
  expect_linear(node, in, 6, c, c);
  return *in[0].type;
}

std::vector<Operand> operands_of(const Node& node, std::span<const TensorType> types) {
  std::vector<Operand> operands(static_cast<size_t>(op_info(node.kind).max_inputs));
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (node.has_input(i)) operands.at(i).type = &types[static_cast<size_t>(node.inputs[i])];
  return operands;
}

std::vector<TensorType> infer_results(const Node& node, Operands operands) {
  std::vector<TensorType> results(node.outputs.size());
  op_info(node.kind).infer(node, operands, results);
  for (const TensorType& type : results) expect_bounded(node, type.dims);
  return results;
}

}  // namespace vitro
