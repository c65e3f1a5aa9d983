#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/cpu/kernels/gemm_amx.h"
#include "backends/cpu/kernels/narrow_products.h"
#include "backends/cpu/kernels/tables.h"
#include "core/check.h"

namespace vitro::cpu {
namespace {

/// Whether the processor multiplies bf16 tiles and the system lets this process use them. Linux
/// gives the tile registers, 8 KB in every saved context, only to those who ask.
bool request_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24;
  if ((d & kAmxBf16) == 0 || (d & kAmxTile) == 0) return false;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool has_avx_vnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 4);
}

bool has_amx_int8() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & 1u << 25);
}

KernelTable make_avx2_table() {
  KernelTable table = kAvx2Table;
  table.widens_codes = !has_avx_vnni();
  if (!table.widens_codes) table.quantized_gemm = kQuantizedAvxVnni;
  return table;
}

KernelTable make_avx512_table() {
  KernelTable table = kAvx512Table;
  table.widens_codes = !__builtin_cpu_supports("avx512vnni");
  if (!table.widens_codes) table.quantized_gemm = kQuantizedAvx512Vnni;
  if (__builtin_cpu_supports("avx512bf16")) table.bfloat16 = kBFloat16Avx512;
  return table;
}

KernelTable make_amx_table() {
  KernelTable table = make_avx512_table();
  table.isa = Isa::Amx;
  table.gemm = {gemm_tile_amx, gemm_scratch_size_amx, kGemmCostsAmx, product_probe_amx,
                kProductProbeMultiplyAddsAmx};
  if (has_amx_int8()) {
    table.widens_codes = false;
    table.quantized_gemm = kQuantizedAmx;
  }
  // It rounds with the instructions of AVX512-BF16, which every processor with AMX has.
  if (table.has_bfloat16()) table.bfloat16.gemm = kBFloat16Amx;
  return table;
}

}  // namespace

std::vector<Isa> available_isas() {
  std::vector<Isa> isas = {Isa::Scalar};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) isas.push_back(Isa::Avx2);
  if (isas.size() == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
    isas.push_back(Isa::Avx512);
  static const bool has_amx = request_amx();
  if (isas.back() == Isa::Avx512 && has_amx) isas.push_back(Isa::Amx);
  return isas;
}

const KernelTable& kernels(Isa isa) {
  check(isa <= detect_isa(), ErrorCode::InvalidArgument,
        "kernels: this processor lacks '{}', its best is '{}'", isa_name(isa),
        isa_name(detect_isa()));
  static const KernelTable avx2_table = make_avx2_table();
  static const KernelTable avx512_table = make_avx512_table();
  static const KernelTable amx_table = make_amx_table();
  if (isa == Isa::Amx) return amx_table;
  if (isa == Isa::Avx512) return avx512_table;
  if (isa == Isa::Avx2) return avx2_table;
  return kScalarTable;
}

}  // namespace vitro::cpu
