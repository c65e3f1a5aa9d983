#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/mmap_file.h"
#include "formats/tensor_file.h"
#include "frontend/checkpoint/ledger.h"
#include "frontend/checkpoint/metadata.h"
#include "models/models.h"
#include "vitro/image.h"

namespace vitro {

/// What the user decides about an import; the rest comes from the checkpoint.
struct CheckpointOptions {
  std::string arch{};          ///< empty: from the metadata, else from the tensors
  int64_t head_dim = 0;        ///< channels of an attention head; 0: that of the architecture
  int64_t height = 0;          ///< default input size, pixels, a multiple of 32; 0: from metadata
  int64_t width = 0;           ///< as height
  bool stage_outputs = false;  ///< also return the output of each stage, [n, h, w, c]
};

/// A checkpoint as a graph, and everything a plan has to remember of it.
struct ImportedModel {
  Graph graph;             ///< owns its weights; the file may go
  UniFormerConfig config;  ///< with the head_dim that was used
  int64_t num_classes = 0;
  Preprocessing preprocessing;         ///< its size is the graph's default input size
  std::vector<std::string> label_ids;  ///< num_classes of them, or none
  std::vector<std::string> labels;     ///< num_classes of them, or none
  std::vector<WeightRecord> ledger;    ///< every tensor of the file, in the order of consumption
  std::vector<std::string> notes;      ///< guesses and warnings for the user, one line each
  std::string source_name;             ///< file name without its folder
  std::string source_checksum;         ///< XXH3-64 of the whole file, 16 hexadecimal digits
};

/// Builds the graph of a `.safetensors` or PyTorch checkpoint, whose format is told by its content.
/// The architecture is `options.arch`, else that of the metadata, else what the tensor shapes tell.
/// Throws what the readers, read_model_metadata(), identify_model() and WeightLedger::finish()
/// throw, and InvalidArgument or NotFound for options that cannot work.
ImportedModel import_checkpoint(const std::filesystem::path& path,
                                const CheckpointOptions& options = {});

/// The same from tensors and metadata that were read before; `source` names them in errors and
/// `map` is as for WeightLedger. Leaves source_name and source_checksum empty.
ImportedModel import_tensors(TensorFile file, const ModelMetadata& metadata,
                             const std::string& source, const CheckpointOptions& options = {},
                             std::shared_ptr<const MappedFile> map = nullptr);

}  // namespace vitro
