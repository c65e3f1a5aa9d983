#pragma once

#include <memory>

#include "core/mmap_file.h"
#include "formats/tensor_file.h"

namespace vitro {

/// For the hint of an error about a file of another format.
inline constexpr const char* kUnderstoodFormats =
    "understood are .safetensors, sharded or not, PyTorch .pth, .pt, .bin and .ckpt, and .onnx "
    "files";

/// Throws CorruptFile for what a download leaves behind when it went wrong: a page, a Git LFS
/// pointer.
void refuse_failed_download(const MappedFile& file);

/// Reads a checkpoint of any format Vitro understands. The content decides, not the extension:
/// safetensors (a JSON header after 8 bytes) or PyTorch (a ZIP archive, or pickles). Throws
/// CorruptFile for an empty or damaged file, InvalidArgument for a Vitro plan, and Unsupported,
/// saying what was seen and what is understood, for GGUF, plain pickles and everything else.
TensorFile read_checkpoint_file(std::shared_ptr<const MappedFile> file);

}  // namespace vitro
