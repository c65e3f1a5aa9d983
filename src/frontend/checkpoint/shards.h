#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "formats/tensor_file.h"
#include "frontend/checkpoint/ledger.h"

namespace vitro {

/// The files of a checkpoint and all that they hold.
struct CheckpointFiles {
  TensorFile tensors;
  MappedFiles maps;                  ///< of a sharded one, the index comes first
  std::filesystem::path path;        ///< of the file, or of the index
  std::filesystem::path model_path;  ///< beside which metadata lies: without ".index.json"
};

/// Opens a checkpoint: a file of any format Vitro understands; of a sharded one the index
/// ("model.safetensors.index.json"), or the folder that has it. Throws what read_checkpoint_file()
/// and parse_shard_index() throw, NotFound for a shard that is missing, CorruptFile for one without
/// its tensors, and InvalidArgument, saying what to give instead, for a folder without an index and
/// for one shard of several.
CheckpointFiles open_checkpoint(const std::filesystem::path& path);

/// The file of each tensor, from the layout of Hugging Face's indices: {"weight_map": {tensor:
/// file}}. Throws CorruptFile for other text, and for files that are not beside the index. `name`
/// is what errors call the text.
std::map<std::string, std::string> parse_shard_index(std::string_view json,
                                                     const std::string& name);

/// Of the file; of several, of their checksums.
std::string source_checksum(const MappedFiles& maps);

}  // namespace vitro
