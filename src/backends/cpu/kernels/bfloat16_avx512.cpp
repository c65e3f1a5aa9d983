#include "backends/cpu/kernels/attention_pairs_impl.h"
#include "backends/cpu/kernels/dot_avx512.h"
#include "backends/cpu/kernels/narrow_gemm_impl.h"
#include "backends/cpu/kernels/narrow_products.h"

namespace vitro::cpu {

const BFloat16Kernels kBFloat16Avx512 = {narrow_kernel<DotBFloat16>(), attention_pairs<PairsAvx512>,
                                         round_rows<RoundAvx512>};

}  // namespace vitro::cpu
