#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "ir/functions.h"
#include "vitro/tensor.h"

namespace vitro {

/// Element type and extents of a value.
struct TensorType {
  DType dtype = DType::Float32;
  Dims dims;
  bool operator==(const TensorType&) const = default;
};

using Ints = std::vector<int64_t>;
/// What a list of attributes is where it says nothing.
inline const Ints kNoInts;

// The attributes of the op kinds. Each struct lists its fields once, as visit(name, field) or, for
// a field that is left out of texts where it has its usual value, visit(name, field, usual); the
// printer, the plan reader and the plan writer share the list. The function of a family is in the
// op's name and no field. An axis below zero counts from the last one, -1.

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

/// concat, gather, gather_elements, split, top_k and others that work along one axis.
struct AxisAttrs {
  int64_t axis = 0;
  bool operator==(const AxisAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("axis", s.axis);
  }
};

struct SplitAttrs {
  int64_t axis = 0;
  Ints sizes;  ///< of the results; empty: as equal as they can be, the last one smaller
  bool operator==(const SplitAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("axis", s.axis);
    visit("sizes", s.sizes, kNoInts);
  }
};

struct TopKAttrs {
  int64_t axis = -1;
  int64_t k = 1;
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

/// reshape: 0 copies the extent at the same position, -1 is inferred (at most one).
struct ReshapeAttrs {
  Ints dims;
  bool operator==(const ReshapeAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("dims", s.dims);
  }
};

/// squeeze, unsqueeze: axes of extent 1 that go, or come (positions in the result).
struct AxesAttrs {
  Ints axes;
  bool operator==(const AxesAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("axes", s.axes);
  }
};

struct TransposeAttrs {
  Ints perm;
  bool operator==(const TransposeAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("perm", s.perm);
  }
};

/// slice: along axes[i] the positions from begins[i] in steps of steps[i] up to, and without,
/// ends[i]. Positions below zero count from the end; those beyond the extent stop at it.
struct SliceAttrs {
  Ints axes, begins, ends;
  Ints steps;  ///< empty: 1 along all
  bool operator==(const SliceAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("axes", s.axes);
    visit("begins", s.begins, kNoInts);
    visit("ends", s.ends, kNoInts);
    visit("steps", s.steps, kNoInts);
  }
};
/// The range [begin, end) of one axis.
inline SliceAttrs slice_of(int64_t axis, int64_t begin, int64_t end) {
  return {{axis}, {begin}, {end}, {}};
}

enum class PadMode : uint8_t { Constant, Reflect, Edge, Wrap };
std::span<const char* const> enum_names(PadMode);

struct PadAttrs {
  PadMode mode = PadMode::Constant;
  Ints begin, end;     ///< elements added before and behind each axis; below zero: taken away
  double value = 0.0;  ///< of the constant mode
  bool operator==(const PadAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("mode", s.mode, PadMode::Constant);
    visit("begin", s.begin, kNoInts);
    visit("end", s.end, kNoInts);
    visit("value", s.value, 0.0);
  }
};

/// expand, tile, constant_of_shape: extents or repeats, where no operand gives them.
struct DimsAttrs {
  Ints dims;
  bool operator==(const DimsAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("dims", s.dims, kNoInts);
  }
};

struct FillAttrs {
  DType dtype = DType::Float32;
  double value = 0.0;
  Ints dims;  ///< extents, where no operand gives them
  bool operator==(const FillAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("dtype", s.dtype);
    visit("value", s.value);
    visit("dims", s.dims, kNoInts);
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

enum class ResizeMode : uint8_t { Nearest, Linear, Cubic };
/// Where position i of the result lies in the operand; names as in ONNX.
enum class ResizeCoordinates : uint8_t {
  HalfPixel,
  HalfPixelSymmetric,
  PytorchHalfPixel,
  AlignCorners,
  Asymmetric
};
/// Which neighbour is nearest.
enum class ResizeNearest : uint8_t { RoundPreferFloor, RoundPreferCeil, Floor, Ceil };
std::span<const char* const> enum_names(ResizeMode);
std::span<const char* const> enum_names(ResizeCoordinates);
std::span<const char* const> enum_names(ResizeNearest);

/// resize: to `sizes` (or those of operand 1), else by `scales`: one entry for each axis.
struct ResizeAttrs {
  ResizeMode mode = ResizeMode::Nearest;
  ResizeCoordinates coordinates = ResizeCoordinates::HalfPixel;
  ResizeNearest nearest = ResizeNearest::RoundPreferFloor;
  std::vector<double> scales;
  Ints sizes;
  float cubic_a = -0.75f;
  bool exclude_outside = false;  ///< weights of positions outside are 0, and the others rescaled
  bool antialias = false;        ///< a smaller result averages over all it covers
  bool operator==(const ResizeAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("mode", s.mode);
    visit("coordinates", s.coordinates);
    visit("nearest", s.nearest, ResizeNearest::RoundPreferFloor);
    visit("scales", s.scales, std::vector<double>{});
    visit("sizes", s.sizes, kNoInts);
    visit("cubic_a", s.cubic_a, -0.75f);
    visit("exclude_outside", s.exclude_outside, false);
    visit("antialias", s.antialias, false);
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

/// foreign: an op that Vitro does not know, carried from one file to another.
struct ForeignAttrs {
  std::string domain, name;
  std::vector<std::byte> attributes;  ///< as the file has them
  std::vector<TensorType> results;    ///< as the file declares them
  bool operator==(const ForeignAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("domain", s.domain, std::string{});
    visit("name", s.name);
    visit("attributes", s.attributes);
    visit("results", s.results);
  }
};

/// attention: qkv [n, tokens, 3 * heads * head_dim], packed in the order [3, heads, head_dim].
struct AttentionAttrs {
  int64_t heads = 1;
  int64_t head_dim = 1;
  float scale = 1.0f;
  bool operator==(const AttentionAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("heads", s.heads);
    visit("head_dim", s.head_dim);
    visit("scale", s.scale);
  }
};

/// attention_block: x + proj(attention(qkv(layer_norm(x)))).
struct AttentionBlockAttrs {
  int64_t heads = 1;
  int64_t head_dim = 1;
  float scale = 1.0f;
  float eps = 1e-6f;
  bool operator==(const AttentionBlockAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("heads", s.heads);
    visit("head_dim", s.head_dim);
    visit("scale", s.scale);
    visit("eps", s.eps);
  }
};

/// mlp: x + fc2(gelu(fc1(x'))) with x' = layer_norm(x) or x.
struct MlpAttrs {
  bool layer_norm = false;
  float eps = 1e-6f;
  bool operator==(const MlpAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("layer_norm", s.layer_norm);
    visit("eps", s.eps);
  }
};

using Attrs = std::variant<std::monostate, UnaryAttrs, BinaryAttrs, CompareAttrs, ReduceAttrs,
                           ArgAttrs, PoolAttrs, ConvAttrs, Conv2dAttrs, NormAttrs, GroupNormAttrs,
                           MatMulAttrs, SoftmaxAttrs, AxisAttrs, SplitAttrs, TopKAttrs, CumSumAttrs,
                           ReshapeAttrs, AxesAttrs, TransposeAttrs, SliceAttrs, PadAttrs, DimsAttrs,
                           FillAttrs, CastAttrs, ResizeAttrs, QuantizeAttrs, ForeignAttrs,
                           AttentionAttrs, AttentionBlockAttrs, MlpAttrs>;

/// Calls visit(name, field) or visit(name, field, usual value) for each field of the attributes.
template <typename AttrsRef, typename Visitor>
void visit_fields(AttrsRef& attrs, Visitor&& visit) {
  std::visit(
      [&](auto& alternative) {
        using A = std::remove_const_t<std::remove_reference_t<decltype(alternative)>>;
        if constexpr (!std::is_same_v<A, std::monostate>) A::fields(alternative, visit);
      },
      attrs);
}

}  // namespace vitro
