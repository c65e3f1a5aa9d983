#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "backends/host_lane.h"

namespace vitro::reference {

/// A kernel that is one function and has no state but what the function captured.
template <typename Run>
class FunctionKernel final : public Kernel {
 public:
  FunctionKernel(Run run, int in_place) : run_(std::move(run)), in_place_(in_place) {}
  int in_place_operand() const override { return in_place_; }
  void run(const KernelArgs& args) const override { run_(args); }

 private:
  Run run_;
  int in_place_;
};

/// `in_place` is the operand whose memory the result may take, or -1.
template <typename Run>
std::unique_ptr<Kernel> make_kernel(Run run, int in_place = -1) {
  return std::make_unique<FunctionKernel<Run>>(std::move(run), in_place);
}

/// An operand that may be a constant of any layout and dtype: constants are unpacked once, when the
/// kernel is made.
class Float32Operand {
 public:
  Float32Operand(const OpContext& op, size_t index);
  const float* data(const KernelArgs& args) const {
    return constant_ ? constant_->floats().data() : args.in<float>(index_);
  }

 private:
  size_t index_;
  std::optional<Constant> constant_;
};

/// The sum of a[i] * b[i]. Products of floats are exact in double, and the eight partial sums have
/// a fixed order, so the bits do not depend on the width of the vectors the compiler chose.
inline double dot(const float* a, const float* b, int64_t count) {
  constexpr int64_t kLanes = 8;
  double sums[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int64_t lane = 0; lane < kLanes; ++lane)
      sums[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(b[i + lane]);
  for (int64_t lane = 0; i < count; ++i, ++lane)
    sums[lane] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

/// Calls body(i) for every i in [0, count), shared out in pieces that repay their bookkeeping.
template <typename Body>
void parallel_for(int64_t count, ThreadTeam& team, const Body& body) {
  const int64_t pieces = std::min<int64_t>(count, int64_t{16} * team.size());
  team.parallel_for(pieces, [&](int64_t piece, int) {
    for (int64_t i = count * piece / pieces; i < count * (piece + 1) / pieces; ++i) body(i);
  });
}

/// A kernel that is written for float32 on operands of other types: they are converted before it
/// runs and the result after it. The kernel itself where all types are float32.
std::unique_ptr<Kernel> converted(std::unique_ptr<Kernel> kernel, const OpContext& op);

template <std::unique_ptr<Kernel> (*make)(const OpContext&)>
std::unique_ptr<Kernel> in_float32(const OpContext& op) {
  return converted(make(op), op);
}

// One maker per op, in the file of its group. Each kernel gives the same bits for every number of
// threads: threads share out results, never the terms of a sum.
std::unique_ptr<Kernel> make_conv(const OpContext& op);
std::unique_ptr<Kernel> make_depthwise_conv2d(const OpContext& op);
std::unique_ptr<Kernel> make_linear(const OpContext& op);
std::unique_ptr<Kernel> make_matmul(const OpContext& op);
std::unique_ptr<Kernel> make_quantized_linear(const OpContext& op);
std::unique_ptr<Kernel> make_quantized_conv(const OpContext& op);
std::unique_ptr<Kernel> make_unary(const OpContext& op);
std::unique_ptr<Kernel> make_binary(const OpContext& op);
std::unique_ptr<Kernel> make_compare(const OpContext& op);
std::unique_ptr<Kernel> make_cast(const OpContext& op);
std::unique_ptr<Kernel> make_clip(const OpContext& op);
std::unique_ptr<Kernel> make_where(const OpContext& op);
std::unique_ptr<Kernel> make_quantize_linear(const OpContext& op);
std::unique_ptr<Kernel> make_dequantize_linear(const OpContext& op);
std::unique_ptr<Kernel> make_batch_norm(const OpContext& op);
std::unique_ptr<Kernel> make_layer_norm(const OpContext& op);
std::unique_ptr<Kernel> make_group_norm(const OpContext& op);
std::unique_ptr<Kernel> make_softmax(const OpContext& op);
std::unique_ptr<Kernel> make_reduce(const OpContext& op);
std::unique_ptr<Kernel> make_pool(const OpContext& op);
std::unique_ptr<Kernel> make_arg(const OpContext& op);
std::unique_ptr<Kernel> make_top_k(const OpContext& op);
std::unique_ptr<Kernel> make_cum_sum(const OpContext& op);
std::unique_ptr<Kernel> make_transpose(const OpContext& op);
std::unique_ptr<Kernel> make_slice(const OpContext& op);
std::unique_ptr<Kernel> make_concat(const OpContext& op);
std::unique_ptr<Kernel> make_split(const OpContext& op);
std::unique_ptr<Kernel> make_pad(const OpContext& op);
std::unique_ptr<Kernel> make_gather(const OpContext& op);
std::unique_ptr<Kernel> make_gather_elements(const OpContext& op);
std::unique_ptr<Kernel> make_scatter_nd(const OpContext& op);
std::unique_ptr<Kernel> make_expand(const OpContext& op);
std::unique_ptr<Kernel> make_tile(const OpContext& op);
std::unique_ptr<Kernel> make_resize(const OpContext& op);
std::unique_ptr<Kernel> make_range(const OpContext& op);
std::unique_ptr<Kernel> make_constant_of_shape(const OpContext& op);

}  // namespace vitro::reference
