#include "backends/cpu/kernels/dot_avx512.h"
#include "backends/cpu/kernels/table_impl.h"
#include "backends/cpu/kernels/tables.h"

namespace vitro::cpu {

const KernelTable kAvx512Table = make_table<VecAvx512, DotAvx512>(Isa::Avx512);

}  // namespace vitro::cpu
