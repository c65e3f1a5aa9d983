#pragma once

#include <optional>

#include "backends/cpu/kernels/gemm.h"
#include "backends/kernel.h"
#include "core/panel16.h"

namespace vitro::cpu {

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

}  // namespace vitro::cpu
