#include "backends/cpu/kernels/tables.h"
#include "core/check.h"

namespace vitro::cpu {

std::vector<Isa> available_isas() { return {Isa::Scalar}; }

const KernelTable& kernels(Isa isa) {
  check(isa == Isa::Scalar, ErrorCode::InvalidArgument,
        "kernels: this build has no '{}', only 'scalar'", isa_name(isa));
  return kScalarTable;
}

}  // namespace vitro::cpu
