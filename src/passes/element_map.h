#pragma once

#include <optional>

#include "passes/extents.h"

namespace vitro {

/// Which element of a value each element of another one is, where ops only move elements between
/// them: each axis is a walk of one or more extents, the outermost first, with a stride for each.
/// However an exporter spells a movement, the map is the same.
class ElementMap {
 public:
  struct Mode {
    int64_t extent, stride;
  };
  /// Of a value to itself.
  explicit ElementMap(const Dims& dims);

  /// The map of result `index` of a node that reads the mapped value as operand 0, for the types
  /// that `operands` have; nothing when the op does more than move elements, or moves them in a way
  /// that has no strides.
  std::optional<ElementMap> after(const Node& node, Operands operands, size_t index,
                                  const Dims& result) const;
  std::optional<ElementMap> reshaped(const Dims& dims) const;
  ElementMap transposed(const Ints& perm) const;

  int64_t offset() const { return offset_; }
  /// The stride of an axis that is one walk: 0 for an extent of 1, which has none; nothing when it
  /// is several.
  std::optional<int64_t> stride(size_t axis) const;
  size_t rank() const { return axes_.size(); }
  /// Whether it is the value itself.
  bool is_dense() const;

 private:
  bool take(size_t axis, int64_t begin, int64_t step, int64_t count);
  std::optional<ElementMap> gathered(const Node& node, Operands operands, const Dims& result) const;

  int64_t offset_ = 0;
  std::vector<std::vector<Mode>> axes_;
};

/// One for each shape: those of a value to itself, and after one more node.
std::vector<ElementMap> own_maps(const Extents& extents, ValueId id);
std::optional<std::vector<ElementMap>> moved(const std::vector<ElementMap>& maps,
                                             const Extents& extents, const Node& node,
                                             size_t index);

}  // namespace vitro
