#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vitro/tensor.h"

namespace vitro {

/// One named array of a weight file: dense, row-major, little-endian.
struct TensorEntry {
  std::string name;
  DType dtype = DType::Float32;
  Dims dims;
  /// Exactly num_elements(dims) * dtype_size(dtype) bytes; NOT necessarily aligned.
  std::span<const std::byte> bytes;
};

/// What every reader of weight files returns.
struct TensorFile {
  std::vector<TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
  /// Keep the memory behind the spans alive; copy them along with any span that outlives the file.
  std::vector<std::shared_ptr<const void>> owners;
};

}  // namespace vitro
