#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/round_float8.h"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;

/// As nearest_float8_e4m3() of the host (core/float8.h) does it.
__device__ __forceinline__ float nearest_float8(float value) {
  const float x = value < -448.0f ? -448.0f : value > 448.0f ? 448.0f : value;
  const uint32_t exponent = max(__float_as_uint(x) & 0x7f800000u, (127u - 6u) << 23);
  const float round = 0x1.8p20f * __uint_as_float(exponent);
  return __fsub_rn(__fadd_rn(x, round), round);
}

template <typename T>
__global__ void __launch_bounds__(kThreads) round_float8_kernel(RoundFloat8Args args) {
  wait_for_previous();
  allow_next();
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  if (i >= static_cast<unsigned>(args.rows) * static_cast<unsigned>(args.c)) return;
  const unsigned j = i % static_cast<unsigned>(args.c);
  const float x = to_float(static_cast<const T*>(args.x)[i]);
  static_cast<T*>(args.y)[i] =
      from_float<T>(nearest_float8(__fmul_rn(x, args.factor[j])) * args.step[j]);
}

}  // namespace

void round_float8(const RoundFloat8Args& args, const Launch& launch) {
  const int64_t count = static_cast<int64_t>(args.rows) * args.c;
  if (count == 0) return;
  const dim3 grid(static_cast<unsigned>((count + kThreads - 1) / kThreads));
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_kernel("round_float8", round_float8_kernel<T>, grid, dim3(kThreads), 0, launch, args);
  });
}

}  // namespace vitro::cuda
