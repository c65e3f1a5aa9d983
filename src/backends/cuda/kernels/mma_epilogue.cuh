#pragma once

#include "backends/cuda/kernels/activation.cuh"
#include "backends/cuda/kernels/element.cuh"
#include "backends/cuda/kernels/linear_mma.h"
#include "backends/cuda/kernels/ptx.cuh"

// From a block's float32 sums in shared memory to its results.
namespace vitro::cuda {

/// What a block does with its sums: a thread has the same eight columns of several rows.
template <typename T, class Shape>
struct Epilogue {
  static constexpr int kLanes = Shape::block_n / 8;  // that share a row
  static constexpr int kTotal = Shape::block_m * kLanes;
  static constexpr int kShare = (kTotal + Shape::threads - 1) / Shape::threads;
  static constexpr int kRowStep = Shape::threads / kLanes;
  static constexpr bool kPrefetch = kShare <= 2;  // residuals wait in registers
  const int row0 = threadIdx.x / kLanes, column = threadIdx.x % kLanes * 8;
  const int first_row, first_column;
  float bias[8], total[8];  // total: the sums of the weights' rows, where rows are normalised
  Eight<T> residual[kPrefetch ? kShare : 1];

  __device__ __forceinline__ Epilogue(int row, int column) : first_row(row), first_column(column) {}
  __device__ __forceinline__ int local_row(int i) const { return row0 + i * kRowStep; }
  __device__ __forceinline__ bool mine(int i) const {
    return kTotal % Shape::threads == 0 || local_row(i) < Shape::block_m;
  }
  __device__ __forceinline__ int64_t offset(const MmaArgs& p, int i) const {
    return static_cast<int64_t>(first_row + local_row(i)) * p.n + first_column + column;
  }
  __device__ __forceinline__ bool inside(const MmaArgs& p, int i) const {
    return mine(i) && first_row + local_row(i) < p.m && first_column + column < p.n;
  }
  __device__ __forceinline__ void load_vector(const float* values, const MmaArgs& p,
                                              float (&v)[8]) const {
    const int n = first_column + column;
    (values != nullptr && n < p.n ? Eight<float>::load(values + n) : Eight<float>::zero())
        .unpack(v);
  }
  __device__ __forceinline__ void load_vectors(const MmaArgs& p) {
    load_vector(p.bias, p, bias);
    if (p.row_sums != nullptr) load_vector(p.weight_sums, p, total);
  }
  __device__ __forceinline__ Eight<T> load_residual(const MmaArgs& p, int i) const {
    return p.residual != nullptr && inside(p, i)
               ? Eight<T>::load(static_cast<const T*>(p.residual) + offset(p, i))
               : Eight<T>::zero();
  }
  __device__ __forceinline__ void prefetch(const MmaArgs& p) {
    if constexpr (kPrefetch)
#pragma unroll
      for (int i = 0; i < kShare; ++i) residual[i] = load_residual(p, i);
  }
  /// Row i's results before what finish() does; `norm` of this row as norm_of() makes it, or null.
  __device__ __forceinline__ void gather(const float* sums, const float2* norm, int i,
                                         float (&v)[8]) const {
#pragma unroll
    for (int e = 0; e < 8; ++e) v[e] = norm != nullptr ? 0.0f : bias[e];
    if (!mine(i)) return;
#pragma unroll
    for (int part = 0; part < Shape::warps_k; ++part) {
      float s[8];
      Eight<float>::load(sums + (part * Shape::block_m + local_row(i)) * Shape::pitch + column)
          .unpack(s);
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] += s[e];
    }
    if (norm == nullptr) return;
#pragma unroll
    for (int e = 0; e < 8; ++e) v[e] = fmaf(v[e], norm->x, fmaf(norm->y, total[e], bias[e]));
  }
  template <class Act>
  __device__ __forceinline__ void finish(const MmaArgs& p, int i, float (&v)[8], Act act) const {
    if (!mine(i)) return;
    const bool there = inside(p, i);
    if (p.residual != nullptr) {
      float r[8];
      (kPrefetch ? residual[kPrefetch ? i : 0] : load_residual(p, i)).unpack(r);
#pragma unroll
      for (int e = 0; e < 8; ++e) v[e] += r[e];
    }
#pragma unroll
    for (int e = 0; e < 8; ++e) v[e] = act.template apply<T>(v[e]);
    if (there) Eight<T>::store(static_cast<T*>(p.y) + offset(p, i), v);
    if (p.result_sums != nullptr) leave_sums(p, i, first_column + column < p.n, v);
  }
  /// The sum and the sum of squares of a row's results in this block.
  __device__ __forceinline__ void leave_sums(const MmaArgs& p, int i, bool inside_row,
                                             const float (&v)[8]) const {
    float2 all{};
    if (inside_row)
#pragma unroll
      for (int e = 0; e < 8; ++e) all.x += v[e], all.y = fmaf(v[e], v[e], all.y);
    all.x = sum_lanes<kLanes>(all.x), all.y = sum_lanes<kLanes>(all.y);
    const int row = first_row + local_row(i);
    if (column == 0 && row < p.m)
      p.result_sums[static_cast<int64_t>(row) * p.columns + first_column / Shape::block_n] = all;
  }
};

