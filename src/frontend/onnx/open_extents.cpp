#include "frontend/onnx/open_extents.h"

#include <algorithm>

#include "ir/corners.h"
#include "ir/infer.h"

namespace vitro::onnx {
namespace {

/// Makes room for the values of the graph; those without a node are constants.
void resize(Inference& known, const vitro::Graph& graph) {
  for (size_t i = known.types.size(); i < graph.values.size(); ++i) {
    const Value& value = graph.values[i];
    known.types.push_back(value.type);
    known.contents.push_back(value.constant ? contents_of(*value.constant) : std::nullopt);
  }
}

void infer_last(Inference& known, const vitro::Graph& graph) {
  const Node& node = graph.nodes.back();
  const auto operands = operands_of(node, known.types, known.contents);
  const std::vector<TensorType> types = infer_results(node, operands);
  for (size_t i = 0; i < types.size(); ++i) {
    const auto id = static_cast<size_t>(node.outputs[i]);
    known.types[id] = types[i];
    known.contents[id] = i == 0 ? known_contents(node, operands, types[0]) : std::nullopt;
  }
}

}  // namespace

OpenExtents::OpenExtents(const vitro::Graph& graph) {
  for (const Variation& variation : variations(graph)) {
    Trial trial{variation.extent, {}};
    resize(trial.at, graph);
    for (size_t i = 0; i < graph.inputs.size(); ++i)
      trial.at.types[static_cast<size_t>(graph.inputs[i].value)] = variation.inputs[i];
    if (!trial.extent.empty()) names_.insert(trial.extent);
    trials_.push_back(std::move(trial));
  }
}

void OpenExtents::add_last(const vitro::Graph& graph) {
  std::erase_if(trials_, [&](Trial& trial) {
    resize(trial.at, graph);
    try {
      infer_last(trial.at, graph);
      return false;
    } catch (const Error&) {  // the model does not take that extent
      return true;
    }
  });
}

bool OpenExtents::is_complete() const {
  return std::ranges::all_of(names_, [&](const std::string& name) {
    return std::ranges::any_of(trials_, [&](const Trial& trial) { return trial.extent == name; });
  });
}

bool OpenExtents::is_fixed(const GraphBuilder& builder, ValueId id, size_t axis) const {
  const auto index = static_cast<size_t>(id);
  if (builder.value(id).constant) return true;
  return is_complete() && std::ranges::all_of(trials_, [&](const Trial& trial) {
           return trial.at.types[index].dims[axis] == builder.dims(id)[axis];
         });
}

Contents OpenExtents::fixed_contents(const GraphBuilder& builder, ValueId id) const {
  const auto index = static_cast<size_t>(id);
  const Contents& usual = builder.contents(id);
  const bool stays =
      usual && is_complete() && std::ranges::all_of(trials_, [&](const Trial& trial) {
        return trial.at.types[index] == builder.value(id).type && trial.at.contents[index] == usual;
      });
  return stays ? usual : std::nullopt;
}

}  // namespace vitro::onnx
