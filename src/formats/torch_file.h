#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "core/mmap_file.h"
#include "formats/tensor_file.h"

namespace vitro {

/// Reads everything in a PyTorch checkpoint, a ZIP archive or a file of the legacy format (torch
/// before 1.6): the tensors under their path, whose keys are joined with '.', pickled modules with
/// the names of their state dict; the rest (optimizer settings, argparse.Namespace, ...) by name as
/// `others`. Nothing is ever executed: a pickle that calls os.system and the like throws
/// Unsupported.
///
/// Contiguous tensors are views into `bytes`, possibly shared; others are gathered into memory that
/// the result owns. Throws CorruptFile for malformed files, and Unsupported, with a hint on how to
/// save them again, for TorchScript archives, NumPy's archives, plain pickles and files without a
/// tensor. `name` is what errors call the file.
TensorFile parse_torch_file(std::span<const std::byte> bytes, std::string_view name);

/// As above, zero-copy over the map, which the result keeps alive.
TensorFile read_torch_file(std::shared_ptr<const MappedFile> file);

}  // namespace vitro
