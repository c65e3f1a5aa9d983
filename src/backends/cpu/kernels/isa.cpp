#include <cstdlib>

#include "backends/cpu/kernels/kernels.h"
#include "core/check.h"

namespace vitro::cpu {

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::Scalar:
      return "scalar";
    case Isa::Avx2:
      return "avx2";
    case Isa::Avx512:
      return "avx512";
    case Isa::Amx:
      return "amx";
  }
  return "unknown";
}

Isa detect_isa() { return available_isas().back(); }

Isa select_isa() {
  const char* wanted = std::getenv("VITRO_CPU_ISA");
  if (!wanted) return detect_isa();
  std::string available;
  for (Isa isa : available_isas()) {
    if (std::string(wanted) == isa_name(isa)) return isa;
    available += (available.empty() ? "" : ", ") + std::string(isa_name(isa));
  }
  fail(ErrorCode::InvalidArgument, "VITRO_CPU_ISA: got '{}', this machine has: {}", wanted,
       available);
}

}  // namespace vitro::cpu
