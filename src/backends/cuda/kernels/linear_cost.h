#pragma once

#include "backends/cuda/kernels/linear.h"

namespace vitro::cuda {

/// Clock cycles that a product of m x n results over `slabs` slabs of 128 bytes of k is expected to take
/// on blocks of block_m x block_n: what the order of tiles is chosen by.
double expected_cycles(LinearKind kind, int block_m, int block_n, int m, int n, int slabs, int num_sms);

}  // namespace vitro::cuda
