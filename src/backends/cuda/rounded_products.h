#pragma once

#include "backends/kernel.h"

namespace vitro::cuda {

extern const Impl kQuantizedLinearRounded, kQuantizedConvRounded;

}  // namespace vitro::cuda
