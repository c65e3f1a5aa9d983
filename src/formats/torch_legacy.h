#pragma once

#include <span>
#include <string_view>

#include "formats/pickle.h"
#include "formats/torch_tensor.h"

namespace vitro {

/// What a PyTorch file of the format before 1.6 holds: the pickle and the storages, which are
/// views.
struct LegacyTorchFile {
  PickleTree tree;
  TorchStorages storages;
};

/// True when `bytes` start with the pickled magic number of such files.
bool is_legacy_torch_file(std::span<const std::byte> bytes);

/// Reads one: pickles of the magic number, the version, the machine, the object and the keys of the
/// storages, behind which the storages lie, each with its number of elements. Throws CorruptFile,
/// or Unsupported for another version, big-endian numbers, or types of elements that are not known.
LegacyTorchFile parse_legacy_torch_file(std::span<const std::byte> bytes, std::string_view name);

}  // namespace vitro
