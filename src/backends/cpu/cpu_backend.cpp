#include "backends/cpu/cpu_backend.h"

#include <fmt/ranges.h>

#include <array>
#include <vector>

#include "backends/cpu/codes_choice.h"
#include "backends/cpu/impls.h"
#include "backends/cpu/operands.h"
#include "backends/cpu/rounded_products.h"
#include "backends/host_lane.h"
#include "backends/host_program.h"
#include "backends/reference/reference_backend.h"
#include "core/check.h"
#include "core/processor.h"

namespace vitro {
namespace cpu {
namespace {

/// Our kernels of a kind, best first, then variants that only tuning chooses.
struct Row {
  OpKind kind;
  std::vector<Impl> impls;
  std::span<const Impl> variants;
};

std::vector<Row> own_rows() {
  return {
      {OpKind::Conv,
       {kConv2dWinograd, kConv2dWinograd2x2, kConv2dWinograd4x4, kConv2dMultiplier, kConv2dDirect,
        kConv2dPanel16, kConv2dGroups},
       kConv2dVariants},
      {OpKind::DepthwiseConv2d, {kDepthwiseConv2dDirect}, {}},
      {OpKind::Linear, {kLinearPanel16}, kLinearVariants},
      {OpKind::QuantizedConv,
       {kQuantizedConvPanel16x4, kQuantizedConvRounded},
       kQuantizedConvVariants},
      {OpKind::QuantizedLinear,
       {kQuantizedLinearPanel16x4, kQuantizedLinearRounded},
       kQuantizedLinearVariants},
      {OpKind::QuantizeLinear, {kQuantizeLinearBytes}, {}},
      {OpKind::DequantizeLinear, {kDequantizeLinearBytes}, {}},
      {OpKind::BatchNorm, {kBatchNormRows}, {}},
      {OpKind::GroupNorm, {kGroupNormMaps}, {}},
      {OpKind::LayerNorm, {kLayerNormRows}, {}},
      {OpKind::Unary, {kUnaryRange}, {}},
      {OpKind::Clip, {kClipRange}, {}},
      {OpKind::Binary, {kBinaryRange}, {}},
      {OpKind::Pool, {kPoolWindows}, {}},
      {OpKind::Resize, {kResizeAxes}, {}},
      {OpKind::Softmax, {kSoftmaxRows, kSoftmaxColumns}, {}},
      {OpKind::MatMul, {kMatMulBatched}, {}},
      {OpKind::Transpose, {kTransposeCopy}, {}},
      {OpKind::Slice, {kSliceCopy}, {}},
      {OpKind::Expand, {kExpandCopy}, {}},
      {OpKind::Concat, {kConcatCopy}, {}},
      {OpKind::Split, {kSplitCopy}, {}},
      {OpKind::Pad, {kPadCopy}, {}},
      {OpKind::Gather, {kGatherRuns}, {}},
      {OpKind::GatherElements, {kGatherElementsRows}, {}},
      {OpKind::ScatterND, {kScatterNDRows}, {}},
      {OpKind::ConstantOfShape, {kConstantOfShapeFill}, {}},
      {OpKind::Reduce, {kReduceRows, kReduceTokens, kReduceSteps}, {}},
      {OpKind::CumSum, {kCumSumTokens}, {}},
      {OpKind::TopK, {kTopKSort}, {}},
      {OpKind::Attention, {kAttentionHeads}, {}},
      {OpKind::AttentionBlock, {kAttentionBlockPhased}, kAttentionBlockVariants},
      {OpKind::Mlp, {kMlpBanded, kMlpPhased}, kMlpVariants},
      {OpKind::LocalMixer, {kLocalMixerPhased}, kLocalMixerVariants},
  };
}

void add_streams(const float* a, const float* b, int64_t count, float* c) {
  active_kernels().binary[static_cast<size_t>(BinaryKind::Add)]({a, 1, b, 1, count, c});
}

/// The reference is the last resort of every plain op.
ImplList impls(OpKind kind) {
  static const auto table = [] {
    std::array<std::vector<Impl>, kNumOpKinds> all;
    for (const Row& row : own_rows()) {
      auto& list = all[static_cast<size_t>(row.kind)];
      list = row.impls;
      list.insert(list.end(), row.variants.begin(), row.variants.end());
    }
    for (size_t i = 0; i < all.size(); ++i)
      for (Impl impl : reference_impls(static_cast<OpKind>(i))) {
        impl.use = ImplUse::LastResort;
        all[i].push_back(impl);
      }
    return all;
  }();
  return table[static_cast<size_t>(kind)];
}

/// Throws Unsupported where no kernels in force multiply bfloat16.
void check_bfloat16() {
  const Isa isa = select_isa();
  if (kernels(isa).has_bfloat16()) return;
  const std::string has =
      kernels(detect_isa()).has_bfloat16()
          ? fmt::format("kernels are those of {}, as VITRO_CPU_ISA says", isa_name(isa))
          : fmt::format("{} has neither, its best is {}", cpu_model(), isa_name(detect_isa()));
  fail_hint(
      ErrorCode::Unsupported,
      kernels(detect_isa()).has_bfloat16()
          ? "unset VITRO_CPU_ISA"
          : "leave --bf16 away; 'vitro build --weights bf16' halves the weights and multiplies "
            "float32 on every processor",
      "backend 'cpu' computes in bf16 with AVX512-BF16 or AMX-BF16: {}", has);
}

class CpuBackend final : public Backend {
 public:
  const char* name() const override { return "cpu"; }
  std::string describe() const override {
    return fmt::format("kernels for {}, which {} bf16; this machine has {}", instruction_set(),
                       kernels(select_isa()).has_bfloat16() ? "multiplies" : "does not multiply",
                       fmt::join(instruction_sets(), ", "));
  }
  std::string instruction_set() const override { return isa_name(select_isa()); }
  std::vector<std::string> instruction_sets() const override {
    std::vector<std::string> names;
    for (Isa isa : available_isas()) names.emplace_back(isa_name(isa));
    return names;
  }
  Precision precision(Precision asked) const override {
    if (asked != Precision::BFloat16) return Backend::precision(asked);
    check_bfloat16();
    return asked;
  }
  Peaks peaks(const PeakRequest& request) const override {
    const KernelTable& table = product_kernels(request.threads, {});
    const GemmKernel& products =
        precision(request.precision) == Precision::BFloat16 ? table.bfloat16.gemm : table.gemm;
    return measure_peaks({{table.fma_probe, static_cast<double>(table.probe_multiply_adds)},
                          {products.probe, products.probe_multiply_adds},
                          {table.quantized_gemm.probe, table.quantized_gemm.probe_multiply_adds},
                          add_streams},
                         request);
  }
  std::string machine() const override { return cpu_model() + ", " + instruction_set(); }
  std::span<const PackedForm* const> packed_forms() const override {
    static constexpr std::array kForms{&kPanel16, &kPanel16x4};
    return kForms;
  }
  std::unique_ptr<Lane> make_lane(const LaneOptions& options) const override {
    return std::make_unique<HostLane>(options);
  }
  std::optional<Refusal> can_run(const OpContext& op) const override {
    return refusal_of(op, impls);
  }
  std::unique_ptr<Executable> compile(const CompileRequest& asked) const override {
    const std::optional<FloatGraph> floats = without_slow_codes(asked);
    const CompileRequest request{.graph = floats ? floats->graph : asked.graph,
                                 .inputs = asked.inputs,
                                 .cache = asked.cache,
                                 .threads = asked.threads,
                                 .tactics = asked.tactics,
                                 .precision = asked.precision,
                                 .device = asked.device,
                                 .origins = floats ? floats->origins : asked.origins};
    return make_host_executable(compile_program(request, impls, name()));
  }
};

}  // namespace
}  // namespace cpu

const Backend& cpu_backend() {
  static const cpu::CpuBackend backend;
  return backend;
}

}  // namespace vitro
