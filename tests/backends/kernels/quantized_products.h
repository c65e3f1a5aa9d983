#pragma once

#include <string>
#include <vector>

#include "backends/cpu/kernels/kernels.h"

namespace vitro::cpu {

/// One way to multiply codes, with the kernels of the instruction set that it belongs to.
struct QuantizedProduct {
  std::string name;
  const KernelTable* table;
  GemmKernel kernel;
};

/// All that this machine can run, whether its tables hold them or a faster one.
const std::vector<QuantizedProduct>& quantized_products();

/// What AVX-VNNI runs, by the same instruction as AVX-512 has it: a processor with AVX-512 and no
/// AVX-VNNI can test it.
extern const GemmKernel kQuantizedVnni256;
/// What AMX runs, with its instructions emulated on AVX-512.
extern const GemmKernel kQuantizedEmulatedAmx;

}  // namespace vitro::cpu
