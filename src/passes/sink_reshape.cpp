#include <algorithm>
#include <functional>
#include <numeric>

#include "passes/pattern.h"
#include "passes/sinker.h"

// A transpose behind a reshape, or behind the shape that one is made of.
namespace vitro {
namespace {

/// Axes of one side of a reshape that hold the same elements as those of the other.
struct Group {
  size_t from_begin, from_end, to_begin, to_end;
  int64_t place = -1, last = -1;  ///< of its axes before a transpose, without those of extent 1
};

/// Pairs the axes of two lists of extents with as many elements; nothing when that fails.
std::vector<Group> groups_of(const Dims& from, const Dims& to) {
  std::vector<Group> groups;
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    Group group{.from_begin = i, .from_end = i, .to_begin = j, .to_end = j};
    int64_t a = from[i++], b = to[j++];
    while (a != b) {
      if (a < b && i < from.size())
        a *= from[i++];
      else if (b < a && j < to.size())
        b *= to[j++];
      else
        return {};
    }
    group.from_end = i;
    group.to_end = j;
    groups.push_back(group);
  }
  if (groups.empty()) return {};
  groups.back().from_end = from.size();
  groups.back().to_end = to.size();
  return groups;
}

int64_t product(const Dims& dims, size_t begin, size_t end) {
  return std::accumulate(dims.begin() + static_cast<std::ptrdiff_t>(begin),
                         dims.begin() + static_cast<std::ptrdiff_t>(end), int64_t{1},
                         std::multiplies<>());
}

}  // namespace

bool Sinker::sink_shape(const Node& node, const Ints& perm) {
  const ValueId shape = emit(OpKind::Shape, {}, {untransposed(node.inputs[0])}, node);
  alias(node.output(), emit(OpKind::Gather, GatherAttrs{0}, {shape, integers(perm, node)}, node));
  return true;
}

/// Where the axes that are joined or cut lie side by side before the transpose too.
bool Sinker::sink_reshape(const Node& node, const Ints& perm) {
  const ValueId x = untransposed(node.inputs[0]);
  const std::vector<Dims> from = dims_of(node.inputs[0]), to = dims_of(node.output());
  size_t largest = 0;  // where no extent is 1 or equal to another by chance
  for (size_t shape = 1; shape < from.size(); ++shape)
    if (num_elements(from[shape]) > num_elements(from[largest])) largest = shape;
  if (num_elements(from[largest]) == 0) return false;
  std::vector<Group> groups = groups_of(from[largest], to[largest]);
  if (groups.empty()) return false;
  for (const Group& group : groups)
    for (size_t shape = 0; shape < from.size(); ++shape)
      if (product(from[shape], group.from_begin, group.from_end) !=
          product(to[shape], group.to_begin, group.to_end))
        return false;
  // The place of each axis before the transpose, among those that are not always 1.
  Ints places(perm.size(), -1);
  int64_t count = 0;
  for (const int64_t axis : inverse_of(perm))
    if (!extents_.is_one(node.inputs[0], static_cast<size_t>(axis)))
      places[static_cast<size_t>(axis)] = count++;
  for (Group& group : groups) {
    for (size_t i = group.from_begin; i < group.from_end; ++i) {
      if (places[i] < 0) continue;
      if (group.place >= 0 && places[i] != group.last + 1) return false;
      if (group.place < 0) group.place = places[i];
      group.last = places[i];
    }
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.place < b.place; });
  Ints order;  // axis i of the new result is axis order[i] of the old one
  for (const Group& group : groups)
    for (size_t i = group.to_begin; i < group.to_end; ++i) order.push_back(static_cast<int64_t>(i));
  std::vector<Dims> target;
  for (const Dims& dims : to) {
    target.emplace_back();
    for (const int64_t axis : order) target.back().push_back(dims[static_cast<size_t>(axis)]);
  }
  ValueId made = kAbsent;
  if (const auto attrs = reshape_dims(dims_of(x), target)) {
    made = emit(OpKind::Reshape, ReshapeAttrs{*attrs}, {x}, node);
  } else if (node.has_input(1) && extents_.contents(0, node.inputs[1]) == to[0]) {
    const ValueId dims =
        emit(OpKind::Gather, GatherAttrs{0}, {node.inputs[1], integers(order, node)}, node);
    made = emit(OpKind::Reshape, ReshapeAttrs{}, {x, dims}, node);
  } else {
    return false;
  }
  replace(node, 0, made, inverse_of(order));
  return true;
}

}  // namespace vitro
