#include "backends/cpu/activation.h"
#include "backends/cpu/bands.h"
#include "backends/cpu/conv2d.h"
#include "backends/cpu/conv_groups.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/host_lane.h"

namespace vitro::cpu {
namespace {

/// Of several groups the products are of float32 in any precision; one group has a kernel that
/// rounds.
std::optional<Refusal> can_run(const OpContext& op) {
  if (op.precision == Precision::BFloat16 && op.node.as<ConvAttrs>().groups == 1)
    return Refusal{"it multiplies float32, not bf16"};
  return can_conv2d(op);
}

/// Group by group, or a few narrow ones together; rows are gathered as those of one group.
class GroupedConvKernel final : public Kernel {
 public:
  explicit GroupedConvKernel(const OpContext& op)
      : table_(product_kernels(op.threads, {})),
        threads_(op.threads),
        products_(group_products(op)),
        patches_(conv2d_patches(op)),
        epilogue_(3),
        weights_(group_packed(op, kGroupPanel16)) {
    patches_.channels = products_.in;
    args_.m = num_rows(op.output());
    args_.n = products_.out;
    args_.k = patches_.kernel_h * patches_.kernel_w * products_.in;
    args_.ldc = args_.ldr = op.output().dims[3];
    const int64_t unit = table_.gemm.costs.rows,
                  wanted = products_.count % threads_ == 0 ? 1 : threads_;
    bands_ = {args_.m, unit, std::min(wanted, (args_.m + unit - 1) / unit)};
  }
  bool absorb(const OpContext& next, size_t operand) override {
    return epilogue_.absorb(next, operand);
  }
  size_t scratch_bytes() const override {
    return scratch_size() * static_cast<size_t>(threads_) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    const auto* weights = reinterpret_cast<const float*>(weights_.bytes.data());
    const auto weight_size = static_cast<int64_t>(panel16_size(args_.n, args_.k));
    team_of(args).parallel_for(products_.count * bands_.count, [&](int64_t task, int thread) {
      const int64_t product = task / bands_.count, band = task % bands_.count;
      const int64_t column = product * args_.n;
      PatchSource patches = patches_;
      patches.input = args.in<float>(0) + product * patches_.channels;
      GemmArgs gemm = args_;
      gemm.patches = &patches;
      gemm.b = panel16_matrix(weights + product * weight_size, args_.k);
      gemm.bias = args.in<float>(2) ? args.in<float>(2) + column : nullptr;
      gemm.c = args.out<float>() + column;
      if (const float* residual = epilogue_.residual(args)) gemm.residual = residual + column;
      gemm.activation = epilogue_.activation();
      gemm.scratch =
          reinterpret_cast<float*>(args.scratch) + scratch_size() * static_cast<size_t>(thread);
      table_.gemm_tile(gemm, bands_.begin(band), bands_.begin(band + 1), 0, num_panels(gemm.n));
    });
  }

 private:
  size_t scratch_size() const {
    GemmArgs gemm = args_;
    gemm.patches = &patches_;
    return table_.gemm_scratch_size(gemm);
  }

  const KernelTable& table_;
  int threads_;
  GroupProducts products_;
  PatchSource patches_;
  Epilogue epilogue_;
  Constant weights_;
  GemmArgs args_;  ///< of one product
  Bands bands_;
};

}  // namespace

const Impl kConv2dGroups{"cpu:conv2d_groups", can_run, make_kernel<GroupedConvKernel>};

}  // namespace vitro::cpu
