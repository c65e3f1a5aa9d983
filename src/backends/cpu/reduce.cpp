#include <numeric>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

std::optional<Refusal> over_tokens(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  const Dims& dims = op.input(0).dims;
  const auto& axes = op.node.as<ReduceAttrs>().axes;
  // [n, tokens, c] over 1 or [n, h, w, c] over 1 and 2.
  std::vector<int64_t> inner(axes.size());
  std::iota(inner.begin(), inner.end(), int64_t{1});
  // No axes mean all of them.
  if (!axes.empty() && axes.size() + 2 == dims.size() && axes == inner) return std::nullopt;
  return Refusal{"not a reduction of [n, ..., c] over all inner axes in order"};
}

std::optional<Refusal> is_mean(const OpContext& op) {
  if (!is(op.node, ReduceFunction::Mean)) return Refusal{"another function"};
  return over_tokens(op);
}
std::optional<Refusal> is_max(const OpContext& op) {
  if (!is(op.node, ReduceFunction::Max)) return Refusal{"another function"};
  return over_tokens(op);
}

class ReduceKernel final : public Kernel {
 public:
  ReduceKernel(const OpContext& op, ReduceTokens reduce)
      : reduce_(reduce),
        images_(op.input(0).dims.front()),
        channels_(op.input(0).dims.back()),
        tokens_(num_elements(op.input(0).dims) / images_ / channels_) {
    const int64_t useful = element_bands(op.input(0), op.threads).count;
    bands_ = {channels_, 16, std::min((useful + images_ - 1) / images_, (channels_ + 15) / 16)};
  }
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(images_ * bands_.count, [&](int64_t task, int) {
      const int64_t image = task / bands_.count, band = task % bands_.count;
      reduce_(args.in<float>(0) + image * tokens_ * channels_, tokens_, channels_,
              bands_.begin(band), bands_.begin(band + 1), args.out<float>() + image * channels_);
    });
  }

 private:
  ReduceTokens reduce_;
  int64_t images_, channels_, tokens_;
  Bands bands_;  ///< of channels
};

std::unique_ptr<Kernel> make_mean(const OpContext& op) {
  return std::make_unique<ReduceKernel>(op, active_kernels().mean_tokens);
}
std::unique_ptr<Kernel> make_max(const OpContext& op) {
  return std::make_unique<ReduceKernel>(op, active_kernels().max_tokens);
}

}  // namespace

const Impl kReduceMeanTokens{"cpu:reduce_mean_tokens", is_mean, make_mean};
const Impl kReduceMaxTokens{"cpu:reduce_max_tokens", is_max, make_max};

}  // namespace vitro::cpu
