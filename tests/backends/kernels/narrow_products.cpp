#include "narrow_products.h"

#if defined(__x86_64__)
#include <cpuid.h>

#include "backends/cpu/kernels/narrow_products.h"
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

std::vector<NarrowProduct> find_quantized() {
  std::vector<NarrowProduct> products{{"scalar", &kScalarTable, kScalarTable.quantized_gemm}};
#if defined(__x86_64__)
  const Isa best = detect_isa();
  const auto add = [&](const char* name, const KernelTable& table, const GemmKernel& kernel) {
    products.push_back({name, &table, kernel});
  };
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

std::vector<NarrowProduct> find_bfloat16() {
  std::vector<NarrowProduct> products{{"emulated", &kScalarTable, kBFloat16Emulated.gemm}};
#if defined(__x86_64__)
  const Isa best = detect_isa();
  const bool native = best >= Isa::Avx512 && __builtin_cpu_supports("avx512bf16");
  if (native) products.push_back({"avx512_bf16", &kAvx512Table, kBFloat16Avx512.gemm});
  if (best >= Isa::Avx512)
    products.push_back({"emulated_amx", &kAvx512Table, kBFloat16EmulatedAmx});
  if (best >= Isa::Amx && native) products.push_back({"amx", &kAvx512Table, kBFloat16Amx});
#endif
  return products;
}

}  // namespace

const std::vector<NarrowProduct>& quantized_products() {
  static const std::vector<NarrowProduct> products = find_quantized();
  return products;
}

const std::vector<NarrowProduct>& bfloat16_products() {
  static const std::vector<NarrowProduct> products = find_bfloat16();
  return products;
}

}  // namespace vitro::cpu
