#include "backends/cpu/activation.h"
#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

std::optional<Refusal> is_activation(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (activation_of(op)) return std::nullopt;
  return Refusal{op.node.kind == OpKind::Clip ? "a bound is computed" : "another function"};
}

class UnaryKernel final : public Kernel {
 public:
  explicit UnaryKernel(const OpContext& op)
      : activate_(active_kernels().activate),
        activation_(*activation_of(op)),
        bands_(element_bands(op.input(0), op.threads)) {}
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      const int64_t begin = bands_.begin(band);
      activate_(activation_, {.x = args.in<float>(0) + begin,
                              .dst = args.out<float>() + begin,
                              .columns = bands_.size(band)});
    });
  }

 private:
  Activate activate_;
  Activation activation_;
  Bands bands_;
};

}  // namespace

const Impl kUnaryRange{"cpu:unary_range", is_activation, make_kernel<UnaryKernel>};
const Impl kClipRange{"cpu:clip_range", is_activation, make_kernel<UnaryKernel>};

}  // namespace vitro::cpu
