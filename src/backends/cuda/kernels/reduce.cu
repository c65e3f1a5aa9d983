#include "backends/cuda/kernels/reduce.h"

#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/ptx.cuh"

namespace vitro::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kGroups = 8;  // of 8 channels, one line of 128 bytes a token
constexpr int kTokens = kThreads / kGroups;

/// A function as a fold: finish(of the terms of all elements combined, beginning with the start).
template <ReduceOp kOp>
struct Fold {
  static constexpr float kStart = kOp == ReduceOp::Max    ? -INFINITY
                                  : kOp == ReduceOp::Min  ? INFINITY
                                  : kOp == ReduceOp::Prod ? 1.0f
                                                          : 0.0f;

  static __device__ __forceinline__ float term(float x) {
    if (kOp == ReduceOp::L1) return fabsf(x);
    return kOp == ReduceOp::L2 || kOp == ReduceOp::SumSquare ? x * x : x;
  }
  static __device__ __forceinline__ float combine(float a, float b) {
    if (kOp == ReduceOp::Max) return max_or_nan(a, b);
    if (kOp == ReduceOp::Min) return -max_or_nan(-a, -b);
    return kOp == ReduceOp::Prod ? a * b : a + b;
  }
  static __device__ __forceinline__ float combine_warp(float v) {
#pragma unroll
    for (int i = 16; i > 0; i /= 2) v = combine(v, __shfl_xor_sync(0xffffffffu, v, i));
    return v;
  }
  /// `share` is 1 / elements.
  static __device__ __forceinline__ float finish(float v, float share) {
    if (kOp == ReduceOp::Mean) return v * share;
    if (kOp == ReduceOp::L2) return sqrtf(v);
    return kOp == ReduceOp::LogSum || kOp == ReduceOp::LogSumExp ? logf(v) : v;
  }
};

/// x [n, t, c] -> y [n, c]; grid (blocks of 64 channels, n).
template <typename T, ReduceOp kOp>
__global__ void __launch_bounds__(kThreads)
    reduce_tokens_kernel(const void* x, void* y, int t, int c, float share) {
  __shared__ float parts[kTokens][kGroups * 8 + 1];
  wait_for_previous();
  allow_next();
  const int group = threadIdx.x % kGroups, first = threadIdx.x / kGroups;
  const int channel = (blockIdx.x * kGroups + group) * 8;
  float sum[8];
#pragma unroll
  for (float& v : sum) v = Fold<kOp>::kStart;
  if (channel < c) {
    const T* tokens = static_cast<const T*>(x) + static_cast<int64_t>(blockIdx.y) * t * c + channel;
#pragma unroll 4
    for (int token = first; token < t; token += kTokens) {
      float v[8];
      Eight<T>::load(tokens + static_cast<int64_t>(token) * c).unpack(v);
#pragma unroll
      for (int e = 0; e < 8; ++e) sum[e] = Fold<kOp>::combine(sum[e], Fold<kOp>::term(v[e]));
    }
  }
#pragma unroll
  for (int e = 0; e < 8; ++e) parts[first][group * 8 + e] = sum[e];
  __syncthreads();
  if (threadIdx.x >= kGroups * 8 || blockIdx.x * kGroups * 8 + threadIdx.x >= c) return;
  float total = Fold<kOp>::kStart;
#pragma unroll
  for (int i = 0; i < kTokens; ++i) total = Fold<kOp>::combine(total, parts[i][threadIdx.x]);
  static_cast<T*>(
      y)[static_cast<int64_t>(blockIdx.y) * c + blockIdx.x * kGroups * 8 + threadIdx.x] =
      from_float<T>(Fold<kOp>::finish(total, share));
}

/// Extents and strides of the axes that stay or of those that vanish.
struct Axes {
  Dims dims, strides;
};

