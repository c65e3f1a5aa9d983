#include "backends/cuda/kernels/layer_norm.h"

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 128;

__device__ __forceinline__ void load_affine(const float* values, int column, bool inside,
                                            float fallback, float (&v)[8]) {
  if (values != nullptr && inside) return Eight<float>::load(values + column).unpack(v);
#pragma unroll
  for (int e = 0; e < 8; ++e) v[e] = fallback;
}

/// kLanes lanes hold a row in registers, 8 consecutive elements of it at a time, kVectors times.
template <typename T, int kLanes, int kVectors>
__global__ void __launch_bounds__(kThreads) layer_norm_registers_kernel(LayerNormArgs args) {
  const int lane = threadIdx.x % kLanes;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (kThreads / kLanes) + threadIdx.x / kLanes;
  float weight[kVectors][8], bias[kVectors][8];
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int column = (i * kLanes + lane) * 8;
    load_affine(args.weight, column, column < args.c, 1.0f, weight[i]);
    load_affine(args.bias, column, column < args.c, 0.0f, bias[i]);
  }
  wait_for_previous();
  allow_next();
  float v[kVectors][8];
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int column = (i * kLanes + lane) * 8;
    const bool inside = row < args.rows && column < args.c;
    (inside ? Eight<T>::load(static_cast<const T*>(args.x) + row * args.c + column)
            : Eight<T>::zero())
        .unpack(v[i]);
#pragma unroll
    for (int e = 0; e < 8; ++e) sum += v[i][e];
  }
  const float mean = sum_lanes<kLanes>(sum) / static_cast<float>(args.c);
  float squares = 0;
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const bool inside = (i * kLanes + lane) * 8 < args.c;
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      v[i][e] = inside ? v[i][e] - mean : 0.0f;
      squares = fmaf(v[i][e], v[i][e], squares);
    }
  }
  const float scale = rsqrtf(sum_lanes<kLanes>(squares) / static_cast<float>(args.c) + args.eps);
#pragma unroll
  for (int i = 0; i < kVectors; ++i) {
    const int column = (i * kLanes + lane) * 8;
    const bool inside = row < args.rows && column < args.c;
#pragma unroll
    for (int e = 0; e < 8; ++e) v[i][e] = fmaf(v[i][e] * scale, weight[i][e], bias[i][e]);
    if (inside) Eight<T>::store(static_cast<T*>(args.y) + row * args.c + column, v[i]);
  }
}

/// A warp per row, which it reads three times.
template <typename T>
__global__ void __launch_bounds__(kThreads) layer_norm_any_kernel(LayerNormArgs args) {
  wait_for_previous();
  allow_next();
  const int lane = threadIdx.x % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (kThreads / 32) + threadIdx.x / 32;
  if (row >= args.rows) return;
  const T* x = static_cast<const T*>(args.x) + row * args.c;
  T* y = static_cast<T*>(args.y) + row * args.c;
  float sum = 0;
  for (int i = lane; i < args.c; i += 32) sum += to_float(x[i]);
  const float mean = sum_lanes<32>(sum) / static_cast<float>(args.c);
  float squares = 0;
  for (int i = lane; i < args.c; i += 32) {
    const float d = to_float(x[i]) - mean;
    squares = fmaf(d, d, squares);
  }
  const float scale = rsqrtf(sum_lanes<32>(squares) / static_cast<float>(args.c) + args.eps);
  for (int i = lane; i < args.c; i += 32) {
    float v = (to_float(x[i]) - mean) * scale;
    if (args.weight != nullptr) v *= args.weight[i];
    if (args.bias != nullptr) v += args.bias[i];
    y[i] = from_float<T>(v);
  }
}

template <typename T, int kLanes, int kVectors>
void launch_registers(const LayerNormArgs& args, const Launch& launch) {
  constexpr int kRows = kThreads / kLanes;
  launch_kernel("layer_norm", layer_norm_registers_kernel<T, kLanes, kVectors>,
                dim3(static_cast<unsigned>((args.rows + kRows - 1) / kRows)), dim3(kThreads), 0,
                launch, args);
}

}  // namespace

void layer_norm(const LayerNormArgs& args, const Launch& launch) {
  if (args.rows == 0 || args.c == 0) return;
  const bool eights = args.c % 8 == 0 && args.c <= 2048 && aligned_16(args.x) &&
                      aligned_16(args.y) && aligned_16(args.weight) && aligned_16(args.bias);
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (!eights)
      return launch_kernel(
          "layer_norm", layer_norm_any_kernel<T>,
          dim3(static_cast<unsigned>((args.rows + kThreads / 32 - 1) / (kThreads / 32))),
          dim3(kThreads), 0, launch, args);
    if (args.c <= 64) return launch_registers<T, 8, 1>(args, launch);
    if (args.c <= 128) return launch_registers<T, 16, 1>(args, launch);
    if (args.c <= 256) return launch_registers<T, 32, 1>(args, launch);
    if (args.c <= 512) return launch_registers<T, 32, 2>(args, launch);
    if (args.c <= 1024) return launch_registers<T, 32, 4>(args, launch);
    launch_registers<T, 32, 8>(args, launch);
  });
}

}  // namespace vitro::cuda
