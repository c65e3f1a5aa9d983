#include "backends/cpu/kernels/dot_avx2.h"
#include "backends/cpu/kernels/narrow_gemm_impl.h"
#include "backends/cpu/kernels/narrow_products.h"

namespace vitro::cpu {
namespace {

struct AvxVnni {
  static __m256i dpbusd(__m256i sums, __m256i codes, __m256i weights) {
    return _mm256_dpbusd_avx_epi32(sums, codes, weights);
  }
};

}  // namespace

const GemmKernel kQuantizedAvxVnni = narrow_kernel<DotVnni256<AvxVnni>>();

}  // namespace vitro::cpu
