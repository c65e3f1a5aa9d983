#include "backends/cpu/operands.h"

#include <fmt/core.h>

#include "ir/op_info.h"

namespace vitro::cpu {

int64_t num_rows(const TensorType& type) { return num_elements(type.dims) / type.dims.back(); }

std::optional<Refusal> needs_float32(const OpContext& op) {
  for (size_t i = 0; i < op.num_inputs(); ++i) {
    if (!op.has_input(i)) continue;
    if (num_elements(op.input(i).dims) == 0) return Refusal{fmt::format("operand {} is empty", i)};
    if (op.input(i).dtype != DType::Float32 &&
        !(op.constant(i) && is_matrix_operand(op.node.kind, i)))
      return Refusal{fmt::format("operand {} is {}", i, dtype_name(op.input(i).dtype))};
  }
  return std::nullopt;
}

std::optional<Refusal> needs_panels(const OpContext& op, size_t index) {
  const Constant* constant = op.constant(index);
  if (constant && constant->layout == Layout::Panel16) return std::nullopt;
  return Refusal{"operand " + std::to_string(index) +
                 (constant ? " has layout row_major, not panel16" : " is computed, not a weight")};
}

PanelMatrix panel_operand(const OpContext& op, size_t index) {
  const Constant& weight = *op.constant(index);
  const int64_t k = weight.dims[1];
  if (weight.dtype == DType::Float32) return panel16_matrix(weight.data(), k);
  return panel16_matrix(reinterpret_cast<const uint16_t*>(weight.bytes.data()), k);
}

}  // namespace vitro::cpu
