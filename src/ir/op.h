#pragma once

#include "ir/attrs.h"

namespace vitro {

/// Every kind of operation of the IR. docs/operators.md has one row for each op, with its equation.
/// Activations are channels-last ([n, h, w, c] or [n, tokens, c]); the model input alone is NCHW.
enum class OpKind : uint8_t {
  // Products.
  Conv,
  DepthwiseConv2d,
  Linear,
  MatMul,
  /// Products in 8 bits: codes of the input times int8 weights, summed exactly.
  QuantizedLinear,
  QuantizedConv,
  // Element by element; the first three are families (functions.h).
  Unary,
  Binary,
  Compare,
  Cast,
  Clip,
  Where,
  QuantizeLinear,
  DequantizeLinear,
  // Normalisation and reduction.
  BatchNorm,
  LayerNorm,
  GroupNorm,
  Softmax,
  LogSoftmax,
  Reduce,
  Pool,
  Arg,
  TopK,
  CumSum,
  // Views: the same elements in the same order.
  Identity,
  Reshape,
  ReshapeLike,
  Squeeze,
  Unsqueeze,
  // Elements elsewhere.
  Transpose,
  Slice,
  Concat,
  Split,
  Pad,
  Gather,
  GatherElements,
  ScatterND,
  Expand,
  Tile,
  Resize,
  // Made of a shape.
  Shape,
  Range,
  ConstantOfShape,
  /// An op that Vitro does not know.
  Foreign,
  // Fused: the node owns a body of plain ops which is its meaning (fused_body() in fused_ops.h).
  Attention,
  AttentionBlock,
  Mlp,
  LocalMixer,
};
inline constexpr int kNumOpKinds = static_cast<int>(OpKind::LocalMixer) + 1;

}  // namespace vitro