__device__ __forceinline__ int64_t offset_of(const Axes& axes, unsigned index) {
  int64_t offset = 0;
  for (int d = axes.dims.rank - 1; d >= 0; --d) {
    const unsigned extent = static_cast<unsigned>(axes.dims.v[d]);
    offset += index % extent * axes.strides.v[d];
    index /= extent;
  }
  return offset;
}

template <typename T, ReduceOp kOp>
__global__ void __launch_bounds__(kThreads)
    reduce_any_kernel(const void* x, void* y, Axes kept, Axes gone, unsigned results,
                      unsigned terms, float share) {
  wait_for_previous();
  allow_next();
  const unsigned result = blockIdx.x * (kThreads / 32) + threadIdx.x / 32;
  if (result >= results) return;
  const T* base = static_cast<const T*>(x) + offset_of(kept, result);
  const auto over_terms = [&](auto fold, auto term) {
    float total = decltype(fold)::kStart;
    for (unsigned i = threadIdx.x % 32; i < terms; i += 32)
      total = fold.combine(total, term(to_float(base[offset_of(gone, i)])));
    return fold.combine_warp(total);
  };
  float total, peak = 0;
  if constexpr (kOp == ReduceOp::LogSumExp) {
    peak = over_terms(Fold<ReduceOp::Max>{}, [](float v) { return v; });
    if (!isfinite(peak)) peak = 0;
    total = over_terms(Fold<kOp>{}, [&](float v) { return expf(v - peak); });
  } else {
    total = over_terms(Fold<kOp>{}, [](float v) { return Fold<kOp>::term(v); });
  }
  if (threadIdx.x % 32 == 0)
    static_cast<T*>(y)[result] = from_float<T>(peak + Fold<kOp>::finish(total, share));
}

template <typename T, ReduceOp kOp>
void launch_reduce(const ReduceArgs& args, const Launch& launch) {
  Axes kept, gone;
  const Dims strides = dense_strides(args.dims);
  int64_t outer = 1, middle = 1, inner = 1;  // extents before, among and after the axes that vanish
  bool together = true;
  for (int i = 0; i < args.dims.rank; ++i) {
    Axes& axes = args.vanishes[i] ? gone : kept;
    axes.dims.push_back(args.dims.v[i]);
    axes.strides.push_back(strides.v[i]);
    if (args.vanishes[i]) {
      together = together && inner == 1;
      middle *= args.dims.v[i];
    } else {
      (gone.dims.rank == 0 ? outer : inner) *= args.dims.v[i];
    }
  }
  const float share = 1.0f / static_cast<float>(middle);
  if (kOp != ReduceOp::LogSumExp && together && inner > 1 && inner % 8 == 0 && outer > 0 &&
      outer <= 65535 && aligned_16(args.x))
    return launch_kernel("reduce", reduce_tokens_kernel<T, kOp>,
                         dim3((inner / 8 + kGroups - 1) / kGroups, outer), dim3(kThreads), 0,
                         launch, args.x, args.y, middle, inner, share);
  const int64_t results = outer * inner;
  if (results == 0) return;
  launch_kernel("reduce", reduce_any_kernel<T, kOp>,
                dim3(static_cast<unsigned>((results + kThreads / 32 - 1) / (kThreads / 32))),
                dim3(kThreads), 0, launch, args.x, args.y, kept, gone, results, middle, share);
}

/// The one of kOps.
template <typename T, ReduceOp... kOps>
void launch_op(const ReduceArgs& args, const Launch& launch) {
  ((args.op == kOps ? launch_reduce<T, kOps>(args, launch) : void()), ...);
}

}  // namespace

void reduce(const ReduceArgs& args, const Launch& launch) {
  const int64_t count = element_count(args.dims);
  if (count > INT32_MAX)
    throw std::invalid_argument("reduce: " + std::to_string(count) +
                                " elements, more than the 2147483647 of one launch");
  using enum ReduceOp;
  with_element(args.element, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_op<T, Mean, Max, Min, Sum, Prod, L1, L2, SumSquare, LogSum, LogSumExp>(args, launch);
  });
}

}  // namespace vitro::cuda
