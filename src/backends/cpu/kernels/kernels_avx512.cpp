#include "backends/cpu/kernels/table_impl.h"
#include "backends/cpu/kernels/tables.h"
#include "backends/cpu/kernels/vec_avx512.h"

namespace vitro::cpu {

const KernelTable kAvx512Table = make_table<VecAvx512>(Isa::Avx512);

}  // namespace vitro::cpu
