#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/pickle.h"
#include "formats/tensor_file.h"

namespace vitro {

/// True when the value is a call of one of PyTorch's functions that rebuild a tensor.
bool is_torch_tensor(const PickleValue& value);

/// The bytes of a file's storages, by the key that its pickle has for them.
using TorchStorages = std::map<std::string, std::span<const std::byte>, std::less<>>;

/// The bytes of an element of a storage class ("torch.FloatStorage"). Throws Unsupported for a
/// class that is not known; `user` names, in the error, what needs it.
size_t storage_element_size(const PickleValue& storage_class, std::string_view file,
                            const std::string& user);

/// Turns pickled tensors into entries whose bytes are those of their storages.
class TorchTensorReader {
 public:
  /// `max_gathered` bounds, in bytes, the copies of all non-contiguous and negative tensors. All
  /// arguments must outlive the reader.
  TorchTensorReader(const TorchStorages& storages, std::string_view file, size_t max_gathered)
      : storages_(storages), file_(file), gather_budget_(max_gathered) {}

  /// `value` must be is_torch_tensor(). Throws CorruptFile, OutOfMemory, or Unsupported for a
  /// tensor that only PyTorch can rebuild.
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
  std::span<std::byte> gather(const TensorEntry& entry, const Storage& storage, int64_t offset,
                              const Dims& strides);

  const TorchStorages& storages_;
  std::string_view file_;
  size_t gather_budget_;
  std::vector<std::shared_ptr<const void>> owners_;
};

}  // namespace vitro
