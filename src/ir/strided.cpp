#include "ir/strided.h"

namespace vitro {

Dims dense_strides(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

Strided transpose_walk(const Dims& dims, const Ints& perm) {
  const Dims strides = dense_strides(dims);
  Strided walk;
  for (int64_t axis : perm) {
    walk.extents.push_back(dims[static_cast<size_t>(axis)]);
    walk.strides.push_back(strides[static_cast<size_t>(axis)]);
  }
  return walk;
}

Strided broadcast_walk(const Dims& dims, const Dims& result) {
  const Dims strides = dense_strides(dims);
  Strided walk{result, Dims(result.size()), 0};
  const size_t offset = result.size() - dims.size();
  for (size_t i = 0; i < dims.size(); ++i) walk.strides[offset + i] = dims[i] == 1 ? 0 : strides[i];
  return walk;
}

Strided slice_walk(const Node& node, Operands in) {
  Strided walk;
  const Dims strides = dense_strides(in[0].dims());
  const std::vector<SliceRange> ranges = slice_ranges(node, in);
  for (size_t i = 0; i < ranges.size(); ++i) {
    walk.extents.push_back(ranges[i].count);
    walk.strides.push_back(ranges[i].step * strides[i]);
    walk.offset += ranges[i].begin * strides[i];
  }
  return walk;
}

}  // namespace vitro