/// Normalises whole rows of results, a cluster of blocks holding each: its blocks tell each other
/// their mean and sum of squared differences (Chan's way of joining variances).
template <typename T, class Shape>
__device__ __forceinline__ void finish_normalized(const MmaArgs& p, const Epilogue<T, Shape>& end,
                                                  const float* sums, float2* statistics) {
  using End = Epilogue<T, Shape>;
  constexpr float kWidth = Shape::block_n;
  float v[End::kShare][8], mean[End::kShare], squares[End::kShare];
#pragma unroll
  for (int i = 0; i < End::kShare; ++i) {
    end.gather(sums, nullptr, i, v[i]);
    float sum = 0;
#pragma unroll
    for (int e = 0; e < 8; ++e) sum += v[i][e];
    mean[i] = sum_lanes<End::kLanes>(sum) / kWidth;
    float square = 0;
#pragma unroll
    for (int e = 0; e < 8; ++e) square += (v[i][e] - mean[i]) * (v[i][e] - mean[i]);
    squares[i] = sum_lanes<End::kLanes>(square);
    if (end.mine(i) && end.column == 0) statistics[end.local_row(i)] = float2{mean[i], squares[i]};
  }
  const int blocks = p.n / Shape::block_n;
  if (blocks > 1) cluster_sync();
  float gamma[8], beta[8];
  end.load_vector(p.gamma, p, gamma);
  end.load_vector(p.beta, p, beta);
#pragma unroll
  for (int i = 0; i < End::kShare; ++i) {
    if (blocks > 1 && end.mine(i)) {
      float2 part[8];
      float total = 0;
#pragma unroll
      for (int r = 0; r < 8; ++r) {
        part[r] = r < blocks ? load_cluster_float2(statistics + end.local_row(i), r) : float2{};
        total += part[r].x;
      }
      mean[i] = total / static_cast<float>(blocks);
      squares[i] = 0;
#pragma unroll
      for (int r = 0; r < 8; ++r)
        if (r < blocks)
          squares[i] += part[r].y + kWidth * (part[r].x - mean[i]) * (part[r].x - mean[i]);
    }
    const float scale = rsqrtf(squares[i] / static_cast<float>(p.n) + p.eps);
#pragma unroll
    for (int e = 0; e < 8; ++e) v[i][e] = fmaf((v[i][e] - mean[i]) * scale, gamma[e], beta[e]);
    end.finish(p, i, v[i], NoActivation{});
  }
  if (blocks > 1) cluster_sync();  // a block's statistics outlive their readers
}

}  // namespace vitro::cuda
