// Compiled for AVX2 and the VNNI of AVX-512 on its narrow registers, see narrow_products.h.
#include "backends/cpu/kernels/dot_avx2.h"
#include "backends/cpu/kernels/narrow_gemm_impl.h"
#include "narrow_products.h"

namespace vitro::cpu {
namespace {

struct Avx512Vnni {
  static __m256i dpbusd(__m256i sums, __m256i codes, __m256i weights) {
    return _mm256_dpbusd_epi32(sums, codes, weights);
  }
};

}  // namespace

const GemmKernel kQuantizedVnni256 = narrow_kernel<DotVnni256<Avx512Vnni>>();

}  // namespace vitro::cpu
