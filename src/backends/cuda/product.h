#pragma once

#include "backends/cuda/choice.h"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/operands.h"

namespace vitro::cuda {

/// What a product does besides multiplying.
struct ProductEnds {
  bool layer_norm = false;  ///< of the rows of x
  float eps = 1e-6f;
  Activation activation;
};

/// The arguments of x [m, k] times the weight, without x, residual and y. Takes both operands.
LinearArgs product_args(const OpContext& op, size_t weight, size_t bias, int m,
                        const ProductEnds& ends = {});

/// A product with a weight whose tile has been chosen.
class Product {
 public:
  explicit Product(const OpContext& op, LinearArgs args);

  /// `row_sums` of x after read_row_sums(); `result_sums` of y, or null.
  void run(const void* x, const void* residual, void* y, const Launch& launch,
           const float2* row_sums = nullptr, float2* result_sums = nullptr) const {
    LinearArgs args = args_;
    args.x = x;
    args.residual = residual;
    args.y = y;
    args.row_sums = row_sums;
    args.result_sums = result_sums;
    linear(args, choice_.value, launch);
  }
  /// From here on run() is given the sums of so many parts of each row of x.
  void read_row_sums(int parts);
  const LinearArgs& args() const { return args_; }
  const Activation& activation() const { return args_.activation; }
  void activate(const Activation& activation) { args_.activation = activation; }
  const TunableOp& tunable() const { return choice_.op; }
  const std::string& tile_name() const { return choice_.name; }
  const LinearTile& tile() const { return linear_tiles()[static_cast<size_t>(choice_.value)]; }
  /// Parts of each row of y that it can leave sums of; 0: none.
  int result_parts() const { return linear_result_parts(args_.n, choice_.value); }
  /// Bytes of those sums.
  size_t result_sums_bytes() const {
    return static_cast<size_t>(args_.m) * static_cast<size_t>(result_parts()) * sizeof(float2);
  }
  double flops() const { return 2.0 * args_.m * args_.n * args_.k; }
  /// Bytes of y.
  size_t result_bytes() const {
    return static_cast<size_t>(args_.m) * static_cast<size_t>(args_.n) *
           element_size(args_.element);
  }

 private:
  void choose_tile();

  LinearArgs args_;
  const DeviceInfo& device_;
  const TacticTable* tactics_;  // while the program is being compiled
  Choice<int> choice_;
};

}  // namespace vitro::cuda
