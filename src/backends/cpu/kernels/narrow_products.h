#pragma once

#include "backends/cpu/kernels/kernels.h"

namespace vitro::cpu {

// Products of codes and of bfloat16 on units that not every processor of an instruction set has.
// The tables of these hold the products of codes without them, and none of bfloat16.
extern const GemmKernel kQuantizedAvxVnni;
extern const GemmKernel kQuantizedAvx512Vnni;
extern const GemmKernel kQuantizedAmx;
extern const BFloat16Kernels kBFloat16Avx512;
extern const GemmKernel kBFloat16Amx;

}  // namespace vitro::cpu
