#include <algorithm>
#include <numeric>
#include <span>

#include "passes/element_map.h"
#include "passes/passes.h"
#include "passes/pattern.h"

// Exporters spell group normalisation as instance normalisation of [n, groups, elements], each
// group being one channel.
namespace vitro {
namespace {

bool all_are(const Graph& graph, const Node& norm, size_t operand, float value) {
  if (!norm.has_input(operand)) return true;
  if (!is_weight(graph, norm.inputs[operand])) return false;
  const auto values = graph.value(norm.inputs[operand]).constant->floats();
  return std::all_of(values.begin(), values.end(), [&](float v) { return v == value; });
}

/// Whether a map of [n, groups, elements] has these strides along groups and elements.
bool has_strides(const std::optional<ElementMap>& map, const Dims& dims, int64_t groups,
                 int64_t elements) {
  const auto is = [&](size_t axis, int64_t stride) {
    return dims[axis] == 1 || map->stride(axis) == stride;
  };
  return map && map->offset() == 0 && is(0, dims[1] * dims[2]) && is(1, groups) && is(2, elements);
}

/// Whether the groups of channels of x [n, c, ...] are the channels of what the norm reads, `path`
/// being the nodes between them from the last one on.
bool groups_channels(const Extents& extents, const Node& norm, std::span<const Node* const> path) {
  const ValueId x = path.back()->inputs[0];
  auto maps = std::optional(own_maps(extents, x));
  for (auto node = path.rbegin(); node != path.rend() && maps; ++node)
    maps = moved(*maps, extents, **node, 0);
  if (!maps) return false;
  for (size_t shape = 0; shape < extents.count(); ++shape) {
    const Dims& rows = extents.dims(shape, norm.inputs[0]);  // [n, elements, groups]
    const Dims& dims = extents.dims(shape, x);
    if (dims.size() < 3 || rows.size() != 3 || dims[0] != rows[0] || dims[1] % rows[2] != 0)
      return false;
    // Lines whose channels are the groups: that is what the norm reads already.
    if (dims.size() == 3 && dims[1] == rows[2]) return false;
    const auto map = (*maps)[shape].transposed({0, 2, 1});
    if (!has_strides(map, {rows[0], rows[2], rows[1]}, rows[1], 1)) return false;
  }
  return true;
}

/// The value [n, c, ...] whose groups of channels are the channels of what the norm reads. What is
/// before it may be movement, too: channels that are last, say.
ValueId map_before(const Matcher& matcher, const Extents& extents, const Node& norm) {
  std::vector<const Node*> path;
  for (ValueId id = norm.inputs[0]; path.size() < 4;) {
    const Node* node = matcher.sole_producer(id, OpKind::Reshape);
    if (!node) node = matcher.sole_producer(id, OpKind::Transpose);
    if (!node) break;
    path.push_back(node);
    id = node->inputs[0];
  }
  for (; !path.empty(); path.pop_back())
    if (groups_channels(extents, norm, path)) return path.back()->inputs[0];
  return kAbsent;
}

/// The value behind the norm that has the elements of `x` in their places.
Node* map_behind(const Matcher& matcher, const Extents& extents, const Node& norm, ValueId x) {
  auto maps = std::optional(own_maps(extents, norm.output()));
  for (ValueId id = norm.output();;) {
    const auto readers = matcher.readers(id);
    if (readers.size() != 1 || matcher.num_uses(id) != 1 || readers[0]->outputs.size() != 1)
      return nullptr;
    maps = moved(*maps, extents, *readers[0], 0);
    if (!maps) return nullptr;
    id = readers[0]->output();
    if (!extents.same_dims(id, x)) continue;
    for (size_t shape = 0; shape < extents.count(); ++shape) {
      const Dims& rows = extents.dims(shape, norm.output());
      const Dims split{rows[0], rows[2], rows[1]};
      if (!has_strides((*maps)[shape].reshaped(split), split, 1, rows[2])) return nullptr;
    }
    return readers[0];
  }
}

bool fuse(const Matcher& matcher, Node& norm) {
  if (norm.kind != OpKind::GroupNorm) return false;
  Graph& graph = matcher.graph();
  const auto attrs = norm.as<GroupNormAttrs>();
  if (last_extent(graph, norm.inputs[0]) != attrs.groups || !all_are(graph, norm, 1, 1.0f) ||
      !all_are(graph, norm, 2, 0.0f))
    return false;
  const Extents extents(graph);
  const ValueId x = map_before(matcher, extents, norm);
  Node* behind = x == kAbsent ? nullptr : map_behind(matcher, extents, norm, x);
  if (!behind) return false;
  const size_t rank = graph.value(x).type.dims.size();
  Ints to_last(rank), to_first(rank);
  std::iota(to_last.begin(), to_last.end(), 0);
  std::rotate(to_last.begin() + 1, to_last.begin() + 2, to_last.end());
  for (size_t i = 0; i < rank; ++i)
    to_first[static_cast<size_t>(to_last[i])] = static_cast<int64_t>(i);
  Value last = graph.value(x);
  for (size_t i = 0; i < rank; ++i)
    last.type.dims[i] = graph.value(x).type.dims[static_cast<size_t>(to_last[i])];
  const auto add = [&] {
    last.name = unique_name(graph, graph.value(behind->output()).name);
    graph.values.push_back(last);
    return static_cast<ValueId>(graph.values.size() - 1);
  };
  const ValueId rows = add(), normed = add();
  const std::string source = norm.source;
  *behind = {
      OpKind::Transpose, TransposeAttrs{to_first}, {normed}, behind->outputs, source, nullptr};
  graph.nodes.insert(
      graph.nodes.begin() + (behind - graph.nodes.data()),
      {Node{OpKind::Transpose, TransposeAttrs{to_last}, {x}, {rows}, source, nullptr},
       Node{OpKind::GroupNorm, attrs, {rows}, {normed}, source, nullptr}});
  return true;
}

}  // namespace

void fuse_group_norm(Graph& graph) { rewrite_nodes(graph, fuse); }

}  // namespace vitro
