#pragma once

#include "backends/cuda/cuda_lane.h"
#include "backends/cuda/device_weights.h"
#include "backends/cuda/kernels/number.h"
#include "backends/cuda/kernels/strided.h"
#include "ir/op_info.h"

namespace vitro::cuda {

template <typename K>
std::unique_ptr<Kernel> make_kernel(const OpContext& op) {
  return std::make_unique<K>(op);
}

/// Refuses what no kernel takes: operands of another type than float32 (matrices may be bfloat16),
/// without elements, of more than 2^31 - 1 or of more than 8 extents.
std::optional<Refusal> needs_floats(const OpContext& op);
/// The same of the first `count` operands and the result.
std::optional<Refusal> needs_float_operands(const OpContext& op, size_t count);
/// The same but for the types, for what moves elements of any.
std::optional<Refusal> needs_sizes(const OpContext& op, size_t count);
/// Refuses also unless the first operand is computed and all others that are given are constants.
std::optional<Refusal> needs_weights(const OpContext& op);

inline Element element_of(const OpContext& op) { return element_of(op.precision); }
/// What elements of that type are where this op runs. Throws Unsupported for a type that is no
/// Number.
Number number_of(const OpContext& op, DType dtype);
/// Whether a Number stands for it.
bool is_number(DType dtype);
/// "fp16", "tf32".
std::string name_of(Element element, bool tf32);
/// Bytes of an element: of float32 as it is stored, else as it is.
int stored_element_bytes(const OpContext& op, const TensorType& type);
inline bool is_tf32(const OpContext& op) { return op.precision == Precision::TensorFloat32; }
/// Whether weights are wanted as parts, too (LinearArgs::weight_parts).
bool multiplies_parts(const OpContext& op);
inline const DeviceInfo& device_of(const OpContext& op) { return device_info(op.device); }

/// The product of all extents but the last.
int num_rows(const TensorType& type);
inline int extent(const TensorType& type, size_t axis) { return static_cast<int>(type.dims[axis]); }
/// The last extent.
inline int width(const TensorType& type) { return static_cast<int>(type.dims.back()); }
Dims to_dims(const vitro::Dims& dims);
/// A value as it is stored, in the low bytes.
uint32_t bits_of(Element element, float value);
/// Strides of an operand with these extents along those of the result; 0 where it repeats.
Dims broadcast_strides(const vitro::Dims& operand, const vitro::Dims& result);

/// A tensor about one of its axes: [outer, extent, inner].
struct Lines {
  int64_t outer, extent, inner;
  /// `axis` may count from the end.
  Lines(const OpContext& op, const TensorType& type, int64_t axis);
};

// Operand i, a constant that the kernel being made takes; null when it is absent.
const void* take_elements(const OpContext& op, size_t i);
const float* take_floats(const OpContext& op, size_t i);
const void* take_bytes(const OpContext& op, size_t i);  // as they are: integers and booleans
/// The elements of operand i where they are known without being a constant; null where they are
/// not.
const void* known_bytes(const OpContext& op, size_t i);

/// Operand i of a kernel that takes both computed values and constants.
class Operand {
 public:
  Operand(const OpContext& op, size_t i) : index_(i), constant_(known_bytes(op, i)) {
    if (!op.constant(i)) return;
    const bool is_float = op.input(i).dtype == DType::Float32 || is_matrix_operand(op.node.kind, i);
    constant_ = is_float ? take_elements(op, i) : take_bytes(op, i);
  }
  const void* in(const KernelArgs& args) const {
    return constant_ ? constant_ : args.inputs[index_];
  }

 private:
  size_t index_;
  const void* constant_;  // null: a computed value
};

}  // namespace vitro::cuda
