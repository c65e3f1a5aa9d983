#pragma once

#include "export/onnx_export.h"
#include "frontend/onnx/import.h"
#include "runtime/evaluate.h"
#include "runtime/interface.h"

namespace vitro {

/// A graph as the file that it is exported to.
inline ExportedOnnx exported(const Graph& graph, int64_t opset) {
  return export_onnx(graph, input_infos(graph), output_infos(graph),
                     {.opset = opset, .metadata = {}});
}

/// A graph, written as ONNX and read again.
inline Graph round_trip(const Graph& graph, int64_t opset) {
  return import_onnx(exported(graph, opset).files.bytes, "written.onnx", evaluate_constants);
}

}  // namespace vitro
