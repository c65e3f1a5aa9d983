#include "backends/cuda/kernels/pool.h"

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;

/// The taps of a window that lie before the end of the input, or of its padding.
__device__ __forceinline__ int taps_before(const PoolAxis& axis, int start, int end) {
  return min(axis.kernel, max(0, (end - start + axis.dilation - 1) / axis.dilation));
}

/// A thread makes kWidth neighbouring channels of a pixel.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads) pool_kernel(PoolArgs args, int64_t count) {
  wait_for_previous();
  allow_next();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const int groups = args.c / kWidth, channel = static_cast<int>(i % groups) * kWidth;
  const int64_t pixel = i / groups, line = pixel / args.width.out, image = line / args.height.out;
  const int y0 = static_cast<int>(line % args.height.out) * args.height.stride -
                 args.height.pad_begin,
            x0 =
                static_cast<int>(pixel % args.width.out) * args.width.stride - args.width.pad_begin;
  const T* x =
      static_cast<const T*>(args.x) + image * args.height.in * args.width.in * args.c + channel;
  float result[kWidth];
#pragma unroll
  for (float& v : result) v = args.average ? 0.0f : -INFINITY;
  int met = 0;
  for (int a = 0; a < args.height.kernel; ++a) {
    const int row = y0 + a * args.height.dilation;
    if (row < 0 || row >= args.height.in) continue;
    for (int b = 0; b < args.width.kernel; ++b) {
      const int column = x0 + b * args.width.dilation;
      if (column < 0 || column >= args.width.in) continue;
      const T* at = x + (static_cast<int64_t>(row) * args.width.in + column) * args.c;
      float v[kWidth];
      if constexpr (kWidth == 8)
        Eight<T>::load(at).unpack(v);
      else
        v[0] = to_float(*at);
#pragma unroll
      for (int e = 0; e < kWidth; ++e)
        result[e] = args.average ? result[e] + v[e] : max_or_nan(result[e], v[e]);
      ++met;
    }
  }
  if (args.average) {
    const int taps = args.count_padding
                         ? taps_before(args.height, y0, args.height.in + args.height.pad_end) *
                               taps_before(args.width, x0, args.width.in + args.width.pad_end)
                         : met;
#pragma unroll
    for (float& v : result) v /= static_cast<float>(taps);
  }
  T* y = static_cast<T*>(args.y) + pixel * args.c + channel;
  if constexpr (kWidth == 8)
    Eight<T>::store(y, result);
  else
    *y = from_float<T>(result[0]);
}

}  // namespace

void pool(const PoolArgs& args, const Launch& launch) {
  const bool eights = args.c % 8 == 0 && aligned_16(args.x) && aligned_16(args.y);
  const int64_t count =
      static_cast<int64_t>(args.n) * args.height.out * args.width.out * args.c / (eights ? 8 : 1);
  if (count == 0) return;
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_kernel("pool", eights ? pool_kernel<T, 8> : pool_kernel<T, 1>,
                  dim3(static_cast<unsigned>((count + kThreads - 1) / kThreads)), dim3(kThreads), 0,
                  launch, args, count);
  });
}

}  // namespace vitro::cuda
