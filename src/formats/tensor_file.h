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

/// An entry of a weight file that is no dense array.
struct OtherEntry {
  enum class Kind {
    Data,    ///< a number, a text, a list of such, ...
    Object,  ///< of a class that only its own program can make
    Array,   ///< an array that is sparse, quantized, of another library, ...
  };
  std::string name;
  Kind kind = Kind::Data;
  std::string problem;  ///< of an object or array: why it is not read, a whole sentence
  std::string hint;     ///< and what to do about it
};

/// What every reader of weight files returns.
struct TensorFile {
  std::vector<TensorEntry> tensors;
  std::vector<OtherEntry> others;
  std::map<std::string, std::string> metadata;
  /// Keep the memory behind the spans alive; copy them along with any span that outlives the file.
  std::vector<std::shared_ptr<const void>> owners;
};

}  // namespace vitro
