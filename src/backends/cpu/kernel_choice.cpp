#include "backends/cpu/kernel_choice.h"

#include <fmt/core.h>

namespace vitro::cpu {

// Two processors of one core share its tile unit, and each thread makes tiles of its own from the
// rows: measured on 16 such processors, AMX is faster than AVX-512 on 2 threads, about equal on 4
// and slower beyond (docs/performance.md).
constexpr int kMaxAmxThreads = 4;

const KernelTable& active_kernels() { return kernels(select_isa()); }

const KernelTable& product_kernels(int threads, const Variant& variant) {
  const Isa isa = select_isa();
  const bool vector = variant.vector_product || threads > kMaxAmxThreads;
  return kernels(isa == Isa::Amx && vector ? Isa::Avx512 : isa);
}

std::optional<Refusal> needs_amx(int threads, const Variant& variant) {
  if (!variant.vector_product) return std::nullopt;
  const Isa isa = product_kernels(threads, {}).isa;
  if (isa == Isa::Amx) return std::nullopt;
  return Refusal{fmt::format("products are on {} as usual", isa_name(isa))};
}

}  // namespace vitro::cpu
