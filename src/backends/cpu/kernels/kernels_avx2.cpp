#include "backends/cpu/kernels/dot_avx2.h"
#include "backends/cpu/kernels/table_impl.h"
#include "backends/cpu/kernels/tables.h"

namespace vitro::cpu {

const KernelTable kAvx2Table = make_table<VecAvx2, DotAvx2>(Isa::Avx2);

}  // namespace vitro::cpu
