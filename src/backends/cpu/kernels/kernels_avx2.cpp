#include "backends/cpu/kernels/table_impl.h"
#include "backends/cpu/kernels/tables.h"
#include "backends/cpu/kernels/vec_avx2.h"

namespace vitro::cpu {

const KernelTable kAvx2Table = make_table<VecAvx2>(Isa::Avx2);

}  // namespace vitro::cpu
