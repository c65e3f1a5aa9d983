#pragma once

#include "ir/infer.h"

namespace vitro {

/// The elements of a result as positions of an operand: a walk with a stride along each axis, which
/// is 0 where the operand repeats and negative where it runs backwards.
struct Strided {
  Dims extents;  ///< of the result
  Dims strides;  ///< in elements of the operand
  int64_t offset = 0;

  /// The position in the operand of element `index` of the result.
  int64_t at(int64_t index) const {
    int64_t position = offset;
    for (size_t axis = extents.size(); axis-- > 0; index /= extents[axis])
      position += index % extents[axis] * strides[axis];
    return position;
  }
};

/// Strides of dense rows.
Dims dense_strides(const Dims& dims);
Strided transpose_walk(const Dims& dims, const Ints& perm);
Strided broadcast_walk(const Dims& dims, const Dims& result);
Strided slice_walk(const Node& node, Operands in);

}  // namespace vitro
