#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/pickle.h"
#include "formats/tensor_file.h"
#include "formats/zip.h"

namespace vitro {

/// True when the value is a call of one of PyTorch's functions that rebuild a tensor.
bool is_torch_tensor(const PickleValue& value);

/// Turns pickled tensors into entries whose bytes come from the archive's records.
class TorchTensorReader {
 public:
  /// `prefix` is the folder inside the archive ("archive/"); `max_gathered` bounds, in bytes, the
  /// copies of all non-contiguous tensors. All arguments must outlive the reader.
  TorchTensorReader(const ZipArchive& archive, std::string_view prefix, std::string_view file,
                    size_t max_gathered)
      : archive_(archive), prefix_(prefix), file_(file), gather_budget_(max_gathered) {}

  /// `value` must be is_torch_tensor(). Throws CorruptFile, Unsupported or OutOfMemory.
  TensorEntry read(const std::string& name, const PickleValue& value);

  /// The memory of the gathered tensors.
  std::vector<std::shared_ptr<const void>> take_owners() { return std::move(owners_); }

 private:
  struct Storage {
    std::span<const std::byte> bytes;
    DType dtype = DType::UInt8;
    bool typed = true;
  };

  Storage read_storage(const std::string& name, const PickleValue& value) const;
  std::span<const std::byte> gather(const TensorEntry& entry, const Storage& storage,
                                    int64_t offset, const Dims& strides);

  const ZipArchive& archive_;
  std::string_view prefix_;
  std::string_view file_;
  size_t gather_budget_;
  std::vector<std::shared_ptr<const void>> owners_;
};

}  // namespace vitro
