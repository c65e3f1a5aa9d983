#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vitro/image.h"
#include "vitro/tensor.h"

namespace vitro {

/// Where parts of a Classifier come from. The parts: "size", "crop_pct", "crop_mode",
/// "interpolation", "mean", "std", "labels". From: "flag" (an option of the build or of whoever
/// opened the plan), "FILE: KEY" (beside the checkpoint), "metadata: KEY" (in it), "model" (its
/// input), "default" (nothing says it: a guess) or "none" (there are no labels).
using Origins = std::map<std::string, std::string>;

/// How a model that tells the class of a picture is fed and read.
struct Classifier {
  Preprocessing preprocessing;  ///< from a picture to the input of the model
  int64_t num_classes = 0;
  std::vector<std::string> label_ids;  ///< folder names of the classes; may be empty
  std::vector<std::string> labels;     ///< text of the classes; may be empty
  Origins origins;                     ///< empty in plans that do not tell
};

/// Parameters of an architecture that its weights do not tell, by name: {"head_dim", 64}.
using ArchParams = std::map<std::string, int64_t>;

/// Something in a checkpoint that the model has no use for.
struct PassedOver {
  std::string name;         ///< path of keys: "optimizer"
  int64_t num_tensors = 0;  ///< in it; 0 for plain data
};

/// What a plan says about itself.
struct PlanInfo {
  std::string architecture;              ///< "uniformer_small"
  ArchParams arch_params;                ///< that it was built with
  int64_t num_parameters = 0;            ///< of the checkpoint
  std::string source;                    ///< file name of the checkpoint
  std::string source_checksum;           ///< XXH3-64 of the checkpoint's bytes, 16 hex digits
  std::string vitro_version;             ///< that built it
  std::vector<std::string> notes;        ///< how the build read the checkpoint
  std::vector<PassedOver> passed_over;   ///< what else the checkpoint holds
  std::optional<Classifier> classifier;  ///< none: the model gives something else than classes
};

/// One tensor of the checkpoint and the op that consumed it.
struct WeightRecord {
  std::string name;
  Dims dims;                     ///< as stored in the checkpoint, which is PyTorch's shape
  DType dtype = DType::Float32;  ///< as stored in the checkpoint
  std::string consumer;          ///< module path, for example "blocks3.4.attn.qkv"
  std::string checksum;          ///< XXH3-64 of the stored bytes, 16 hex digits
};

struct Internals;  // not part of the API
struct PlanData;

/// A compiled model: graph, weights and what they are for, immutable and cheap to copy (copies
/// share the weights). One plan serves every batch and every input size that its strides divide.
class Plan {
 public:
  const PlanInfo& info() const;
  /// That of info(). Throws Unsupported when the model is not a classifier.
  const Classifier& classifier() const;
  /// Every tensor of the checkpoint, in the order in which the model consumed them.
  const std::vector<WeightRecord>& weights() const;
  /// The optimised graph as readable text.
  std::string graph_text() const;

 private:
  friend struct Internals;
  explicit Plan(std::shared_ptr<const PlanData> data) : data_(std::move(data)) {}

  std::shared_ptr<const PlanData> data_;
};

/// The input of a classifier for one picture: what preprocess() makes of it, [1, 3, height, width],
/// or its pixels where the plan takes these, uint8 [1, height, width, 3]. Throws Unsupported when
/// the model is not a classifier.
Tensor picture_input(const Plan& plan, const Image& image);

/// Memory-maps a plan file and checks every byte of it. Throws NotFound, CorruptFile, or
/// Unsupported for a plan of another version (the hint is the command that rebuilds it).
Plan load(const std::filesystem::path& path);

/// Writes a plan, whole or not at all. Equal plans give equal bytes. The file is a valid
/// safetensors file. Throws DeviceError when the file cannot be written.
void save(const Plan& plan, const std::filesystem::path& path);

}  // namespace vitro
