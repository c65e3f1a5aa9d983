#include "backends/cpu/operands.h"

#include <fmt/core.h>

#include "core/check.h"
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
  if (!constant) return Refusal{fmt::format("operand {} is computed, not a weight", index)};
  const DType dtype = constant->type.dtype;
  if (dtype == DType::Float32 || dtype == DType::BFloat16) return std::nullopt;
  return Refusal{fmt::format("operand {} is {}, not F32 or BF16", index, dtype_name(dtype))};
}

namespace {

int64_t depth(const TensorType& type) {
  return num_elements(Dims(type.dims.begin() + 1, type.dims.end()));
}

Dims panel_dims(const TensorType& type) {
  check(type.dims.size() >= 2 && (type.dtype == DType::Float32 || type.dtype == DType::BFloat16),
        ErrorCode::CorruptFile, "a constant of {} {} is no matrix of F32 or BF16, as {} needs",
        dtype_name(type.dtype), to_string(type.dims), "cpu:panel16");
  return {num_panels(type.dims[0]), depth(type), kPanelWidth};
}

/// pack_panel16() or its inverse, on elements of the type's size.
template <auto floats, auto halves>
void repack(const TensorType& type, const std::byte* src, std::byte* dst) {
  if (type.dtype == DType::Float32)
    floats(reinterpret_cast<const float*>(src), type.dims[0], depth(type),
           reinterpret_cast<float*>(dst));
  else
    halves(reinterpret_cast<const uint16_t*>(src), type.dims[0], depth(type),
           reinterpret_cast<uint16_t*>(dst));
}

}  // namespace

const PackedForm kPanel16{"cpu:panel16", panel_dims,
                          repack<pack_panel16<float>, pack_panel16<uint16_t>>,
                          repack<unpack_panel16<float>, unpack_panel16<uint16_t>>};

PanelMatrix PanelWeight::matrix() const {
  const int64_t k = depth(constant_.type);
  if (constant_.type.dtype == DType::Float32)
    return panel16_matrix(reinterpret_cast<const float*>(constant_.bytes.data()), k);
  return panel16_matrix(reinterpret_cast<const uint16_t*>(constant_.bytes.data()), k);
}

}  // namespace vitro::cpu
