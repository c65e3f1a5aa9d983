#include "quantized_products.h"

#if defined(__x86_64__)
#include <cpuid.h>

#include "backends/cpu/kernels/quantized_products.h"
#endif
#include "backends/cpu/kernels/tables.h"

namespace vitro::cpu {
namespace {

#if defined(__x86_64__)
/// Of leaf 7: EAX of subleaf 1, EDX of subleaf 0.
bool has_feature(unsigned subleaf, unsigned bit) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, subleaf, &a, &b, &c, &d) && ((subleaf ? a : d) & 1u << bit);
}
#endif

std::vector<QuantizedProduct> find_products() {
  std::vector<QuantizedProduct> products;
  const auto add = [&](const char* name, const KernelTable& table, const GemmKernel& kernel) {
    products.push_back({name, &table, kernel});
  };
  add("scalar", kScalarTable, kScalarTable.quantized_gemm);
#if defined(__x86_64__)
  const Isa best = detect_isa();
  const bool vnni = best >= Isa::Avx512 && __builtin_cpu_supports("avx512vnni");
  if (best >= Isa::Avx2) add("avx2", kAvx2Table, kAvx2Table.quantized_gemm);
  if (vnni) add("vnni256", kAvx2Table, kQuantizedVnni256);
  if (best >= Isa::Avx2 && has_feature(1, 4)) add("avx_vnni", kAvx2Table, kQuantizedAvxVnni);
  if (best >= Isa::Avx512) add("avx512", kAvx512Table, kAvx512Table.quantized_gemm);
  if (vnni) add("avx512_vnni", kAvx512Table, kQuantizedAvx512Vnni);
  if (best >= Isa::Avx512) add("emulated_amx", kAvx512Table, kQuantizedEmulatedAmx);
  if (best >= Isa::Amx && has_feature(0, 25)) add("amx", kAvx512Table, kQuantizedAmx);
#endif
  return products;
}

}  // namespace

const std::vector<QuantizedProduct>& quantized_products() {
  static const std::vector<QuantizedProduct> products = find_products();
  return products;
}

}  // namespace vitro::cpu
