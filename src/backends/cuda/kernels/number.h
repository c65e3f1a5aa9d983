#pragma once

#include "backends/cuda/kernels/launch.h"

namespace vitro::cuda {

/// What an element of a tensor is where a kernel takes several types.
enum class Number { Float32, Float16, BFloat16, Int64, Int32, Int8, UInt8, Boolean };

constexpr bool is_float(Number number) { return number <= Number::BFloat16; }
/// In the same order.
constexpr Number number_of(Element element) { return static_cast<Number>(element); }

}  // namespace vitro::cuda
