#include <numeric>

#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"

namespace vitro::cpu {
namespace {

std::optional<Refusal> over_tokens(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  const Dims& dims = op.input(0).dims;
  const auto& axes = op.node.as<ReduceAttrs>().axes;
  // [n, tokens, c] over 1 or [n, h, w, c] over 1 and 2.
  std::vector<int64_t> inner(axes.size());
  std::iota(inner.begin(), inner.end(), int64_t{1});
  if (axes.size() + 2 == dims.size() && axes == inner) return std::nullopt;
  return Refusal{"not a reduction of [n, ..., c] over all inner axes in order"};
}

template <ReduceTokens KernelTable::*Reduce>
class ReduceKernel final : public Kernel {
 public:
  explicit ReduceKernel(const OpContext& op)
      : table_(active_kernels()),
        images_(op.input(0).dims.front()),
        channels_(op.input(0).dims.back()),
        tokens_(num_elements(op.input(0).dims) / images_ / channels_) {}
  void run(const KernelArgs& args) const override {
    args.team.parallel_for(images_, [&](int64_t image, int) {
      (table_.*Reduce)(args.in<float>(0) + image * tokens_ * channels_, tokens_, channels_, 0,
                       channels_, args.out<float>() + image * channels_);
    });
  }

 private:
  const KernelTable& table_;
  int64_t images_, channels_, tokens_;
};

}  // namespace

const Impl kReduceMeanTokens{"cpu:reduce_mean_tokens", over_tokens,
                             make_kernel<ReduceKernel<&KernelTable::mean_tokens>>};
const Impl kReduceMaxTokens{"cpu:reduce_max_tokens", over_tokens,
                            make_kernel<ReduceKernel<&KernelTable::max_tokens>>};

}  // namespace vitro::cpu
