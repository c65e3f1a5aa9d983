#pragma once

#include <fmt/core.h>

#include <array>

#include "backends/cpu/kernels/kernels.h"
#include "backends/kernel.h"
#include "core/panel16.h"

namespace vitro::cpu {

/// What a variant of an implementation does otherwise than the usual one; tuning may choose it.
struct Variant {
  int64_t rows = 0;             ///< of a band; 0: the usual number
  bool vector_product = false;  ///< on a machine with AMX, products on AVX-512 all the same
};

/// The kernels of the instruction set in force: VITRO_CPU_ISA, or the best of this machine.
const KernelTable& active_kernels();
/// Those for products on so many threads.
const KernelTable& product_kernels(int threads, const Variant& variant);

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

/// Refuses a variant without AMX where products would not use it anyway.
std::optional<Refusal> needs_amx(int threads, const Variant& variant);

template <auto can_run, Variant variant>
std::optional<Refusal> can_vary(const OpContext& op) {
  if (auto refusal = needs_amx(op.threads, variant)) return refusal;
  return can_run(op);
}

template <typename K, Variant variant>
std::unique_ptr<Kernel> make_variant(const OpContext& op) {
  return std::make_unique<K>(op, variant);
}

/// A row for a variant: K is made with it where `can_run` accepts the op.
template <typename K, auto can_run, Variant variant>
constexpr Impl variant_of(const char* id) {
  return {id, can_vary<can_run, variant>, make_variant<K, variant>, ImplUse::WhenTuned};
}

// The implementations, by file.
extern const Impl kLinearPanel16;
extern const std::array<Impl, 1> kLinearVariants;
extern const Impl kConv2dPatch, kConv2dIm2col;
extern const std::array<Impl, 1> kConv2dVariants;
extern const Impl kDepthwiseConv2dDirect;
extern const Impl kMlpBanded, kMlpPhased;
extern const std::array<Impl, 6> kMlpVariants;
extern const Impl kAttentionHeads;
extern const Impl kAttentionBlockPhased;
extern const std::array<Impl, 3> kAttentionBlockVariants;
extern const Impl kLocalMixerPhased;
extern const std::array<Impl, 3> kLocalMixerVariants;
extern const Impl kLayerNormRows, kSoftmaxRows, kGeluRange, kAddRange, kReduceMeanTokens,
    kReduceMaxTokens;
extern const Impl kTransposeNchw;

}  // namespace vitro::cpu
