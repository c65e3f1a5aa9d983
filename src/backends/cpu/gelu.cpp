#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

std::optional<Refusal> is_gelu(const OpContext& op) {
  if (!is(op.node, UnaryFunction::Gelu)) return Refusal{"another function"};
  return needs_float32(op);
}

class GeluKernel final : public Kernel {
 public:
  explicit GeluKernel(const OpContext& op)
      : table_(active_kernels()), bands_(element_bands(op.input(0), op.threads)) {}
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      const int64_t begin = bands_.begin(band);
      table_.gelu(args.in<float>(0) + begin, bands_.size(band), args.out<float>() + begin);
    });
  }

 private:
  const KernelTable& table_;
  Bands bands_;
};

}  // namespace

const Impl kGeluRange{"cpu:gelu_range", is_gelu, make_kernel<GeluKernel>};

}  // namespace vitro::cpu
