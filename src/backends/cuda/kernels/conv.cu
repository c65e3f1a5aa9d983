#include "backends/cuda/kernels/conv.h"

#include "backends/cuda/kernels/activation.cuh"
#include "backends/cuda/kernels/conv_groups.h"
#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kPixels = 4;  // of a line, that a thread makes

template <typename T, int kWidth>
__device__ __forceinline__ void load(const T* x, float (&v)[kWidth]) {
  if constexpr (kWidth == 8)
    Eight<T>::load(x).unpack(v);
  else
    v[0] = to_float(*x);
}

/// sums += the products of one line of taps; `x` is the group's first channel of the line's first
/// pixel, `weight` that of the first tap.
template <typename T, int kWidth>
__device__ __forceinline__ void add_line(const ConvArgs& args, const T* x, const T* weight,
                                         int first_column, float (&sums)[kPixels]) {
  const ConvAxis& axis = args.width;
  const int channels = args.c / args.groups;
  for (int tap = 0; tap < axis.kernel; ++tap) {
    for (int c = 0; c < channels; c += kWidth) {
      float w[kWidth], v[kWidth];
      load(weight + tap * channels + c, w);
#pragma unroll
      for (int p = 0; p < kPixels; ++p) {
        const int column = first_column + p * axis.stride + tap * axis.dilation;
        if (column < 0 || column >= axis.in) continue;
        load(x + static_cast<int64_t>(column) * args.c + c, v);
#pragma unroll
        for (int e = 0; e < kWidth; ++e) sums[p] = fmaf(w[e], v[e], sums[p]);
      }
    }
  }
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads) conv_kernel(ConvArgs args, int64_t count) {
  wait_for_previous();
  allow_next();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= count) return;
  const int runs = (args.width.out + kPixels - 1) / kPixels;
  const int o = static_cast<int>(i % args.o);
  const int64_t run = i / args.o, line = run / runs, plane = line / args.height.out,
                image = plane / args.depth.out;
  const int first_pixel = static_cast<int>(run % runs) * kPixels;
  const int x0 = first_pixel * args.width.stride - args.width.pad_begin,
            y0 = static_cast<int>(line % args.height.out) * args.height.stride -
                 args.height.pad_begin,
            z0 =
                static_cast<int>(plane % args.depth.out) * args.depth.stride - args.depth.pad_begin;
  const int channels = args.c / args.groups;
  const T* group = static_cast<const T*>(args.x) + o / (args.o / args.groups) * channels;
  const T* weight = static_cast<const T*>(args.weight) + static_cast<int64_t>(o) * channels *
                                                             args.depth.kernel *
                                                             args.height.kernel * args.width.kernel;
  const float bias = args.bias != nullptr ? args.bias[o] : 0.0f;
  float sums[kPixels] = {bias, bias, bias, bias};
  for (int z = 0; z < args.depth.kernel; ++z)
    for (int y = 0; y < args.height.kernel; ++y, weight += args.width.kernel * channels) {
      const int depth = z0 + z * args.depth.dilation, row = y0 + y * args.height.dilation;
      if (depth < 0 || depth >= args.depth.in || row < 0 || row >= args.height.in) continue;
      const int64_t lines = (image * args.depth.in + depth) * args.height.in + row;
      add_line<T, kWidth>(args, group + lines * args.width.in * args.c, weight, x0, sums);
    }
  const int64_t first = (line * args.width.out + first_pixel) * args.o + o;
#pragma unroll
  for (int p = 0; p < kPixels; ++p) {
    if (first_pixel + p >= args.width.out) return;
    const int64_t at = first + static_cast<int64_t>(p) * args.o;
    if (args.residual != nullptr) sums[p] += to_float(static_cast<const T*>(args.residual)[at]);
    static_cast<T*>(args.y)[at] = from_float<T>(activate<T>(args.activation, sums[p]));
  }
}

}  // namespace

void conv(const ConvArgs& args, const Launch& launch) {
  const int runs = (args.width.out + kPixels - 1) / kPixels;
  const int64_t count =
      static_cast<int64_t>(args.n) * args.depth.out * args.height.out * runs * args.o;
  if (count == 0) return;
  if (takes_groups(args)) return conv_groups(args, launch);
  const bool eights =
      args.c / args.groups % 8 == 0 && aligned_16(args.x) && aligned_16(args.weight);
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_kernel("conv", eights ? conv_kernel<T, 8> : conv_kernel<T, 1>,
                  dim3(static_cast<unsigned>((count + kThreads - 1) / kThreads)), dim3(kThreads), 0,
                  launch, args, count);
  });
}

}  // namespace vitro::cuda
