#include "backends/cpu/activation.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/cpu/parallel_gemm.h"
#include "backends/host_lane.h"
#include "ir/op_info.h"

namespace vitro::cpu {
namespace {

std::optional<Refusal> can_run(const OpContext& op) {
  if (auto refusal = needs_float32(op)) return refusal;
  return needs_panels(op, 1);
}

/// Linear and QuantizedLinear.
class LinearKernel final : public Kernel {
 public:
  explicit LinearKernel(const OpContext& op, const Variant& variant = {})
      : table_(product_kernels(op.threads, variant)),
        threads_(op.threads),
        operands_(op, 1, 3),
        epilogue_(op_info(op.node.kind).max_inputs) {
    args_.m = num_rows(op.input(0));
    args_.n = op.output().dims.back();
    args_.k = args_.lda = op.input(0).dims.back();
    args_.ldc = args_.ldr = args_.n;
    operands_.describe(args_);
  }
  int in_place_operand() const override { return epilogue_.residual_operand(); }
  bool absorb(const OpContext& next, size_t operand) override {
    return epilogue_.absorb(next, operand);
  }
  size_t scratch_bytes() const override {
    return table_.gemm_scratch_size(args_) * static_cast<size_t>(threads_) * sizeof(float);
  }
  void run(const KernelArgs& args) const override {
    GemmArgs gemm = args_;
    gemm.a = args.in<float>(0);
    operands_.bind(gemm, args);
    gemm.residual = epilogue_.residual(args);
    gemm.activation = epilogue_.activation();
    gemm.c = args.out<float>();
    parallel_gemm(table_, gemm, team_of(args), reinterpret_cast<float*>(args.scratch));
  }

 private:
  const KernelTable& table_;
  int threads_;
  ProductOperands operands_;
  Epilogue epilogue_;
  GemmArgs args_;
};

}  // namespace

const Impl kQuantizedLinearPanel16x4{"cpu:quantized_linear_panel16x4", can_run,
                                     make_kernel<LinearKernel>};
const std::array<Impl, 1> kQuantizedLinearVariants{
    variant_of<LinearKernel, can_run, Variant{.vector_product = true}>(
        "cpu:quantized_linear_panel16x4/avx512")};
const Impl kLinearPanel16{"cpu:linear_panel16", can_run, make_kernel<LinearKernel>};
const std::array<Impl, 1> kLinearVariants{
    variant_of<LinearKernel, can_run, Variant{.vector_product = true}>(
        "cpu:linear_panel16/avx512")};

}  // namespace vitro::cpu
