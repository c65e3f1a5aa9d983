#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace vitro {

inline constexpr int64_t kLeastOnnxOpset = 17, kMostOnnxOpset = 20;

struct OnnxExportOptions {
  int64_t opset = kLeastOnnxOpset;              ///< up to kMostOnnxOpset
  std::map<std::string, std::string> metadata;  ///< metadata_props
};

struct ExportedOnnx {
  std::vector<std::byte> bytes;          ///< of the file
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
/// Throws Unsupported, naming the node, for what the opset cannot say, and for more than 2 GB.
ExportedOnnx export_onnx(const Graph& graph, std::span<const IoInfo> inputs,
                         std::span<const IoInfo> outputs, const OnnxExportOptions& options);

}  // namespace vitro
