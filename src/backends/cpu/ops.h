#pragma once

#include "backends/cpu/kernels/kernels.h"
#include "backends/kernel.h"

namespace vitro::cpu {

/// The kernels of the instruction set in force: VITRO_CPU_ISA, or the best of this machine.
const KernelTable& active_kernels();

/// Rows of a channels-last tensor: the product of all extents but the last.
int64_t num_rows(const TensorType& type);

/// Refuses operands that are not float32.
std::optional<Refusal> needs_float32(const OpContext& op);
/// Refuses operand `index` unless it is a constant packed in panels.
std::optional<Refusal> needs_panels(const OpContext& op, size_t index);

/// Runs a product with all threads. `scratch` holds gemm_scratch_size(args) floats for each of them.
void parallel_gemm(const KernelTable& table, const GemmArgs& args, int threads, float* scratch);

// The implementations of each op, best first.
extern const Impl kLinearPanel16;
extern const Impl kConv2dPatch;
extern const Impl kMlpPhased;

}  // namespace vitro::cpu
