#pragma once

#include <optional>

#include "ir/infer.h"

namespace vitro {

/// A neighbour along one axis of a position of the result of resize, and its weight.
struct ResizeTap {
  int64_t position;
  double weight;
};

/// The neighbours of each position of the result along `axis`, of extent `in` in the operand and
/// `out` in the result; nothing where the axis is copied. An element of the result is the sum over
/// the neighbours along all axes, weights multiplied.
std::optional<std::vector<std::vector<ResizeTap>>> resize_taps(const ResizeAttrs& attrs,
                                                               size_t axis, int64_t in,
                                                               int64_t out);

}  // namespace vitro
