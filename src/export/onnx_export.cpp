#include "export/onnx_export.h"

#include "core/check.h"
#include "export/graph_writer.h"
#include "formats/onnx_writer.h"
#include "ir/op_info.h"
#include "vitro/vitro.h"

namespace vitro {
namespace {

/// The first version of files that each opset may be in (https://onnx.ai: Versioning).
int64_t ir_version_of(int64_t opset) {
  if (opset >= 23) return 11;
  if (opset >= 21) return 10;
  if (opset >= 19) return 9;
  return opset >= 15 ? 8 : 7;
}

void inline_bodies(Graph& graph) {
  for (size_t i = 0; i < graph.nodes.size();) {
    if (graph.nodes[i].body)
      inline_body(graph, i);
    else
      ++i;
  }
}

onnx::ValueInfo value_info(onnx::ModelBuilder& model, const IoInfo& info) {
  const auto type = onnx::element_type_of(info.dtype);
  check(type.has_value(), ErrorCode::Unsupported, "'{}': ONNX has no {}", info.name,
        dtype_name(info.dtype));
  onnx::ValueInfo result;
  result.name = model.keep(info.name);
  result.is_tensor = true;
  result.type = *type;
  result.shape.emplace();
  for (size_t axis = 0; axis < info.dims.size(); ++axis) {
    const DimRange& range = info.dims[axis];
    onnx::Extent extent;
    if (range.min == range.max)
      extent.value = range.min;
    else
      extent.symbol =
          model.keep(range.name.empty() ? fmt::format("{}.{}", info.name, axis) : range.name);
    result.shape->push_back(extent);
  }
  return result;
}

void add_metadata(onnx::ModelBuilder& model, const OnnxExportOptions& options) {
  onnx::Model& file = model.model();
  file.ir_version = ir_version_of(options.opset);
  file.producer = "vitro";
  file.producer_version = version();
  file.opsets = {{"", options.opset}};
  file.graph.name = "main";
  for (const auto& [key, value] : options.metadata)
    file.metadata.emplace(model.keep(key), model.keep(value));
}

}  // namespace

ExportedOnnx export_onnx(const Graph& graph, std::span<const IoInfo> inputs,
                         std::span<const IoInfo> outputs, const OnnxExportOptions& options) {
  check(options.opset >= kLeastOnnxOpset && options.opset <= kMostOnnxOpset,
        ErrorCode::InvalidArgument, "opset {}, expected {} to {}", options.opset, kLeastOnnxOpset,
        kMostOnnxOpset);
  Graph plain = graph;
  inline_bodies(plain);
  remove_dead(plain);
  const Extents extents(plain);
  const auto owner = std::make_shared<onnx::ModelBuilder>();
  onnx::ModelBuilder& model = *owner;
  add_metadata(model, options);
  onnx::Graph& file = model.model().graph;
  onnx::GraphWriter writer(plain, extents, model, options.opset);
  for (size_t i = 0; i < inputs.size(); ++i) {
    file.inputs.push_back(value_info(model, inputs[i]));
    writer.add_input(plain.inputs[i].value, model.unique(file.inputs[i].name));
  }
  std::vector<onnx::ValueInfo> results;
  for (const IoInfo& output : outputs) {
    results.push_back(value_info(model, output));
    model.unique(results.back().name);  // nothing else may be called so
  }
  for (const Node& node : plain.nodes) writer.write(node);
  for (size_t i = 0; i < outputs.size(); ++i) {
    writer.add_output(plain.outputs[i].value, results[i].name);
    file.outputs.push_back(results[i]);
  }
  ExportedOnnx result;
  result.files = onnx::encode_model(model.model(), options.data_name, options.most_bytes);
  result.owner = owner;
  for (const onnx::Node& node : file.nodes) ++result.nodes[std::string(node.op)];
  result.transposes = writer.transposes();
  return result;
}

}  // namespace vitro
