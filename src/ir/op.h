#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "vitro/tensor.h"

namespace vitro {

/// Every operation of the IR. docs/operators.md has one row for each, with its equation.
/// Activations are channels-last ([n, h, w, c] or [n, tokens, c]); the model input alone is NCHW.
enum class OpKind : uint8_t {
  Conv2d,
  DepthwiseConv2d,
  Linear,
  BatchNorm,
  LayerNorm,
  Gelu,
  Add,
  Mul,
  MatMul,
  Softmax,
  Reshape,
  ReshapeLike,
  Transpose,
  Slice,
  ReduceMean,
  ReduceMax,
  // Fused: the node owns a body of plain ops which is its meaning (fused_body() in fused_ops.h).
  Attention,
  AttentionBlock,
  Mlp,
  LocalMixer,
};
inline constexpr int kNumOpKinds = static_cast<int>(OpKind::LocalMixer) + 1;

/// conv2d, depthwise_conv2d. Padding is with zeros; order top, left, bottom, right.
struct Conv2dAttrs {
  std::array<int64_t, 2> stride{1, 1};
  std::array<int64_t, 4> pad{0, 0, 0, 0};
  bool operator==(const Conv2dAttrs&) const = default;
};

/// batch_norm, layer_norm: y = (x - mean) / sqrt(variance + eps) [* weight + bias].
struct NormAttrs {
  float eps = 1e-5f;
  bool operator==(const NormAttrs&) const = default;
};

/// matmul over the two innermost extents; leading extents are equal batches.
struct MatMulAttrs {
  bool transpose_b = false;
  bool operator==(const MatMulAttrs&) const = default;
};

/// reshape: 0 copies the extent at the same position, -1 is inferred (at most one).
struct ReshapeAttrs {
  std::vector<int64_t> dims;
  bool operator==(const ReshapeAttrs&) const = default;
};

struct TransposeAttrs {
  std::vector<int64_t> perm;
  bool operator==(const TransposeAttrs&) const = default;
};

/// slice: the half-open range [begin, end) of one axis.
struct SliceAttrs {
  int64_t axis = 0;
  int64_t begin = 0;
  int64_t end = 0;
  bool operator==(const SliceAttrs&) const = default;
};

/// reduce_mean, reduce_max: the axes are removed.
struct ReduceAttrs {
  std::vector<int64_t> axes;
  bool operator==(const ReduceAttrs&) const = default;
};

/// attention: qkv [n, tokens, 3 * heads * head_dim], packed in the order [3, heads, head_dim].
struct AttentionAttrs {
  int64_t heads = 1;
  int64_t head_dim = 1;
  float scale = 1.0f;
  bool operator==(const AttentionAttrs&) const = default;
};

/// attention_block: x + proj(attention(qkv(layer_norm(x)))).
struct AttentionBlockAttrs {
  int64_t heads = 1;
  int64_t head_dim = 1;
  float scale = 1.0f;
  float eps = 1e-6f;
  bool operator==(const AttentionBlockAttrs&) const = default;
};

/// mlp: x + fc2(gelu(fc1(x'))) with x' = layer_norm(x) or x.
struct MlpAttrs {
  bool layer_norm = false;
  float eps = 1e-6f;
  bool operator==(const MlpAttrs&) const = default;
};

using Attrs =
    std::variant<std::monostate, Conv2dAttrs, NormAttrs, MatMulAttrs, ReshapeAttrs, TransposeAttrs,
                 SliceAttrs, ReduceAttrs, AttentionAttrs, AttentionBlockAttrs, MlpAttrs>;

/// Calls visit(name, field) for each field: the one list that the printer, the plan reader and the
/// plan writer share. A is a (const) attribute struct.
template <typename A, typename Visitor>
void visit_fields(A& attrs, Visitor&& visit) {
  using T = std::remove_const_t<A>;
  if constexpr (std::is_same_v<T, Conv2dAttrs>) {
    visit("stride", attrs.stride);
    visit("pad", attrs.pad);
  } else if constexpr (std::is_same_v<T, NormAttrs>) {
    visit("eps", attrs.eps);
  } else if constexpr (std::is_same_v<T, MatMulAttrs>) {
    visit("transpose_b", attrs.transpose_b);
  } else if constexpr (std::is_same_v<T, ReshapeAttrs>) {
    visit("dims", attrs.dims);
  } else if constexpr (std::is_same_v<T, TransposeAttrs>) {
    visit("perm", attrs.perm);
  } else if constexpr (std::is_same_v<T, SliceAttrs>) {
    visit("axis", attrs.axis);
    visit("begin", attrs.begin);
    visit("end", attrs.end);
  } else if constexpr (std::is_same_v<T, ReduceAttrs>) {
    visit("axes", attrs.axes);
  } else if constexpr (std::is_same_v<T, AttentionAttrs>) {
    visit("heads", attrs.heads);
    visit("head_dim", attrs.head_dim);
    visit("scale", attrs.scale);
  } else if constexpr (std::is_same_v<T, AttentionBlockAttrs>) {
    visit("heads", attrs.heads);
    visit("head_dim", attrs.head_dim);
    visit("scale", attrs.scale);
    visit("eps", attrs.eps);
  } else if constexpr (std::is_same_v<T, MlpAttrs>) {
    visit("layer_norm", attrs.layer_norm);
    visit("eps", attrs.eps);
  }
}

/// Element type and extents of a value.
struct TensorType {
  DType dtype = DType::Float32;
  Dims dims;
  bool operator==(const TensorType&) const = default;
};

}  // namespace vitro
