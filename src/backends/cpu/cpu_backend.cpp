#include "backends/cpu/cpu_backend.h"

#include <array>
#include <vector>

#include "backends/cpu/impls.h"
#include "backends/program.h"
#include "backends/reference/reference_backend.h"
#include "core/processor.h"

namespace vitro {
namespace cpu {
namespace {

std::vector<Impl> own_impls(OpKind kind) {
  switch (kind) {
    case OpKind::Conv2d:
      return {kConv2dPatch, kConv2dIm2col};
    case OpKind::DepthwiseConv2d:
      return {kDepthwiseConv2dDirect};
    case OpKind::Linear:
      return {kLinearPanel16};
    case OpKind::LayerNorm:
      return {kLayerNormRows};
    case OpKind::Gelu:
      return {kGeluRange};
    case OpKind::Add:
      return {kAddRange};
    case OpKind::Softmax:
      return {kSoftmaxRows};
    case OpKind::Transpose:
      return {kTransposeNchw};
    case OpKind::ReduceMean:
      return {kReduceMeanTokens};
    case OpKind::ReduceMax:
      return {kReduceMaxTokens};
    case OpKind::Attention:
      return {kAttentionHeads};
    case OpKind::AttentionBlock:
      return {kAttentionBlockPhased};
    case OpKind::Mlp:
      return {kMlpBanded, kMlpPhased};
    case OpKind::LocalMixer:
      return {kLocalMixerPhased};
    default:
      return {};
  }
}

std::span<const Impl> variants(OpKind kind) {
  switch (kind) {
    case OpKind::Conv2d:
      return kConv2dVariants;
    case OpKind::Linear:
      return kLinearVariants;
    case OpKind::AttentionBlock:
      return kAttentionBlockVariants;
    case OpKind::Mlp:
      return kMlpVariants;
    case OpKind::LocalMixer:
      return kLocalMixerVariants;
    default:
      return {};
  }
}

/// Our kernels, best first, then variants that only tuning chooses; the reference is the last
/// resort of every plain op.
ImplList impls(OpKind kind) {
  static const auto table = [] {
    std::array<std::vector<Impl>, kNumOpKinds> rows;
    for (size_t i = 0; i < rows.size(); ++i) {
      rows[i] = own_impls(static_cast<OpKind>(i));
      for (const Impl& impl : variants(static_cast<OpKind>(i))) rows[i].push_back(impl);
      for (Impl impl : reference_impls(static_cast<OpKind>(i))) {
        impl.use = ImplUse::LastResort;
        rows[i].push_back(impl);
      }
    }
    return rows;
  }();
  return table[static_cast<size_t>(kind)];
}

class CpuBackend final : public Backend {
 public:
  const char* name() const override { return "cpu"; }
  std::string describe() const override {
    std::string text = std::string("kernels for ") + isa_name(select_isa()) + "; this machine has";
    for (Isa isa : available_isas()) text += std::string(" ") + isa_name(isa);
    return text;
  }
  std::string machine() const override { return cpu_model() + ", " + isa_name(select_isa()); }
  std::unique_ptr<Executable> compile(const Graph& graph, std::span<const TensorType> inputs,
                                      const CompileOptions& options) const override {
    return compile_program(graph, inputs, options, impls, name());
  }
};

}  // namespace
}  // namespace cpu

const Backend& cpu_backend() {
  static const cpu::CpuBackend backend;
  return backend;
}

}  // namespace vitro
