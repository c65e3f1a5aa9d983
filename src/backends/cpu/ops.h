#pragma once

#include <fmt/core.h>

#include "backends/cpu/kernels/kernels.h"
#include "backends/kernel.h"
#include "core/panel16.h"

namespace vitro::cpu {

/// The kernels of the instruction set in force: VITRO_CPU_ISA, or the best of this machine.
const KernelTable& active_kernels();

/// Rows of a channels-last tensor: the product of all extents but the last.
int64_t num_rows(const TensorType& type);
/// Panels of 16 columns that cover n.
inline int64_t num_panels(int64_t n) { return (n + kPanelWidth - 1) / kPanelWidth; }
/// Floats rounded up to whole cache lines.
inline size_t aligned_floats(int64_t count) { return static_cast<size_t>((count + 15) / 16 * 16); }

/// Refuses operands that are not float32, but the weights of products.
std::optional<Refusal> needs_float32(const OpContext& op);
/// Refuses operand `index` unless it is a constant packed in panels, of float32 or bfloat16.
std::optional<Refusal> needs_panels(const OpContext& op, size_t index);
/// That operand as products read it.
PanelMatrix panel_operand(const OpContext& op, size_t index);

/// Runs a product on the whole team. `scratch` holds table.gemm_scratch_size(args) floats for each
/// thread.
void parallel_gemm(const KernelTable& table, const GemmArgs& args, ThreadTeam& team,
                   float* scratch);

template <typename K>
std::unique_ptr<Kernel> make_kernel(const OpContext& op) {
  return std::make_unique<K>(op);
}

// The implementations, by file.
extern const Impl kLinearPanel16;
extern const Impl kConv2dPatch, kConv2dIm2col;
extern const Impl kDepthwiseConv2dDirect;
extern const Impl kMlpBanded, kMlpPhased;
extern const Impl kAttentionHeads;
extern const Impl kAttentionBlockPhased;
extern const Impl kLocalMixerPhased;
extern const Impl kLayerNormRows, kSoftmaxRows, kGeluRange, kAddRange, kReduceMeanTokens,
    kReduceMaxTokens;
extern const Impl kTransposeNchw;

}  // namespace vitro::cpu
