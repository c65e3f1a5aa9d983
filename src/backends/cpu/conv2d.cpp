#include <fmt/core.h>

#include "backends/cpu/activation.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/cpu/parallel_gemm.h"
#include "backends/host_lane.h"
#include "ir/infer.h"

namespace vitro::cpu {
namespace {

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  if (auto refusal = needs_panels(op, 1)) return refusal;
  if (op.input(1).dims.size() != 4) return Refusal{"it is not over two axes"};
  const int64_t groups = op.node.as<ConvAttrs>().groups;
  if (groups == 1) return std::nullopt;
  return Refusal{fmt::format("it has {} groups", groups)};
}

PatchSource patches_of(const OpContext& op) {
  const auto axes = conv_windows(op.node, op.input(1).dims);
  const Dims &x = op.input(0).dims, &w = op.input(1).dims, &y = op.output().dims;
  return {.in_h = x[1],
          .in_w = x[2],
          .channels = w[3],
          .kernel_h = w[1],
          .kernel_w = w[2],
          .out_h = y[1],
          .out_w = y[2],
          .stride_h = axes[0].stride,
          .stride_w = axes[1].stride,
          .pixel_stride = x[3],
          .pad_top = axes[0].pad_begin,
          .pad_left = axes[1].pad_begin,
          .dilation_h = axes[0].dilation,
          .dilation_w = axes[1].dilation};
}

/// A product with the weight [out, kernel_h * kernel_w * in] in panels, which gathers its rows, the
/// patches, block by block into the second-level cache.
class ConvKernel final : public Kernel {
 public:
  explicit ConvKernel(const OpContext& op, const Variant& variant = {})
      : table_(product_kernels(op.threads, variant)),
        threads_(op.threads),
        weight_(op, 1),
        patches_(patches_of(op)),
        epilogue_(3) {
    const Dims& w = op.input(1).dims;
    args_.m = num_rows(op.output());
    args_.n = args_.ldc = args_.ldr = w[0];
    args_.k = w[1] * w[2] * w[3];
    args_.b = weight_.matrix();
  }
  bool absorb(const OpContext& next, size_t operand) override {
    return epilogue_.absorb(next, operand);
  }
  size_t scratch_bytes() const override {
    GemmArgs gemm = args_;
    gemm.patches = &patches_;
    return table_.gemm_scratch_size(gemm) * static_cast<size_t>(threads_) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    PatchSource patches = patches_;
    patches.input = args.in<float>(0);
    GemmArgs gemm = args_;
    gemm.patches = &patches;
    gemm.bias = args.in<float>(2);
    gemm.residual = epilogue_.residual(args);
    gemm.activation = epilogue_.activation();
    gemm.c = args.out<float>();
    parallel_gemm(table_, gemm, team_of(args), reinterpret_cast<float*>(args.scratch));
  }

 private:
  const KernelTable& table_;
  int threads_;
  PanelWeight weight_;
  PatchSource patches_;
  Epilogue epilogue_;
  GemmArgs args_;
};

}  // namespace

const Impl kConv2dPanel16{"cpu:conv2d_panel16", can_run, make_kernel<ConvKernel>};
const std::array<Impl, 1> kConv2dVariants{
    variant_of<ConvKernel, can_run, Variant{.vector_product = true}>("cpu:conv2d_panel16/avx512")};

}  // namespace vitro::cpu
