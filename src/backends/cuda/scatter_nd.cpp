#include "backends/cuda/kernels/scatter_nd.h"

#include "backends/cuda/impls.h"
#include "backends/cuda/operands.h"
#include "ir/infer.h"

namespace vitro::cuda {
namespace {

std::optional<Refusal> can_scatter(const OpContext& op) { return needs_sizes(op, 3); }

class ScatterNDKernel final : public Kernel {
 public:
  explicit ScatterNDKernel(const OpContext& op) : x_(op, 0), indices_(op, 1), values_(op, 2) {
    const vitro::Dims &x = op.input(0).dims, &places = op.input(1).dims;
    const auto split = x.begin() + places.back();
    args_.element_bytes = stored_element_bytes(op, op.input(0));
    args_.wide = op.input(1).dtype == DType::Int64;
    args_.lead = to_dims({x.begin(), split});
    args_.rows = num_elements({x.begin(), split}), args_.run = num_elements({split, x.end()});
    args_.updates = num_elements({places.begin(), places.end() - 1});
  }
  int in_place_operand() const override { return 0; }
  size_t scratch_bytes() const override {
    return static_cast<size_t>(args_.rows) * sizeof(int32_t);
  }
  void run(const KernelArgs& args) const override {
    ScatterNDArgs scatter_args = args_;
    scatter_args.x = x_.in(args);
    scatter_args.indices = indices_.in(args);
    scatter_args.values = values_.in(args);
    scatter_args.y = args.outputs[0];
    scatter_args.last = reinterpret_cast<int32_t*>(args.scratch);
    scatter_nd(scatter_args, launch_of(args));
  }

 private:
  Operand x_, indices_, values_;
  ScatterNDArgs args_;
};

}  // namespace

const Impl kScatterND{"cuda:scatter_nd", can_scatter, make_kernel<ScatterNDKernel>};

}  // namespace vitro::cuda
