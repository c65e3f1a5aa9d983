#include "backends/cuda/kernels/depthwise_conv2d.h"

#include <stdexcept>
#include <type_traits>

#include "backends/cuda/kernels/activation.cuh"
#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kGroups =
    8;  // of 8 channels: a CTA works on 64 channels, one line of 128 bytes a pixel
constexpr int kMaxThreads = 128;
constexpr int kMinCtas =
    4;  // of a multiprocessor; lets the compiler have 128 registers, so many loads in flight

/// A thread makes P neighbours of a row for 8 channels. Each row of x that they need passes through
/// registers once, its (P - 1) S + K pixels shared by the P sums. K: kernel, S: stride.
template <typename T, int K, int S, int P>
__global__ void __launch_bounds__(kMaxThreads, kMinCtas)
    depthwise_conv2d_strip_kernel(DepthwiseConv2dArgs args, int strips_per_row, int strips) {
  // [tap][half of the 8 channels][group][4]: eight lanes read 128 bytes in a row
  __shared__ float4 weights[K * K][2][kGroups];
  const int lane_group = threadIdx.x % kGroups;
  const int first_group = blockIdx.y * kGroups;
  const int groups = args.c / 8;
  for (int i = threadIdx.x; i < K * K * 2 * kGroups; i += blockDim.x) {
    const int half = i % 2, group = i / 2 % kGroups, tap = i / (2 * kGroups);
    if (first_group + group < groups)
      cp_async_16(&weights[tap][half][group], args.weight + static_cast<int64_t>(tap) * args.c +
                                                  (first_group + group) * 8 + half * 4);
  }
  cp_async_commit();
  const int group = first_group + lane_group;
  const int strip = blockIdx.x * (blockDim.x / kGroups) + threadIdx.x / kGroups;
  const bool active = group < groups && strip < strips;
  float acc[P][8] = {};
  if (active && args.bias != nullptr) {
    float bias[8];
    Eight<float>::load(args.bias + group * 8).unpack(bias);
#pragma unroll
    for (int p = 0; p < P; ++p)
#pragma unroll
      for (int e = 0; e < 8; ++e) acc[p][e] = bias[e];
  }
  constexpr int kPixels = (P - 1) * S + K;
  // Rows at once: one of long strips of 7x7 keeps enough loads in flight.
  constexpr int kRows = K == 7 && P > 2 ? 1 : K;
  const int x0 = strip % strips_per_row * P;
  const int y = strip / strips_per_row % args.oh;
  const int image = strip / strips_per_row / args.oh;
  wait_for_previous();
  allow_next();
  cp_async_wait<0>();
  __syncthreads();
  if (!active && args.result_sums == nullptr) return;

  const T* x = static_cast<const T*>(args.x) +
               static_cast<int64_t>(image) * args.h * args.w * args.c + group * 8;
#pragma unroll kRows
  for (int a = 0; a < K; ++a) {
    const int row = y * S + a - args.pad_top;
    const bool row_inside = active && row >= 0 && row < args.h;
    Eight<T> pixels[kPixels];
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      const int column = x0 * S + i - args.pad_left;
      const bool inside = row_inside && column >= 0 && column < args.w;
      pixels[i] = inside
                      ? Eight<T>::load(x + (static_cast<int64_t>(row) * args.w + column) * args.c)
                      : Eight<T>::zero();
    }
    float w[K][8];
#pragma unroll
    for (int b = 0; b < K; ++b)
      Eight<float>{weights[a * K + b][0][lane_group], weights[a * K + b][1][lane_group]}.unpack(
          w[b]);
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      float v[8];
      pixels[i].unpack(v);
#pragma unroll
      for (int p = 0; p < P; ++p) {
        const int b = i - p * S;
        if (b < 0 || b >= K) continue;
#pragma unroll
        for (int e = 0; e < 8; ++e) acc[p][e] = fmaf(w[b][e], v[e], acc[p][e]);
      }
    }
  }
  if (args.activation.op != UnaryOp::None)
    with_activation(args.activation, [&](auto activation) {
#pragma unroll
      for (int p = 0; p < P; ++p)
#pragma unroll
        for (float& sum : acc[p]) sum = activation.template apply<T>(sum);
    });
  T* out = static_cast<T*>(args.y) +
           ((static_cast<int64_t>(image) * args.oh + y) * args.ow + x0) * args.c + group * 8;
#pragma unroll
  for (int p = 0; p < P; ++p) {
    const bool inside = active && x0 + p < args.ow;
    if (inside) Eight<T>::store(out + static_cast<int64_t>(p) * args.c, acc[p]);
    if (args.result_sums == nullptr) continue;
    float2 all{};
    if (inside)
#pragma unroll
      for (int e = 0; e < 8; ++e) all.x += acc[p][e], all.y = fmaf(acc[p][e], acc[p][e], all.y);
    all.x = sum_lanes<kGroups>(all.x), all.y = sum_lanes<kGroups>(all.y);
    const int64_t pixel = (static_cast<int64_t>(image) * args.oh + y) * args.ow + x0 + p;
    if (inside && lane_group == 0) args.result_sums[pixel * gridDim.y + blockIdx.y] = all;
  }
}

