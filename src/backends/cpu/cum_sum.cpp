#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

/// Over the axis `tokens` of [images, tokens, channels].
class CumSumKernel final : public Kernel {
 public:
  explicit CumSumKernel(const OpContext& op) : sum_(active_kernels().cum_sum) {
    const auto attrs = op.node.as<CumSumAttrs>();
    const Dims& dims = op.input(0).dims;
    const auto axis = dims.begin() + static_cast<std::ptrdiff_t>(axis_of(
                                         op.node, attrs.axis, static_cast<int64_t>(dims.size())));
    images_ = num_elements({dims.begin(), axis});
    args_.tokens = *axis;
    args_.channels = num_elements({axis + 1, dims.end()});
    args_.exclusive = attrs.exclusive;
    args_.reverse = attrs.reverse;
    const int64_t useful = element_bands(op.input(0), op.threads).count;
    bands_ = {args_.channels, 16,
              std::min((useful + images_ - 1) / images_, (args_.channels + 15) / 16)};
  }
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(images_ * bands_.count, [&](int64_t task, int) {
      const int64_t band = task % bands_.count,
                    image = task / bands_.count * args_.tokens * args_.channels;
      CumSumArgs sums = args_;
      sums.x = args.in<float>(0) + image;
      sums.dst = args.out<float>() + image;
      sum_(sums, bands_.begin(band), bands_.begin(band + 1));
    });
  }

 private:
  CumSumTokens sum_;
  CumSumArgs args_;
  int64_t images_ = 1;
  Bands bands_;  ///< of channels
};

}  // namespace

const Impl kCumSumTokens{"cpu:cum_sum_tokens", needs_float32, make_kernel<CumSumKernel>};

}  // namespace vitro::cpu
