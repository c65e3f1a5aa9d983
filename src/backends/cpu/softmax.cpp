#include <fmt/core.h>

#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

std::optional<Refusal> over_last_axis(const OpContext& op) {
  const int64_t axis = op.node.as<SoftmaxAttrs>().axis;
  const auto rank = static_cast<int64_t>(op.input(0).dims.size());
  if (axis != -1 && axis != rank - 1) return Refusal{fmt::format("it is over axis {}", axis)};
  return needs_float32(op);
}

class SoftmaxKernel final : public Kernel {
 public:
  explicit SoftmaxKernel(const OpContext& op)
      : rows_(active_kernels().softmax),
        bands_(row_bands(op.input(0), op.threads)),
        args_({.columns = op.input(0).dims.back()}) {}
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    SoftmaxArgs local = args_;
    local.x = args.in<float>(0);
    local.dst = args.out<float>();
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      rows_(local, bands_.begin(band), bands_.begin(band + 1));
    });
  }

 private:
  SoftmaxRows rows_;
  Bands bands_;
  SoftmaxArgs args_;
};

}  // namespace

const Impl kSoftmaxRows{"cpu:softmax_rows", over_last_axis, make_kernel<SoftmaxKernel>};

}  // namespace vitro::cpu
