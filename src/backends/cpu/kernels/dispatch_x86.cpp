#include "backends/cpu/kernels/tables.h"
#include "core/check.h"

namespace vitro::cpu {

std::vector<Isa> available_isas() {
  std::vector<Isa> isas = {Isa::Scalar};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) isas.push_back(Isa::Avx2);
  if (isas.size() == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
    isas.push_back(Isa::Avx512);
  return isas;
}

const KernelTable& kernels(Isa isa) {
  check(isa <= detect_isa(), ErrorCode::InvalidArgument,
        "kernels: this processor lacks '{}', its best is '{}'", isa_name(isa),
        isa_name(detect_isa()));
  if (isa == Isa::Avx512) return kAvx512Table;
  if (isa == Isa::Avx2) return kAvx2Table;
  return kScalarTable;
}

}  // namespace vitro::cpu
