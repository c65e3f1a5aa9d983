#pragma once

#include "ir/strided.h"

namespace vitro::cpu {

/// Loops over the elements of a result and where each of them lies in two tensors; axes that both
/// walk through as if they were one are one. At least one axis.
struct Nest {
  Dims extents;
  Dims a, b;  ///< strides in elements

  Nest(const Dims& extents, const Dims& a, const Dims& b);
  /// Elements of the axes before the last `inner` ones.
  int64_t outer(size_t inner = 1) const;
  struct Offsets {
    int64_t a = 0, b = 0;
  };
  /// Where position `index` of the axes before the last `inner` ones begins.
  Offsets at(int64_t index, size_t inner = 1) const;
  /// Makes `axis` the one before the last.
  void move_before_last(size_t axis);
};

}  // namespace vitro::cpu
