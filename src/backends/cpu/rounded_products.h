#pragma once

#include "backends/kernel.h"

namespace vitro::cpu {

extern const Impl kQuantizedLinearRounded, kQuantizedConvRounded;

}  // namespace vitro::cpu
