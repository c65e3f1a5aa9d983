#pragma once

#include <optional>

#include "backends/cpu/kernels/gemm.h"
#include "backends/cpu/kernels/panel16.h"
#include "backends/kernel.h"

namespace vitro::cpu {

/// Rows of a channels-last tensor: the product of all extents but the last.
int64_t num_rows(const TensorType& type);
/// Floats rounded up to whole cache lines.
inline size_t aligned_floats(int64_t count) { return static_cast<size_t>((count + 15) / 16 * 16); }

/// Refuses operands that are not float32, but the weights of products.
std::optional<Refusal> needs_float32(const OpContext& op);
/// Matrices [n, ...] in panels of 16 columns of the transposed, of float32 or bfloat16: what
/// products read, on every instruction set. All extents but the first are the rows' k.
extern const PackedForm kPanel16;
/// Refuses operand `index` unless it is a constant that can be packed in panels.
std::optional<Refusal> needs_panels(const OpContext& op, size_t index);

/// A weight of a product.
class PanelWeight {
 public:
  PanelWeight() = default;
  /// Operand `index`, packed when nobody did so before.
  PanelWeight(const OpContext& op, size_t index) : constant_(op.packed(index, kPanel16)) {}
  PanelMatrix matrix() const;

 private:
  Constant constant_;
};

}  // namespace vitro::cpu
