#pragma once

#include "backends/cuda/kernels/element.cuh"

namespace vitro::cuda {

/// What makes (x - mean) / deviation of x as x * norm.x + norm.y, from the sum and the sum of
/// squares of 1 / scale_k elements.
///
/// Plain sums of squares: a mean of 30 deviations costs three of float32's seven digits, and 16
/// bits hold three.
__device__ __forceinline__ float2 norm_of(float2 sums, float scale_k, float eps) {
  const float mean = sums.x * scale_k;
  const float variance = fmaxf(fmaf(-mean, mean, sums.y * scale_k), 0.0f);
  const float scale = rsqrtf(variance + eps);
  return {scale, -mean * scale};
}

/// norm_of() of a row that kLanes neighbouring lanes share, from the sums of parts of it
/// (LinearArgs::row_sums): load() asks for them, norm() waits.
template <int kLanes>
struct RowSums {
  static constexpr int kAtOnce = 8;
  float2 part[kAtOnce];

  __device__ __forceinline__ void load(const float2* row, int parts, int lane) {
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i)
      part[i] = lane + i * kLanes < parts ? __ldcg(row + lane + i * kLanes) : float2{};
    for (int i = lane + kAtOnce * kLanes; i < parts; i += kLanes) {
      const float2 more = __ldcg(row + i);
      part[0].x += more.x, part[0].y += more.y;
    }
  }
  __device__ __forceinline__ float2 norm(float scale_k, float eps) const {
    float2 all{};
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) all.x += part[i].x, all.y += part[i].y;
    return norm_of({sum_lanes<kLanes>(all.x), sum_lanes<kLanes>(all.y)}, scale_k, eps);
  }
};

/// The same of rows first_row .. + kRows - 1 of m, each of `parts` parts; {1, 0} where sums is
/// null. Made by kThreads threads, this one being `thread`.
template <int kRows, int kThreads>
__device__ __forceinline__ void load_norms(const float2* sums, int parts, int first_row, int m,
                                           float scale_k, float eps, int thread, float2* norms) {
  constexpr int kLanes = kThreads / kRows;  // that share a row
  static_assert(kLanes >= 1 && kLanes <= 32);
  const int local = thread / kLanes, row = first_row + local;
  if (sums == nullptr) {
    if (thread % kLanes == 0) norms[local] = float2{1.0f, 0.0f};
    return;
  }
  RowSums<kLanes> row_sums;
  row_sums.load(sums + static_cast<int64_t>(min(row, m - 1)) * parts, parts, thread % kLanes);
  const float2 norm = row_sums.norm(scale_k, eps);
  if (thread % kLanes == 0) norms[local] = norm;
}

}  // namespace vitro::cuda
