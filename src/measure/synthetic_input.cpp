#include "measure/synthetic_input.h"

#include <cstring>
#include <random>

#include "core/convert.h"

namespace vitro {
namespace {

/// Little-endian: the low bytes of an integer come first.
template <typename T>
void write(Tensor& tensor, size_t i, T value) {
  const size_t size = dtype_size(tensor.dtype());
  std::memcpy(static_cast<std::byte*>(tensor.view().data) + i * size, &value,
              std::min(size, sizeof(value)));
}

}  // namespace

Tensor synthetic_input(const Dims& dims, DType dtype, uint32_t seed) {
  Tensor tensor(dtype, dims);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  const auto count = static_cast<size_t>(num_elements(dims));
  for (size_t i = 0; i < count; ++i) {
    if (dtype == DType::Float32)
      write(tensor, i, normal(random));
    else if (dtype == DType::Float64)
      write(tensor, i, static_cast<double>(normal(random)));
    else if (dtype == DType::Float16)
      write(tensor, i, float32_to_float16(normal(random)));
    else if (dtype == DType::BFloat16)
      write(tensor, i, float32_to_bfloat16(normal(random)));
    else if (dtype == DType::UInt8 && dims.size() == 4)  // pixels
      write(tensor, i, static_cast<int64_t>(random() & 255));
    else
      write(tensor, i, static_cast<int64_t>(random() & (dtype == DType::Bool ? 1 : 7)));
  }
  return tensor;
}

}  // namespace vitro
