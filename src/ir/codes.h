#pragma once

#include "vitro/tensor.h"

namespace vitro {

/// What the weight of a product in 8 bits is of, which says what its input becomes: Int8, bytes;
/// Float8E4M3, the same.
constexpr bool is_code(DType dtype) { return dtype == DType::Int8 || dtype == DType::Float8E4M3; }

}  // namespace vitro
