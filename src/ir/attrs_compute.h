#pragma once

#include <array>

#include "ir/attrs_fields.h"
#include "ir/functions.h"
#include "vitro/tensor.h"

// The attributes of ops that calculate.
namespace vitro {

struct UnaryAttrs {
  UnaryFunction function{};
  float alpha = 0.0f, beta = 0.0f;  ///< parameters, see num_parameters()
  bool operator==(const UnaryAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("alpha", s.alpha, 0.0f);
    visit("beta", s.beta, 0.0f);
  }
};

struct BinaryAttrs {
  BinaryFunction function{};
  bool operator==(const BinaryAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self&, V&&) {}
};

struct CompareAttrs {
  CompareFunction function{};
  bool operator==(const CompareAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self&, V&&) {}
};

struct ReduceAttrs {
  ReduceFunction function{};
  Ints axes;  ///< empty: all of them
  bool keep_dims = false;
  bool operator==(const ReduceAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("axes", s.axes);
    visit("keep_dims", s.keep_dims, false);
  }
};

struct ArgAttrs {
  ArgFunction function{};
  int64_t axis = 0;
  bool keep_dims = false;
  bool last = false;  ///< of several extremes the last one counts
  bool operator==(const ArgAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("axis", s.axis);
    visit("keep_dims", s.keep_dims, false);
    visit("last", s.last, false);
  }
};

/// The windows of a convolution or a pool: one entry for each spatial axis, or none for the usual
/// value along all.
struct PoolAttrs {
  PoolFunction function{};
  Ints kernel, stride, dilation, pad_begin, pad_end;
  bool ceil_mode = false;          ///< the last window may lie partly beyond the padding
  bool count_include_pad = false;  ///< an average counts the padding as elements
  bool operator==(const PoolAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("kernel", s.kernel);
    visit("stride", s.stride);
    visit("dilation", s.dilation, kNoInts);
    visit("pad_begin", s.pad_begin, kNoInts);
    visit("pad_end", s.pad_end, kNoInts);
    visit("ceil_mode", s.ceil_mode, false);
    visit("count_include_pad", s.count_include_pad, false);
  }
};

/// conv, over one to three spatial axes. Lists have one entry for each of these, or none for the
/// usual value along all: stride 1, dilation 1, padding 0.
struct ConvAttrs {
  Ints stride, dilation, pad_begin, pad_end;
  int64_t groups = 1;
  bool operator==(const ConvAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("stride", s.stride, kNoInts);
    visit("dilation", s.dilation, kNoInts);
    visit("pad_begin", s.pad_begin, kNoInts);
    visit("pad_end", s.pad_end, kNoInts);
    visit("groups", s.groups, int64_t{1});
  }
};

/// depthwise_conv2d. Order of the padding: top, left, bottom, right.
struct Conv2dAttrs {
  std::array<int64_t, 2> stride{1, 1};
  std::array<int64_t, 4> pad{0, 0, 0, 0};
  bool operator==(const Conv2dAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("stride", s.stride);
    visit("pad", s.pad);
  }
};

/// batch_norm, layer_norm: y = (x - mean) / sqrt(variance + eps) [* weight + bias].
struct NormAttrs {
  float eps = 1e-5f;
  int64_t axes = 1;  ///< how many trailing axes layer_norm takes together; batch_norm: 1
  bool operator==(const NormAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("eps", s.eps);
    visit("axes", s.axes, int64_t{1});
  }
};

struct GroupNormAttrs {
  int64_t groups = 1;  ///< as many as channels: instance normalisation
  float eps = 1e-5f;
  bool operator==(const GroupNormAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("groups", s.groups);
    visit("eps", s.eps);
  }
};

/// matmul over the two innermost extents; the others broadcast.
struct MatMulAttrs {
  bool transpose_b = false;
  bool transpose_a = false;
  bool operator==(const MatMulAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("transpose_b", s.transpose_b);
    visit("transpose_a", s.transpose_a, false);
  }
};

/// softmax, log_softmax.
struct SoftmaxAttrs {
  int64_t axis = -1;
  bool operator==(const SoftmaxAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("axis", s.axis, int64_t{-1});
  }
};

/// top_k: the first k of the elements along an axis in falling order, or rising if not `largest`.
struct TopKAttrs {
  int64_t axis = -1;
  int64_t k = 1;  ///< where no operand gives it
  bool largest = true;
  bool operator==(const TopKAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("axis", s.axis);
    visit("k", s.k);
    visit("largest", s.largest, true);
  }
};

struct CumSumAttrs {
  int64_t axis = 0;
  bool exclusive = false;  ///< without the element itself
  bool reverse = false;    ///< from the end
  bool operator==(const CumSumAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("axis", s.axis);
    visit("exclusive", s.exclusive, false);
    visit("reverse", s.reverse, false);
  }
};

struct CastAttrs {
  DType dtype = DType::Float32;
  bool operator==(const CastAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("dtype", s.dtype);
  }
};

/// quantize_linear, dequantize_linear. A scale for each position of `axis`, or one for all.
struct QuantizeAttrs {
  int64_t axis = 1;
  DType dtype = DType::UInt8;  ///< of quantize_linear's result without a zero point
  bool operator==(const QuantizeAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("axis", s.axis);
    visit("dtype", s.dtype, DType::UInt8);
  }
};

}  // namespace vitro
