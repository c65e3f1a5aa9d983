#include "backends/cpu/kernels/dot_avx512.h"
#include "backends/cpu/kernels/quantized_gemm_impl.h"
#include "backends/cpu/kernels/quantized_products.h"

namespace vitro::cpu {

const GemmKernel kQuantizedAvx512Vnni = quantized_kernel<DotVnni512>();

}  // namespace vitro::cpu
