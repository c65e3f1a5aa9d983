#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "core/mmap_file.h"
#include "formats/tensor_file.h"

namespace vitro {

/// Reads the state dict of a PyTorch checkpoint (the ZIP format of torch >= 1.6). The tensors are
/// those of the first of the keys `model`, `state_dict`, `model_ema` that holds a dict, else of the
/// top-level dict; nested dicts are joined with '.', and a "module." that starts all names is
/// removed. Everything else in the file (optimizer, argparse.Namespace, ...) is skipped and nothing
/// is ever executed: a pickle that calls os.system and the like throws Unsupported.
///
/// Contiguous tensors are views into `bytes`, possibly shared; others are gathered into memory that
/// the result owns. Throws CorruptFile for malformed files, Unsupported for the legacy format,
/// TorchScript archives and pickled modules, with a hint on how to save them again. `name` is what
/// errors call the file.
TensorFile parse_torch_file(std::span<const std::byte> bytes, std::string_view name);

/// As above, zero-copy over the map, which the result keeps alive.
TensorFile read_torch_file(std::shared_ptr<const MappedFile> file);

}  // namespace vitro
