#pragma once

#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {

/// What a product does besides multiplying.
struct ProductEnds {
  bool layer_norm = false;  ///< of the rows of x
  float eps = 1e-6f;
  bool gelu = false;
};

/// The arguments of x [m, k] times the weight, without x, residual and y. Takes both operands.
LinearArgs product_args(const OpContext& op, size_t weight, size_t bias, int m,
                        const ProductEnds& ends = {});

/// A product with a weight whose tile has been chosen.
class Product {
 public:
  explicit Product(const OpContext& op, LinearArgs args);

  void run(const void* x, const void* residual, void* y, const Launch& launch) const {
    LinearArgs args = args_;
    args.x = x;
    args.residual = residual;
    args.y = y;
    linear(args, tile_, launch);
  }
  double flops() const { return 2.0 * args_.m * args_.n * args_.k; }
  /// Bytes of y.
  size_t result_bytes() const {
    return static_cast<size_t>(args_.m) * static_cast<size_t>(args_.n) *
           element_size(args_.element);
  }

 private:
  LinearArgs args_;
  int tile_;
};

/// Bytes rounded up, so that what lies behind them in a scratch is aligned for every kernel.
inline size_t aligned_bytes(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace vitro::cuda
