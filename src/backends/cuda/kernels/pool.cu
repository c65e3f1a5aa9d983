#include "backends/cuda/kernels/pool.h"

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;

/// Where the window of a result lies; `index` is that along the axis, beside whole axes before it.
__device__ __forceinline__ int first_tap(const PoolAxis& axis, int64_t index) {
  return static_cast<int>(index % axis.out) * axis.stride - axis.pad_begin;
}

/// The taps of a window that lie before the end of the padding.
__device__ __forceinline__ int taps_before_padding_ends(const PoolAxis& axis, int start) {
  const int end = axis.in + axis.pad_end;
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
  const int64_t pixel = i / groups, line = pixel / args.width.out, plane = line / args.height.out,
                image = plane / args.depth.out;
  const int z0 = first_tap(args.depth, plane), y0 = first_tap(args.height, line),
            x0 = first_tap(args.width, pixel);
  const T* x = static_cast<const T*>(args.x) +
               image * args.depth.in * args.height.in * args.width.in * args.c + channel;
  float result[kWidth];
#pragma unroll
  for (float& v : result) v = args.average ? 0.0f : -INFINITY;
  int met = 0;
  for (int z = 0; z < args.depth.kernel; ++z) {
    const int depth = z0 + z * args.depth.dilation;
    if (depth < 0 || depth >= args.depth.in) continue;
    for (int a = 0; a < args.height.kernel; ++a) {
      const int row = y0 + a * args.height.dilation;
      if (row < 0 || row >= args.height.in) continue;
      const int64_t lines = static_cast<int64_t>(depth) * args.height.in + row;
      for (int b = 0; b < args.width.kernel; ++b) {
        const int column = x0 + b * args.width.dilation;
        if (column < 0 || column >= args.width.in) continue;
        const T* at = x + (lines * args.width.in + column) * args.c;
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
  }
  if (args.average) {
    const int counted = args.count_padding ? taps_before_padding_ends(args.depth, z0) *
                                                 taps_before_padding_ends(args.height, y0) *
                                                 taps_before_padding_ends(args.width, x0)
                                           : met;
#pragma unroll
    for (float& v : result) v /= static_cast<float>(counted);
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
  const int64_t count = static_cast<int64_t>(args.n) * args.depth.out * args.height.out *
                        args.width.out * args.c / (eights ? 8 : 1);
  if (count == 0) return;
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_kernel("pool", eights ? pool_kernel<T, 8> : pool_kernel<T, 1>,
                  dim3(static_cast<unsigned>((count + kThreads - 1) / kThreads)), dim3(kThreads), 0,
                  launch, args, count);
  });
}

}  // namespace vitro::cuda
