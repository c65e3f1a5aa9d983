#include "backends/cpu/bands.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/nest.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

std::optional<BinaryKind> binary_kind(const Node& node) {
  switch (node.as<BinaryAttrs>().function) {
    case BinaryFunction::Add:
      return BinaryKind::Add;
    case BinaryFunction::Sub:
      return BinaryKind::Sub;
    case BinaryFunction::Mul:
      return BinaryKind::Mul;
    case BinaryFunction::Div:
      return BinaryKind::Div;
    case BinaryFunction::Min:
      return BinaryKind::Min;
    case BinaryFunction::Max:
      return BinaryKind::Max;
    default:
      return std::nullopt;
  }
}

std::optional<Refusal> can_run(const OpContext& op) {
  if (!binary_kind(op.node)) return Refusal{"another function"};
  return needs_float32(op);
}

/// Runs of the result along which each operand advances by one, or stays.
class BinaryKernel final : public Kernel {
 public:
  explicit BinaryKernel(const OpContext& op)
      : function_(active_kernels().binary[static_cast<size_t>(*binary_kind(op.node))]),
        nest_(op.output().dims, broadcast_walk(op.input(0).dims, op.output().dims).strides,
              broadcast_walk(op.input(1).dims, op.output().dims).strides),
        bands_(element_bands(op.output(), op.threads)) {
    for (int i : {1, 0})
      if (op.input(static_cast<size_t>(i)).dims == op.output().dims) in_place_ = i;
  }
  int in_place_operand() const override { return in_place_; }
  void run(const KernelArgs& args) const override {
    team_of(args).parallel_for(bands_.count, [&](int64_t band, int) {
      const int64_t run = nest_.extents.back(), end = bands_.begin(band + 1);
      for (int64_t i = bands_.begin(band); i < end;) {
        const int64_t from = i % run;
        const Nest::Offsets row = nest_.at(i / run);
        const int64_t a_step = nest_.a.back(), b_step = nest_.b.back();
        const int64_t count = std::min(run - from, end - i);
        function_({args.in<float>(0) + row.a + from * a_step, a_step,
                   args.in<float>(1) + row.b + from * b_step, b_step, count,
                   args.out<float>() + i});
        i += count;
      }
    });
  }

 private:
  BinaryRange function_;
  Nest nest_;
  Bands bands_;
  int in_place_ = -1;
};

}  // namespace

const Impl kBinaryRange{"cpu:binary_range", can_run, make_kernel<BinaryKernel>};

}  // namespace vitro::cpu
