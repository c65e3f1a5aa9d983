#include "backends/cpu/kernels/dot_scalar.h"
#include "backends/cpu/kernels/table_impl.h"
#include "backends/cpu/kernels/tables.h"

namespace vitro::cpu {

const KernelTable kScalarTable = make_table<VecScalar, DotScalar>(Isa::Scalar);

}  // namespace vitro::cpu
