#include <array>
#include <tuple>

#include "backends/cpu/ops.h"
#include "core/check.h"
#include "core/panel16.h"

namespace vitro::cpu {
namespace {

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  const auto& attrs = op.node.as<Conv2dAttrs>();
  const Dims& w = op.input(1).dims;
  if (attrs.stride != std::array<int64_t, 2>{w[1], w[2]})
    return Refusal{fmt::format("stride {}x{} differs from the kernel {}x{}", attrs.stride[0],
                               attrs.stride[1], w[1], w[2])};
  if (attrs.pad != std::array<int64_t, 4>{}) return Refusal{"padding"};
  if (!op.constant(1)) return Refusal{"the weight is computed"};
  return std::nullopt;
}

/// A convolution whose patches do not overlap: a product that gathers its rows.
class PatchKernel final : public Kernel {
 public:
  explicit PatchKernel(const OpContext& op) : table_(active_kernels()), threads_(op.threads) {
    const Dims &x = op.input(0).dims, &w = op.input(1).dims;
    source_ = {nullptr, x[1], x[2], x[3], w[1], w[2], false};
    args_.m = num_rows(op.output());
    args_.n = args_.ldc = w[0];
    args_.k = w[1] * w[2] * w[3];
    args_.patches = &source_;
    const Constant weight = with_layout(*op.constant(1), Layout::RowMajor);
    std::tie(weight_, std::ignore) = allocate_constant({args_.n, args_.k}, Layout::Panel16);
    pack_panel16(weight.data(), args_.n, args_.k, const_cast<float*>(weight_.data()));
  }
  size_t scratch_bytes() const override {
    return gemm_scratch_size(args_) * static_cast<size_t>(threads_) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    PatchSource source = source_;
    source.input = args.inputs[0];
    GemmArgs gemm = args_;
    gemm.patches = &source;
    gemm.b = panel16_matrix(weight_.data(), gemm.k);
    gemm.bias = args.inputs.size() > 2 ? args.inputs[2] : nullptr;
    gemm.c = args.output;
    parallel_gemm(table_, gemm, args.threads, reinterpret_cast<float*>(args.scratch));
  }

 private:
  const KernelTable& table_;
  int threads_;
  PatchSource source_;
  GemmArgs args_;
  Constant weight_;
};

std::unique_ptr<Kernel> make(const OpContext& op) { return std::make_unique<PatchKernel>(op); }

}  // namespace

const Impl kConv2dPatch{"cpu:conv2d_patch", can_run, make};

}  // namespace vitro::cpu
