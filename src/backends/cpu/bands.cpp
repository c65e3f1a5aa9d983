#include "backends/cpu/bands.h"

#include "backends/cpu/operands.h"

namespace vitro::cpu {
namespace {

// Work of one task; below it the threads cost more than they save.
constexpr int64_t kTaskFloats = 16384;

int64_t useful_bands(const TensorType& type, int threads) {
  return std::clamp<int64_t>(num_elements(type.dims) / kTaskFloats, 1, threads);
}

}  // namespace

Bands row_bands(const TensorType& type, int threads) {
  const int64_t rows = num_rows(type);
  return {rows, 1, std::min(rows, useful_bands(type, threads))};
}

Bands element_bands(const TensorType& type, int threads) {
  return {num_elements(type.dims), 16, useful_bands(type, threads)};
}

}  // namespace vitro::cpu
