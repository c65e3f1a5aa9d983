#include "passes/extents.h"

#include <algorithm>

#include "ir/corners.h"

namespace vitro {

Extents::Extents(const Graph& graph) {
  shapes_.push_back(infer(graph, input_types(graph)));
  for (const auto& inputs : corner_inputs(graph)) {
    try {
      shapes_.push_back(infer(graph, inputs));
    } catch (const Error&) {  // a shape that the graph does not take
    }
  }
}

Contents Extents::fixed_contents(ValueId id) const {
  const Contents& usual = contents(0, id);
  for (size_t shape = 1; shape < count(); ++shape)
    if (contents(shape, id) != usual || dims(shape, id) != dims(0, id)) return std::nullopt;
  return usual;
}

bool Extents::is_fixed(ValueId id, size_t axis) const {
  for (size_t shape = 1; shape < count(); ++shape)
    if (dims(shape, id)[axis] != dims(0, id)[axis]) return false;
  return true;
}

bool Extents::is_one(ValueId id, size_t axis) const {
  return dims(0, id)[axis] == 1 && is_fixed(id, axis);
}

bool Extents::same_dims(ValueId a, ValueId b) const {
  for (size_t shape = 0; shape < count(); ++shape)
    if (dims(shape, a) != dims(shape, b)) return false;
  return true;
}

void Extents::add(const Graph& graph, const Node& node) {
  for (Inference& shape : shapes_) {
    shape.types.resize(graph.values.size());
    shape.contents.resize(graph.values.size());
    for (ValueId id : node.inputs) {  // constants that were added
      if (id == kAbsent || !graph.is_constant(id)) continue;
      shape.types[static_cast<size_t>(id)] = graph.value(id).type;
      shape.contents[static_cast<size_t>(id)] = contents_of(*graph.value(id).constant);
    }
    const auto operands = operands_of(node, shape.types, shape.contents);
    const std::vector<TensorType> types = infer_results(node, operands);
    for (size_t i = 0; i < types.size(); ++i) {
      if (node.outputs[i] == kAbsent) continue;
      const auto id = static_cast<size_t>(node.outputs[i]);
      shape.types[id] = types[i];
      if (i == 0) shape.contents[id] = known_contents(node, operands, types[0]);
    }
  }
}

std::optional<Ints> reshape_dims(const std::vector<Dims>& from, const std::vector<Dims>& to) {
  const size_t rank = to[0].size();
  const auto holds = [&](const auto& condition) {
    for (size_t shape = 0; shape < to.size(); ++shape)
      if (!condition(from[shape], to[shape])) return false;
    return true;
  };
  Ints dims;
  bool infers = false;
  for (size_t i = 0; i < rank; ++i) {
    const bool copied =
        holds([&](const Dims& a, const Dims& b) { return i < a.size() && a[i] == b[i]; });
    const bool fixed = holds([&](const Dims&, const Dims& b) { return b[i] == to[0][i]; });
    if (!copied && !fixed && infers) return std::nullopt;
    infers = infers || (!copied && !fixed);
    dims.push_back(copied ? 0 : fixed ? to[0][i] : -1);
    // 0 copies, so that it cannot say that there is nothing; and nothing follows from nothing.
    if (holds([&](const Dims&, const Dims& b) { return b[i] != 0; })) continue;
    return std::nullopt;
  }
  return dims;
}

}  // namespace vitro
