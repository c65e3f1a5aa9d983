#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/mmap_file.h"
#include "formats/tensor_file.h"
#include "frontend/checkpoint/ledger.h"
#include "frontend/checkpoint/metadata.h"
#include "frontend/checkpoint/settings.h"
#include "frontend/imported_model.h"
#include "models/models.h"
#include "vitro/plan.h"

namespace vitro {

/// What the user decides about an import; the rest comes from the checkpoint.
struct CheckpointOptions {
  std::string arch{};         ///< empty: from the metadata, else from the tensors
  ArchParams arch_params{};   ///< in place of the usual ones of the architecture
  std::string weights_key{};  ///< as for select_weights()
  ClassifierChoices classifier{};
  bool stage_outputs = false;  ///< also return the output of each stage, [n, h, w, c]
};

/// Builds the graph of a `.safetensors` or PyTorch checkpoint, whose format is told by its content,
/// or of a sharded one, by its index or folder. The model is found by select_weights(). The
/// architecture is `options.arch`, else that of the metadata, else what the tensor shapes tell.
/// Throws what the readers, read_model_metadata(), select_weights(), identify_model() and
/// WeightLedger::finish() throw, and InvalidArgument or NotFound for options that cannot work.
ImportedModel import_checkpoint(const std::filesystem::path& path,
                                const CheckpointOptions& options = {});

/// The same from tensors and metadata that were read before; `source` names them in errors. Leaves
/// source and source_checksum empty.
ImportedModel import_tensors(TensorFile file, const ModelMetadata& metadata,
                             const std::string& source, const CheckpointOptions& options = {});

}  // namespace vitro
