#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

std::optional<Refusal> same_shapes(const OpContext& op) {
  if (!is(op.node, BinaryFunction::Add)) return Refusal{"another function"};
  if (auto refusal = needs_float32(op)) return refusal;
  if (op.input(0).dims == op.input(1).dims) return std::nullopt;
  return Refusal{"operand 1 is broadcast from " + to_string(op.input(1).dims)};
}

class AddKernel final : public Kernel {
 public:
  explicit AddKernel(const OpContext& op)
      : table_(active_kernels()), bands_(element_bands(op.input(0), op.threads)) {}
  int in_place_operand() const override { return 0; }
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      const int64_t begin = bands_.begin(band);
      table_.add(args.in<float>(0) + begin, args.in<float>(1) + begin, bands_.size(band),
                 args.out<float>() + begin);
    });
  }

 private:
  const KernelTable& table_;
  Bands bands_;
};

}  // namespace

const Impl kAddRange{"cpu:add_range", same_shapes, make_kernel<AddKernel>};

}  // namespace vitro::cpu
