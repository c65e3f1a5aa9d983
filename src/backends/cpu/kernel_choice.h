#pragma once

#include <optional>

#include "backends/cpu/kernels/kernels.h"
#include "backends/kernel.h"

namespace vitro::cpu {

/// What a variant of an implementation does otherwise than the usual one; tuning may choose it.
struct Variant {
  int64_t rows = 0;             ///< of a band; 0: the usual number
  bool vector_product = false;  ///< on a machine with AMX, products on AVX-512 all the same
};

/// The kernels of the instruction set in force: VITRO_CPU_ISA, or the best of this machine.
const KernelTable& active_kernels();
/// Those for products on so many threads.
const KernelTable& product_kernels(int threads, const Variant& variant);

/// Refuses a variant without AMX where products would not use it anyway.
std::optional<Refusal> needs_amx(int threads, const Variant& variant);

}  // namespace vitro::cpu