template <typename T>
__global__ void depthwise_conv2d_any_kernel(DepthwiseConv2dArgs args, int64_t count) {
  wait_for_previous();
  allow_next();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const int channel = static_cast<int>(i % args.c);
  const int x0 = static_cast<int>(i / args.c % args.ow) * args.stride_x - args.pad_left;
  const int64_t row = i / args.c / args.ow;
  const int y0 = static_cast<int>(row % args.oh) * args.stride_y - args.pad_top;
  const T* x = static_cast<const T*>(args.x) + row / args.oh * args.h * args.w * args.c + channel;
  float sum = args.bias != nullptr ? args.bias[channel] : 0.0f;
  for (int a = 0; a < args.kh; ++a) {
    if (y0 + a < 0 || y0 + a >= args.h) continue;
    for (int b = 0; b < args.kw; ++b) {
      if (x0 + b < 0 || x0 + b >= args.w) continue;
      const float v = to_float(x[(static_cast<int64_t>(y0 + a) * args.w + x0 + b) * args.c]);
      sum = fmaf(args.weight[static_cast<int64_t>(a * args.kw + b) * args.c + channel], v, sum);
    }
  }
  static_cast<T*>(args.y)[i] = from_float<T>(activate<T>(args.activation, sum));
}

template <typename T, int K, int S, int P>
void launch_strips(const DepthwiseConv2dArgs& args, const Launch& launch) {
  const int strips_per_row = (args.ow + P - 1) / P;
  const int strips = args.n * args.oh * strips_per_row;
  const int channel_blocks = (args.c / 8 + kGroups - 1) / kGroups;
  // Half the threads a CTA while that still gives each of some 130 multiprocessors no more than
  // one.
  const int64_t threads = static_cast<int64_t>(strips) * channel_blocks * kGroups;
  const int block = threads <= 132 * 64 ? 64 : kMaxThreads;
  const int strips_per_block = block / kGroups;
  const int row_blocks = (strips + strips_per_block - 1) / strips_per_block;
  const Residency residency = residency_of(row_blocks * channel_blocks, 0);
  launch_kernel("depthwise_conv2d", depthwise_conv2d_strip_kernel<T, K, S, P>,
                dim3(row_blocks, channel_blocks), dim3(block), residency.shared_bytes, launch, args,
                strips_per_row, strips);
}

/// Long strips read less, short ones give more threads. 7 divides the rows of maps of 7, 14, 28
/// and 56. The bounds were measured on an H100.
template <typename T, int K, int S>
void launch_longest_strips(const DepthwiseConv2dArgs& args, const Launch& launch) {
  // What fits in registers: seven float32 pixels, or the weights of a line of seven, would not, and
  // pixels of bfloat16 are all unpacked at once.
  constexpr bool kSeven = std::is_same_v<T, __half> && K <= 5 && S == 1;
  constexpr int kLongest = sizeof(T) == 4 ? 2 : kSeven ? 7 : 4;
  const int64_t rows = static_cast<int64_t>(args.n) * args.oh * (args.c / 8);
  if constexpr (kLongest > 2)
    if (rows * ((args.ow + kLongest - 1) / kLongest) >= 132 * 384)
      return launch_strips<T, K, S, kLongest>(args, launch);
  if (rows * ((args.ow + 1) / 2) >= 132 * 64) return launch_strips<T, K, S, 2>(args, launch);
  launch_strips<T, K, S, 1>(args, launch);
}

bool is_strip_shape(const DepthwiseConv2dArgs& a) {
  return a.kh == a.kw && (a.kh == 3 || a.kh == 5 || a.kh == 7) && a.stride_y == a.stride_x &&
         (a.stride_y == 1 || a.stride_y == 2);
}

template <typename T, int K>
void launch_stride(const DepthwiseConv2dArgs& args, const Launch& launch) {
  if (args.stride_x == 1) return launch_longest_strips<T, K, 1>(args, launch);
  launch_longest_strips<T, K, 2>(args, launch);
}

}  // namespace

int depthwise_conv2d_result_parts(const DepthwiseConv2dArgs& args) {
  return args.c % 8 == 0 && is_strip_shape(args) ? (args.c / 8 + kGroups - 1) / kGroups : 0;
}

void depthwise_conv2d(const DepthwiseConv2dArgs& args, const Launch& launch) {
  const int64_t count = static_cast<int64_t>(args.n) * args.oh * args.ow * args.c;
  if (count == 0) return;
  const bool eights = args.c % 8 == 0 && aligned_16(args.x) && aligned_16(args.y) &&
                      aligned_16(args.weight) && aligned_16(args.bias);
  const bool strips = eights && is_strip_shape(args);
  if (!strips && args.result_sums != nullptr)
    throw std::invalid_argument(
        "depthwise_conv2d leaves sums of rows only where it works on strips");
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (strips && args.kh == 3) return launch_stride<T, 3>(args, launch);
    if (strips && args.kh == 5) return launch_stride<T, 5>(args, launch);
    if (strips) return launch_stride<T, 7>(args, launch);
    launch_kernel("depthwise_conv2d", depthwise_conv2d_any_kernel<T>, dim3((count + 255) / 256),
                  dim3(256), 0, launch, args, count);
  });
}

}  // namespace vitro::cuda
