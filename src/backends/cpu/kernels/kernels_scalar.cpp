#include "backends/cpu/kernels/table_impl.h"
#include "backends/cpu/kernels/tables.h"
#include "backends/cpu/kernels/vec_scalar.h"

namespace vitro::cpu {

const KernelTable kScalarTable = make_table<VecScalar>(Isa::Scalar);

}  // namespace vitro::cpu
