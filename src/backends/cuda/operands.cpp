#include "backends/cuda/operands.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>

#include "core/check.h"
#include "core/convert.h"
#include "ir/infer.h"
#include "ir/strided.h"

namespace vitro::cuda {
namespace {

std::shared_ptr<DeviceWeights> weights_of(const OpContext& op) {
  return DeviceWeights::of(op.cache, op.device, op.precision);
}

std::optional<Refusal> needs_size(const TensorType& type, const std::string& what) {
  const int64_t count = num_elements(type.dims);
  if (count == 0) return Refusal{what + " is empty"};
  if (count > INT32_MAX)
    return Refusal{fmt::format("{} has {} elements, more than 2^31 - 1", what, count)};
  if (type.dims.size() > kMaxRank)
    return Refusal{
        fmt::format("{} has {} extents, more than {}", what, type.dims.size(), kMaxRank)};
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> needs_floats(const OpContext& op) {
  return needs_float_operands(op, op.num_inputs());
}

std::optional<Refusal> needs_float_operands(const OpContext& op, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (!op.has_input(i)) continue;
    const std::string what = fmt::format("operand {}", i);
    if (auto refusal = needs_size(op.input(i), what)) return refusal;
    const bool is_matrix = op.constant(i) && is_matrix_operand(op.node.kind, i);
    if (op.input(i).dtype != DType::Float32 && !(is_matrix && op.input(i).dtype == DType::BFloat16))
      return Refusal{fmt::format("{} is {}", what, dtype_name(op.input(i).dtype))};
  }
  return needs_size(op.output(), "the result");
}

std::optional<Refusal> needs_sizes(const OpContext& op, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (op.has_input(i))
      if (auto refusal = needs_size(op.input(i), fmt::format("operand {}", i))) return refusal;
  return needs_size(op.output(), "the result");
}

std::optional<Refusal> needs_weights(const OpContext& op) {
  if (auto refusal = needs_floats(op)) return refusal;
  if (op.constant(0)) return Refusal{"operand 0 is a constant"};
  for (size_t i = 1; i < op.num_inputs(); ++i)
    if (op.has_input(i) && !op.constant(i))
      return Refusal{fmt::format("operand {} is computed, not a weight", i)};
  return std::nullopt;
}

namespace {

/// In the order of Number.
constexpr std::array kNumbers{DType::Float32, DType::Float16, DType::BFloat16, DType::Int64,
                              DType::Int32,   DType::Int8,    DType::UInt8,    DType::Bool};

}  // namespace

bool is_number(DType dtype) {
  return std::find(kNumbers.begin(), kNumbers.end(), dtype) != kNumbers.end();
}

Number number_of(const OpContext& op, DType dtype) {
  check(is_number(dtype), ErrorCode::Unsupported, "elements of {}", dtype_name(dtype));
  // A float of the precision is stored as its element.
  static_assert(static_cast<int>(Element::BFloat16) == static_cast<int>(Number::BFloat16));
  if (dtype == DType::Float32) return static_cast<Number>(element_of(op));
  return static_cast<Number>(std::find(kNumbers.begin(), kNumbers.end(), dtype) - kNumbers.begin());
}

int stored_element_bytes(const OpContext& op, const TensorType& type) {
  return static_cast<int>(type.dtype == DType::Float32 ? element_size(element_of(op))
                                                       : dtype_size(type.dtype));
}

bool multiplies_parts(const OpContext& op) {
  return element_of(op) == Element::Float32 && !is_tf32(op) && device_of(op).capability == 90;
}

int num_rows(const TensorType& type) {
  return static_cast<int>(num_elements(type.dims) / type.dims.back());
}

Dims to_dims(const vitro::Dims& dims) {
  Dims result;
  for (int64_t extent : dims) result.push_back(extent);
  return result;
}

Dims broadcast_strides(const vitro::Dims& operand, const vitro::Dims& result) {
  return to_dims(broadcast_walk(operand, result).strides);
}

Lines::Lines(const OpContext& op, const TensorType& type, int64_t axis) {
  const vitro::Dims& dims = type.dims;
  const auto at = dims.begin() + static_cast<std::ptrdiff_t>(
                                     axis_of(op.node, axis, static_cast<int64_t>(dims.size())));
  outer = num_elements(vitro::Dims(dims.begin(), at));
  extent = *at;
  inner = num_elements(vitro::Dims(at + 1, dims.end()));
}

const void* take_elements(const OpContext& op, size_t i) {
  return op.has_input(i) ? weights_of(op)->elements(op.cache, op.take(i)) : nullptr;
}

const float* take_floats(const OpContext& op, size_t i) {
  return op.has_input(i) ? weights_of(op)->floats(op.cache, op.take(i)) : nullptr;
}

const void* take_bytes(const OpContext& op, size_t i) {
  return op.has_input(i) ? weights_of(op)->bytes(op.cache, op.take(i)) : nullptr;
}

const void* known_bytes(const OpContext& op, size_t i) {
  if (!op.has_input(i) || op.constant(i)) return nullptr;
  const Contents& known = op.contents[static_cast<size_t>(op.node.inputs[i])];
  if (!known) return nullptr;
  const auto& [dtype, dims] = op.input(i);
  const Constant constant = make_constant(dims, *known, dtype);
  const std::string_view bytes(reinterpret_cast<const char*>(constant.bytes.data()),
                               constant.bytes.size());
  return weights_of(op)->table(fmt::format("known {}", bytes), [&] {
    return std::vector<std::byte>(constant.bytes.begin(), constant.bytes.end());
  });
}

uint32_t bits_of(Element element, float value) {
  switch (element) {
    case Element::Float16:
      return float32_to_float16(value);
    case Element::BFloat16:
      return float32_to_bfloat16(value);
    case Element::Float32:
      break;
  }
  return std::bit_cast<uint32_t>(value);
}

std::string name_of(Element element, bool tf32) {
  switch (element) {
    case Element::Float16:
      return to_string(Precision::Float16);
    case Element::BFloat16:
      return to_string(Precision::BFloat16);
    case Element::Float32:
      break;
  }
  return to_string(tf32 ? Precision::TensorFloat32 : Precision::Float32);
}

}  // namespace vitro::cuda
