#pragma once

#include <memory>

#include "core/mmap_file.h"
#include "formats/tensor_file.h"

namespace vitro {

/// Reads a checkpoint of any format Vitro understands. The content decides, not the extension:
/// safetensors (a JSON header after 8 bytes) or PyTorch (a ZIP archive). Throws CorruptFile for an
/// empty or damaged file, InvalidArgument for a Vitro plan, and Unsupported, saying what was seen
/// and what is understood, for ONNX, legacy pickles and everything else.
TensorFile read_checkpoint_file(std::shared_ptr<const MappedFile> file);

}  // namespace vitro
