#include "backends/cuda/kernels/resize.h"

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;

template <typename From, typename To, int kWidth>
__global__ void __launch_bounds__(kThreads) resize_kernel(ResizeArgs args, int64_t count) {
  wait_for_previous();
  allow_next();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const int64_t runs = args.inner / kWidth, c = i % runs * kWidth, line = i / runs;
  const int64_t outer = line / args.out, position = line % args.out;
  const From* x = static_cast<const From*>(args.x) + outer * args.in * args.inner + c;
  const ResizeTap* taps = args.taps + position * args.most_taps;
  float sum[kWidth] = {};
  for (int t = 0; t < args.most_taps && taps[t].position >= 0; ++t) {
    const From* at = x + taps[t].position * args.inner;
    float v[kWidth];
    if constexpr (kWidth == 8)
      Eight<From>::load(at).unpack(v);
    else
      v[0] = to_float(*at);
#pragma unroll
    for (int e = 0; e < kWidth; ++e) sum[e] = fmaf(taps[t].weight, v[e], sum[e]);
  }
  To* y = static_cast<To*>(args.y) + line * args.inner + c;
  if constexpr (kWidth == 8)
    Eight<To>::store(y, sum);
  else
    *y = from_float<To>(sum[0]);
}

}  // namespace

void resize(const ResizeArgs& args, const Launch& launch) {
  const bool eights = args.inner % 8 == 0 && aligned_16(args.x) && aligned_16(args.y);
  const int64_t count = args.outer * args.out * args.inner / (eights ? 8 : 1);
  if (count == 0) return;
  with_element(args.from, [&](auto from) {
    with_element(args.to, [&](auto to) {
      using From = typename decltype(from)::type;
      using To = typename decltype(to)::type;
      launch_kernel("resize", eights ? resize_kernel<From, To, 8> : resize_kernel<From, To, 1>,
                    dim3(static_cast<unsigned>((count + kThreads - 1) / kThreads)), dim3(kThreads),
                    0, launch, args, count);
    });
  });
}

}  // namespace vitro::cuda
