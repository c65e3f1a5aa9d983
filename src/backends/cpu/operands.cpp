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
  if (dtype == DType::Float32 || dtype == DType::BFloat16 || dtype == DType::Int8)
    return std::nullopt;
  return Refusal{fmt::format("operand {} is {}, not F32, BF16 or I8", index, dtype_name(dtype))};
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

const PackedForm kPanel16x4{
    "cpu:panel16x4",
    [](const TensorType& type) {
      check(type.dims.size() >= 2 && type.dtype == DType::Int8, ErrorCode::CorruptFile,
            "a constant of {} {} is no matrix of I8, as {} needs", dtype_name(type.dtype),
            to_string(type.dims), "cpu:panel16x4");
      return Dims{num_panels(type.dims[0]), (depth(type) + 3) / 4, kPanelWidth, 4};
    },
    [](const TensorType& type, const std::byte* src, std::byte* dst) {
      pack_panel16x4(reinterpret_cast<const int8_t*>(src), type.dims[0], depth(type),
                     reinterpret_cast<int8_t*>(dst));
    },
    [](const TensorType& type, const std::byte* src, std::byte* dst) {
      unpack_panel16x4(reinterpret_cast<const int8_t*>(src), type.dims[0], depth(type),
                       reinterpret_cast<int8_t*>(dst));
    }};

const PackedForm kPanel16x2{
    "cpu:panel16x2",
    [](const TensorType& type) {
      Dims dims{num_panels(type.dims[0]), (depth(type) + 1) / 2, kPanelWidth};
      if (type.dtype == DType::BFloat16) dims.push_back(2);  // else a pair is as large as a float
      return dims;
    },
    [](const TensorType& type, const std::byte* src, std::byte* dst) {
      auto* pairs = reinterpret_cast<uint16_t*>(dst);
      if (type.dtype == DType::Float32)
        pair_panel16(reinterpret_cast<const float*>(src), type.dims[0], depth(type), pairs);
      else
        pair_panel16(reinterpret_cast<const uint16_t*>(src), type.dims[0], depth(type), pairs);
    },
    nullptr, &kPanel16};

namespace {

const PackedForm& form_of(const OpContext& op, size_t weight) {
  if (op.constant(weight)->type.dtype == DType::Int8) return kPanel16x4;
  return op.precision == Precision::BFloat16 ? kPanel16x2 : kPanel16;
}

}  // namespace

ProductOperands::ProductOperands(const OpContext& op, size_t weight, size_t quantization)
    : weight_(op.packed(weight, form_of(op, weight))),
      index_(weight),
      quantization_(quantization) {}

void ProductOperands::describe(GemmArgs& gemm) const {
  const int64_t k = depth(weight_.type);
  const std::byte* data = weight_.bytes.data();
  if (quantized())
    gemm.quantized.data = reinterpret_cast<const int8_t*>(data);
  else if (in_bfloat16())
    gemm.pairs = reinterpret_cast<const uint16_t*>(data);
  else if (weight_.type.dtype == DType::Float32)
    gemm.b = panel16_matrix(reinterpret_cast<const float*>(data), k);
  else
    gemm.b = panel16_matrix(reinterpret_cast<const uint16_t*>(data), k);
}

void ProductOperands::bind(GemmArgs& gemm, const KernelArgs& args) const {
  gemm.bias = args.in<float>(index_ + 1);
  if (!quantized()) return;
  gemm.quantized.scale = args.in<float>(quantization_);
  gemm.quantized.rows = rows(args);
}

Quantizer ProductOperands::rows(const KernelArgs& args) const {
  return {args.in<float>(quantization_ + 1), args.in<float>(quantization_ + 2)};
}

std::vector<size_t> ProductOperands::indices() const {
  return {index_, index_ + 1, quantization_, quantization_ + 1, quantization_ + 2};
}

}  // namespace vitro::cpu
