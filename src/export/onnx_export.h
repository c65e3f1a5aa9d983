#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "formats/onnx_writer.h"
#include "ir/graph.h"

namespace vitro {

inline constexpr int64_t kLeastOnnxOpset = 13, kUsualOnnxOpset = 17, kMostOnnxOpset = 23;

struct OnnxExportOptions {
  int64_t opset = kUsualOnnxOpset;              ///< kLeastOnnxOpset to kMostOnnxOpset
  std::map<std::string, std::string> metadata;  ///< metadata_props
  std::string data_name = "model.onnx.data";    ///< of a file for what is too much for one
  uint64_t most_bytes = onnx::kMaxModelBytes;   ///< of one file
};

struct ExportedOnnx {
  onnx::EncodedModel files;
  std::shared_ptr<const void> owner;     ///< of what `files.external` has views of
  std::map<std::string, int64_t> nodes;  ///< by op
  std::vector<std::string> transposes;   ///< names of the nodes that move elements between layouts
};

/// A graph in ops of standard ONNX alone: exact decompositions where the opset has none that fits,
/// fused ops by their bodies. `inputs` and `outputs` say of the ports of the graph which extents
/// are open, and what these are called. Constants are dense.
///
/// ONNX's convolutions and pools have their channels first, the graph has them last. Each value is
/// written in the order in which the op that makes it has it; a reader that needs another order
/// gets a Transpose, one for all readers. Ops that can do with any order take the one for which
/// least has to be moved.
///
/// Throws Unsupported, naming the node, for what the opset cannot say, and for nodes of more
/// than `most_bytes`. Weights beyond them go to a file of their own.
ExportedOnnx export_onnx(const Graph& graph, std::span<const IoInfo> inputs,
                         std::span<const IoInfo> outputs, const OnnxExportOptions& options);

}  // namespace vitro
