#pragma once

#include "core/convert.h"
#include "tolerances.h"
#include "vitro/precision.h"
#include "vitro/tensor.h"

namespace vitro {

/// A bound for one op on a backend that computes so, on inputs that it can store.
inline Tolerance op_tolerance(Precision precision) {
  switch (precision) {
    case Precision::TensorFloat32:
      return kCudaTf32;
    case Precision::Float16:
      return kCudaFloat16;
    case Precision::BFloat16:
      return kCudaBFloat16;
    default:
      return kFloat32Op;
  }
}

/// A bound between two results that are each within `bound` of the same reference.
inline Tolerance between(const Tolerance& bound) {
  return {4 * bound.nmse, 2 * bound.max_over_rms};
}

/// A bound for a whole network.
inline Tolerance model_tolerance(Precision precision) {
  switch (precision) {
    case Precision::TensorFloat32:
    case Precision::Float16:
      return kFloat16Model;
    case Precision::BFloat16:
      return kBFloat16Model;
    default:
      return kFloat32Model;
  }
}

/// A bound for what each of its stages makes.
inline Tolerance stage_tolerance(Precision precision) {
  switch (precision) {
    case Precision::TensorFloat32:
    case Precision::Float16:
      return kFloat16Stage;
    case Precision::BFloat16:
      return kBFloat16Stage;
    default:
      return kFloat32Model;
  }
}

/// Rounds the elements to what a backend stores at that precision.
inline void round_to(Precision precision, Tensor& tensor) {
  if (tensor.dtype() != DType::Float32) return;
  for (float& value : tensor.as<float>()) {
    if (precision == Precision::Float16) value = static_cast<float>(static_cast<_Float16>(value));
    if (precision == Precision::BFloat16) value = bfloat16_to_float32(float32_to_bfloat16(value));
  }
}

}  // namespace vitro
