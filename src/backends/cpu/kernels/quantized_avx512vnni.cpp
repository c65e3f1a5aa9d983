#include "backends/cpu/kernels/dot_avx512.h"
#include "backends/cpu/kernels/narrow_gemm_impl.h"
#include "backends/cpu/kernels/narrow_products.h"

namespace vitro::cpu {

const GemmKernel kQuantizedAvx512Vnni = narrow_kernel<DotVnni512>();

}  // namespace vitro::cpu
