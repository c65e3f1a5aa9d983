#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/mmap_file.h"
#include "frontend/checkpoint/settings.h"
#include "frontend/imported_model.h"

namespace vitro {

/// Runs a graph without inputs: the values of its outputs.
using EvaluateConstants = std::function<std::vector<Constant>(const Graph&)>;

struct OnnxOptions {
  ClassifierChoices classifier{};
  /// For what depends on constants alone. Empty: that becomes part of the graph, and a model that
  /// computes its weights, or what must be known of them, is refused.
  EvaluateConstants evaluate{};
};

/// Whether a file is an ONNX model, by its name or its first bytes.
bool is_onnx_file(const std::filesystem::path& path);

/// The graph of an ONNX model, in the order of its nodes and with its names of inputs and outputs.
/// Open extents of inputs become ranges from 1 up; by default a batch is 1 and a picture as large
/// as the metadata or the options say, else 224x224. Convolutions work on channels-last maps
/// between transposes, which cancel_transposes() takes away.
///
/// A model of one picture input [n, 3, h, w] and a first output [n, classes] is a classifier, whose
/// preprocessing comes from the options, a config.json beside the file or its metadata_props, else
/// it is guessed.
///
/// Throws NotFound, CorruptFile (naming the offset and the field, or the node), InvalidArgument
/// (operands or options that do not fit) and Unsupported, listing every node that Vitro has no op
/// for.
ImportedModel import_onnx(const std::filesystem::path& path, const OnnxOptions& options = {});

/// The sides of pictures to which a model gives no number.
struct OpenSides {
  bool height = false, width = false;
  size_t height_axis = 2;  ///< the width follows
};
/// Of all inputs. Throws NotFound and CorruptFile as import_onnx() does.
OpenSides open_sides(const std::filesystem::path& path);

/// A node that Vitro has no op for.
struct UnsupportedNode {
  std::string op;      ///< with its domain, if it is not ONNX's own
  std::string source;  ///< name of the node
  std::string reason;
};
/// What would become of a model.
struct OnnxCoverage {
  std::map<std::string, int64_t> nodes;  ///< by op, those of functions too
  std::vector<UnsupportedNode> unsupported;
};
/// Reads a model and says which of its nodes are supported. Nodes behind one that is not count as
/// supported when the op is in the table. Throws as import_onnx() does, but not for these.
OnnxCoverage onnx_coverage(const std::filesystem::path& path, const OnnxOptions& options = {});

/// A file of external data that is open already, by what the model calls it.
struct OpenExternalData {
  std::string location;
  std::shared_ptr<const MappedFile> file;
};
/// The graph alone, from memory. `name` is what errors call the model; other external data is
/// looked for in its folder.
Graph import_onnx(std::span<const std::byte> bytes, const std::string& name,
                  const EvaluateConstants& evaluate = {}, const OpenExternalData& external = {});

}  // namespace vitro
