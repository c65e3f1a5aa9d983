#pragma once

#include <cstdint>

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// y[i] = a[i] b[i] (or a[i] b[i]^T) for each i of a batch, summed in float32. Right for any
/// extents and slow: products that matter have kernels of their own.
struct MatmulArgs {
  Element element = Element::Float16;  // of a, b and y
  const void* a = nullptr;             // [batch, m, k]
  const void* b = nullptr;             // [batch, k, n], with transpose_b [batch, n, k]
  void* y = nullptr;                   // [batch, m, n]
  int64_t batch = 1;
  int m = 0, n = 0, k = 0;
  int64_t a_batch_stride = 0, b_batch_stride = 0;  // in elements; 0: one matrix for all
  bool transpose_b = false;
};
void matmul(const MatmulArgs& args, const Launch& launch);

}  // namespace vitro::cuda
