#pragma once

#include <cstdint>

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/strided.h"

namespace vitro::cuda {

/// y[i] = a[i] b[i] (either may be given transposed) for each i of a batch, summed in float32.
/// Right for any extents and slow: products that matter have kernels of their own.
struct MatmulArgs {
  Element element = Element::Float16;     // of a, b and y
  const void* a = nullptr;                // [batch, m, k], with transpose_a [batch, k, m]
  const void* b = nullptr;                // [batch, k, n], with transpose_b [batch, n, k]
  void* y = nullptr;                      // [batch, m, n]
  Dims batch;                             // extents; rank 0: one matrix
  Dims a_batch_strides, b_batch_strides;  // in elements; 0 broadcasts
  int m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
};
void matmul(const MatmulArgs& args, const Launch& launch);

}  // namespace vitro::cuda
