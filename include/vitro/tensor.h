#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vitro {

/// Element type of a tensor.
enum class DType : uint8_t {
  Float32,
  Float16,
  BFloat16,
  Float64,
  Int64,
  Int32,
  Int16,
  Int8,
  UInt8,
  Bool
};

/// Bytes of one element.
size_t dtype_size(DType dtype);
/// The tag used by safetensors: "F32", "F16", "BF16", "F64", "I64", "I32", "I16", "I8", "U8",
/// "BOOL".
const char* dtype_name(DType dtype);

/// Extents of a tensor, outermost first.
using Dims = std::vector<int64_t>;

/// Product of the extents; 1 for a scalar. Throws InvalidArgument on a negative extent or on
/// overflow.
int64_t num_elements(const Dims& dims);
/// "1x3x224x224"; "scalar" when there are no extents.
std::string to_string(const Dims& dims);

/// A dense, row-major tensor of float32 that owns its memory.
struct Tensor {
  Dims dims;
  std::vector<float> data;

  Tensor() = default;
  /// Zero-filled.
  explicit Tensor(Dims extents)
      : dims(std::move(extents)), data(static_cast<size_t>(num_elements(dims))) {}
};

}  // namespace vitro
