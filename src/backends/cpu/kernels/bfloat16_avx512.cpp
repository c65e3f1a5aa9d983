#include "backends/cpu/kernels/dot_avx512.h"
#include "backends/cpu/kernels/narrow_gemm_impl.h"
#include "backends/cpu/kernels/narrow_products.h"

namespace vitro::cpu {

const GemmKernel kBFloat16Avx512 = narrow_kernel<DotBFloat16>();

}  // namespace vitro::cpu
