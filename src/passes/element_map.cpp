#include "passes/element_map.h"

#include <algorithm>

#include "ir/op_info.h"
#include "ir/strided.h"

namespace vitro {
namespace {

using Mode = ElementMap::Mode;

/// Appends a walk; one that goes on where the last one wraps around becomes part of it.
void append(std::vector<Mode>& modes, Mode mode) {
  if (mode.extent == 1) return;
  if (!modes.empty() && modes.back().stride == mode.extent * mode.stride)
    modes.back() = {modes.back().extent * mode.extent, mode.stride};
  else
    modes.push_back(mode);
}

}  // namespace

ElementMap::ElementMap(const Dims& dims) : axes_(dims.size()) {
  const Dims strides = dense_strides(dims);
  for (size_t axis = 0; axis < dims.size(); ++axis)
    append(axes_[axis], {dims[axis], strides[axis]});
}

std::optional<int64_t> ElementMap::stride(size_t axis) const {
  if (axes_[axis].size() > 1) return std::nullopt;
  return axes_[axis].empty() ? 0 : axes_[axis][0].stride;
}

bool ElementMap::is_dense() const {
  std::vector<Mode> all;
  for (const auto& axis : axes_)
    for (const Mode& mode : axis) append(all, mode);
  return offset_ == 0 && (all.empty() || (all.size() == 1 && all[0].stride == 1));
}

ElementMap ElementMap::transposed(const Ints& perm) const {
  ElementMap result = *this;
  for (size_t i = 0; i < perm.size(); ++i) result.axes_[i] = axes_[static_cast<size_t>(perm[i])];
  return result;
}

std::optional<ElementMap> ElementMap::reshaped(const Dims& dims) const {
  std::vector<Mode> rest;
  for (const auto& axis : axes_)
    for (const Mode& mode : axis) append(rest, mode);
  ElementMap result = *this;
  result.axes_.assign(dims.size(), {});
  size_t next = 0;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    for (int64_t extent = dims[axis]; extent != 1;) {
      if (next == rest.size() || extent < 1) return std::nullopt;
      Mode& mode = rest[next];
      if (extent % mode.extent == 0) {
        append(result.axes_[axis], mode);
        extent /= mode.extent;
        ++next;
      } else if (mode.extent % extent == 0) {
        mode.extent /= extent;  // its inner part is left for the next axes
        append(result.axes_[axis], {extent, mode.stride * mode.extent});
        extent = 1;
      } else {
        return std::nullopt;
      }
    }
  }
  return next == rest.size() ? std::optional(std::move(result)) : std::nullopt;
}

/// Keeps `count` positions of an axis.
bool ElementMap::take(size_t axis, int64_t begin, int64_t step, int64_t count) {
  std::vector<Mode>& modes = axes_[axis];
  int64_t extent = 1;
  for (const Mode& mode : modes) extent *= mode.extent;
  if (begin == 0 && step == 1 && count == extent) return true;
  if (modes.size() != 1 || count < 1) return false;
  offset_ += begin * modes[0].stride;
  const Mode kept{count, step * modes[0].stride};
  modes.clear();
  append(modes, kept);
  return true;
}

/// gather of one position, or of positions in a row.
std::optional<ElementMap> ElementMap::gathered(const Node& node, Operands operands,
                                               const Dims& result) const {
  const Ints* indices = operands[1].known;
  const auto& attrs = node.as<GatherAttrs>();
  if (!indices || indices->empty() || operands[1].rank() > 1 || attrs.batch_dims > 0)
    return std::nullopt;
  const size_t axis = axis_of(node, attrs.axis, operands[0].rank());
  const int64_t extent = operands[0].dims()[axis];
  const auto position = [&](size_t i) { return (*indices)[i] + ((*indices)[i] < 0 ? extent : 0); };
  for (size_t i = 0; i < indices->size(); ++i)
    if (position(i) != position(0) + static_cast<int64_t>(i) || position(i) < 0 ||
        position(i) >= extent)
      return std::nullopt;
  ElementMap taken = *this;
  if (!taken.take(axis, position(0), 1, static_cast<int64_t>(indices->size()))) return std::nullopt;
  return taken.reshaped(result);
}

std::optional<ElementMap> ElementMap::after(const Node& node, Operands operands, size_t index,
                                            const Dims& result) const {
  if (op_info(node.kind).has(View)) return reshaped(result);
  if (node.kind == OpKind::Transpose) return transposed(node.as<TransposeAttrs>().perm);
  if (node.kind == OpKind::Gather) return gathered(node, operands, result);
  ElementMap taken = *this;
  if (node.kind == OpKind::Slice) {
    const auto ranges = slice_ranges(node, operands);
    for (size_t axis = 0; axis < ranges.size(); ++axis)
      if (!taken.take(axis, ranges[axis].begin, ranges[axis].step, ranges[axis].count))
        return std::nullopt;
    return taken;
  }
  if (node.kind != OpKind::Split) return std::nullopt;
  const size_t axis = axis_of(node, node.as<SplitAttrs>().axis, operands[0].rank());
  const Ints sizes = split_sizes(node, operands[0].dims()[axis]);
  int64_t begin = 0;
  for (size_t i = 0; i < index; ++i) begin += sizes[i];
  return taken.take(axis, begin, 1, sizes[index]) ? std::optional(std::move(taken)) : std::nullopt;
}

std::vector<ElementMap> own_maps(const Extents& extents, ValueId id) {
  std::vector<ElementMap> maps;
  for (size_t shape = 0; shape < extents.count(); ++shape)
    maps.emplace_back(extents.dims(shape, id));
  return maps;
}

std::optional<std::vector<ElementMap>> moved(const std::vector<ElementMap>& maps,
                                             const Extents& extents, const Node& node,
                                             size_t index) {
  std::vector<ElementMap> result;
  for (size_t shape = 0; shape < extents.count(); ++shape) {
    const Inference& known = extents.at(shape);
    const auto operands = operands_of(node, known.types, known.contents);
    auto map = maps[shape].after(node, operands, index, extents.dims(shape, node.outputs[index]));
    if (!map) return std::nullopt;
    result.push_back(std::move(*map));
  }
  return result;
}

}  // namespace vitro
