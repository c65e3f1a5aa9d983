#pragma once

#include <span>

#include "ir/attrs_fields.h"
#include "vitro/tensor.h"

// The attributes of ops that move, repeat, make or interpolate elements.
namespace vitro {

/// concat, gather_elements.
struct AxisAttrs {
  int64_t axis = 0;
  bool operator==(const AxisAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("axis", s.axis);
  }
};

/// gather: the first `batch_dims` axes of operand and indices are the same ones, and positions are
/// those of each of their images; `axis` comes behind them.
struct GatherAttrs {
  int64_t axis = 0;
  int64_t batch_dims = 0;
  bool operator==(const GatherAttrs&) const = default;
  template <class Self, class V>
  static void fields(Self& s, V&& visit) {
    visit("axis", s.axis);
    visit("batch_dims", s.batch_dims, int64_t{0});
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

}  // namespace vitro
