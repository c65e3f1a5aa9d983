#pragma once

#include "backends/cpu/kernels/gemm.h"

namespace vitro::cpu {

// Quantized products on units that not every processor of an instruction set has. The tables hold
// those without.
extern const GemmKernel kQuantizedAvxVnni;
extern const GemmKernel kQuantizedAvx512Vnni;
extern const GemmKernel kQuantizedAmx;

}  // namespace vitro::cpu
