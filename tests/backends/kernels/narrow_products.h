#pragma once

#include <string>
#include <vector>

#include "backends/cpu/kernels/kernels.h"

namespace vitro::cpu {

/// One way to multiply codes or bfloat16, with the kernels of the instruction set that it belongs
/// to.
struct NarrowProduct {
  std::string name;
  const KernelTable* table;
  GemmKernel kernel;
};

/// All that this machine can run, whether its tables hold them or a faster one.
const std::vector<NarrowProduct>& quantized_products();
const std::vector<NarrowProduct>& bfloat16_products();

/// What AVX-VNNI runs, by the same instruction as AVX-512 has it: a processor with AVX-512 and no
/// AVX-VNNI can test it.
extern const GemmKernel kQuantizedVnni256;
/// What AMX runs, with its instructions emulated on AVX-512.
extern const GemmKernel kQuantizedEmulatedAmx;
extern const GemmKernel kBFloat16EmulatedAmx;
/// What every machine can run: the arithmetic of AVX512-BF16 without its instruction.
extern const BFloat16Kernels kBFloat16Emulated;

}  // namespace vitro::cpu
