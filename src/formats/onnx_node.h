#pragma once

#include <string_view>
#include <utility>

#include "formats/onnx_model.h"
#include "formats/onnx_wire.h"

// The messages of which the graphs of a model are made; parse_model() reads the others.
namespace vitro::onnx {

/// StringStringEntryProto: key and value.
std::pair<std::string_view, std::string_view> read_entry(WireReader reader);
Tensor read_tensor(WireReader reader);
/// `depth`: of the graphs around it.
Attribute read_attribute(WireReader reader, int depth);
Node read_node(WireReader reader, int depth);
/// The graph of an attribute, or of the model.
Graph read_graph(WireReader reader, int depth);

}  // namespace vitro::onnx
