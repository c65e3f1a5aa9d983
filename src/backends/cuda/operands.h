#pragma once

#include "backends/cuda/cuda_lane.h"
#include "backends/cuda/device_weights.h"
#include "backends/cuda/kernels/strided.h"

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
/// Refuses also unless the first operand is computed and all others that are given are constants.
std::optional<Refusal> needs_weights(const OpContext& op);

inline Element element_of(const OpContext& op) { return element_of(op.precision); }
/// "fp16", "tf32".
std::string name_of(Element element, bool tf32);
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

// Operand i, a constant that the kernel being made takes; null when it is absent.
const void* take_elements(const OpContext& op, size_t i);
const float* take_floats(const OpContext& op, size_t i);

/// Operand i of a kernel that takes both computed values and constants.
class Operand {
 public:
  Operand(const OpContext& op, size_t i) : index_(i) {
    if (op.constant(i)) constant_ = take_elements(op, i);
  }
  const void* in(const KernelArgs& args) const {
    return constant_ ? constant_ : args.inputs[index_];
  }

 private:
  size_t index_;
  const void* constant_ = nullptr;
};

}  // namespace vitro::cuda
