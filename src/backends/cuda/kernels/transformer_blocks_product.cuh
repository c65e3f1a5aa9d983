#pragma once

#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/row_norm.cuh"
#include "backends/cuda/kernels/transformer_blocks_weights.cuh"

// Products of a CTA's 16 rows: parts of sums to shared memory, and what finishes them.
namespace vitro::cuda::blocks {

/// Sums of parts of the rows that a warp multiplies and of their squares, by tensor cores: of a
/// product with ones, and on the diagonal of that of the rows with themselves. The warps of a part
/// share the three products.
template <typename S>
class PartSums {
  using T = typename S::T;
  static constexpr int kProducts = 3;

 public:
  __device__ __forceinline__ explicit PartSums(int tile) : tile_(tile) {}
  __device__ __forceinline__ void add(const uint32_t (&a)[4]) {
    const uint32_t ones = pack_2<T>(1.0f, 1.0f);
#pragma unroll
    for (int i = 0; i < kOfWarp; ++i) {
      const int product = tile_ + i * S::kColumnTiles;
      if (product >= kProducts) break;
      // Columns of the second operand: ones, rows 0 to 7, rows 8 to 15.
      mma_16816<T>(acc_[i], a,
                   product == 0   ? ones
                   : product == 1 ? a[0]
                                  : a[1],
                   product == 0   ? ones
                   : product == 1 ? a[2]
                                  : a[3]);
    }
  }
  /// To row_sums[kRows][kParts].
  __device__ __forceinline__ void leave(float2* row_sums, int part) const {
    const int lane = threadIdx.x % 32, row = lane / 4;
    const bool is_diagonal = lane % 4 == row / 2;
#pragma unroll
    for (int i = 0; i < kOfWarp; ++i) {
      const int product = tile_ + i * S::kColumnTiles;
      if (product == 0 && lane % 4 == 0) {
        row_sums[row * S::kParts + part].x = acc_[i][0];
        row_sums[(row + 8) * S::kParts + part].x = acc_[i][2];
      }
      if (product == 1 && is_diagonal)
        row_sums[row * S::kParts + part].y = row % 2 ? acc_[i][1] : acc_[i][0];
      if (product == 2 && is_diagonal)
        row_sums[(row + 8) * S::kParts + part].y = row % 2 ? acc_[i][3] : acc_[i][2];
    }
  }

 private:
  static constexpr int kOfWarp = (kProducts + S::kColumnTiles - 1) / S::kColumnTiles;
  int tile_;
  float acc_[kOfWarp][4] = {};
};

/// sums = what the warps have multiplied, by parts of k: [kParts][kRows][kSumsStride].
template <typename W, typename S>
__device__ __forceinline__ void leave_sums(const Memory<S>& memory,
                                           const float (&acc)[W::kTiles][4]) {
  const int lane = threadIdx.x % 32;
  float* to = memory.sums + (W::part() * kRows + lane / 4) * W::kSumsStride + lane % 4 * 2;
#pragma unroll
  for (int n = 0; n < W::kTiles; ++n)
#pragma unroll
    for (int half = 0; half < 2; ++half)
      *reinterpret_cast<float2*>(to + half * 8 * W::kSumsStride + W::column(n)) =
          float2{acc[n][half * 2], acc[n][half * 2 + 1]};
  __syncthreads();
}

/// leave_sums() of the rows in act times weights. Where the rows are to be normalised, also
/// row_sums.
template <bool kNormed, typename S, typename W>
__device__ __forceinline__ void multiply_rows(const Memory<S>& memory, const W& weights) {
  using T = typename S::T;
  const int lane = threadIdx.x % 32, part = W::part();
  const T* rows =
      memory.act + lane % 16 * Memory<S>::kStride + part * W::kSteps * 16 + lane / 16 * 8;
  float acc[W::kTiles][4] = {};
  PartSums<S> part_sums(threadIdx.x / 32 % S::kColumnTiles);
  uint32_t a[2][4];
  ldmatrix_x4(a[0], rows);
#pragma unroll
  for (int step = 0; step < W::kSteps; ++step) {
    if (step + 1 < W::kSteps) ldmatrix_x4(a[(step + 1) % 2], rows + (step + 1) * 16);
#pragma unroll
    for (int n = 0; n < W::kTiles; ++n)
      mma_16816<T>(acc[n], a[step % 2], weights.fragments[n][step].x, weights.fragments[n][step].y);
    if constexpr (kNormed) part_sums.add(a[step % 2]);
  }
  if constexpr (kNormed) part_sums.leave(memory.row_sums, part);
  leave_sums<W>(memory, acc);
}

/// Where hidden values of a tile are, so that a warp that multiplies 16 of k loads its operand as
/// one piece of 16 bytes a lane: of each lane's two rows, 8 apart, four values. Their order in k is
/// not that of mma_16816(), but the same as that of the weights (pack_transformer_block()).
struct HiddenPlace {
  static constexpr int kStepBytes = 32 * 16;
  /// Of four values from a column on, a multiple of four.
  __device__ __forceinline__ static int of(int row, int column) {
    return column / 16 * kStepBytes + (row % 8 * 4 + column % 16 / 4) * 16 + row / 8 * 8;
  }
};

/// leave_sums() of a tile's hidden values, of which each warp receives those that it multiplies,
/// times weights. received() is called when a warp has them.
template <typename S, typename W, typename Received>
__device__ __forceinline__ void multiply_hidden(const Memory<S>& memory, const W& weights,
                                                const unsigned char* hidden,
                                                const Received& received) {
  using T = typename S::T;
  Pieces<W::kSteps> pieces(
      hidden + W::part() * W::kSteps * HiddenPlace::kStepBytes + threadIdx.x % 32 * 16,
      HiddenPlace::kStepBytes, W::kSteps);
  wait_for_first(pieces.from);
  pieces.ask();
  __syncthreads();  // all have read the sums of the product before
  pieces.receive();
  received();
  float acc[W::kTiles][4] = {};
#pragma unroll
  for (int step = 0; step < W::kSteps; ++step) {
    const uint4& piece = pieces.values[step];
    const uint32_t a[4] = {piece.x, piece.z, piece.y, piece.w};
#pragma unroll
    for (int n = 0; n < W::kTiles; ++n)
      mma_16816<T>(acc[n], a, weights.fragments[n][step].x, weights.fragments[n][step].y);
  }
  leave_sums<W>(memory, acc);
}

/// finish(row, column, values) with neighbouring results: the sums of all parts and the bias, of
/// normalised rows where the sums of the weights are given.
template <typename S, typename W, typename Finish>
__device__ __forceinline__ void finish_rows(const Memory<S>& memory, const float* bias,
                                            const float* weight_sums, float eps,
                                            const Finish& finish) {
  constexpr int kPieces = W::kColumns / kFinished;
  for (int i = threadIdx.x; i < kRows * kPieces; i += kThreads) {
    const int row = i / kPieces, column = i % kPieces * kFinished;
    float v[kFinished] = {}, biases[kFinished];
    load_finished(biases, bias + column);
#pragma unroll
    for (int part = 0; part < W::kParts; ++part) {
      float sums[kFinished];
      load_finished(sums, memory.sums + (part * kRows + row) * W::kSumsStride + column);
#pragma unroll
      for (int e = 0; e < kFinished; ++e) v[e] += sums[e];
    }
    float2 norm = {1.0f, 0.0f};
    float of_mean[kFinished] = {};
    if (weight_sums) {
      float2 all = {};
#pragma unroll
      for (int part = 0; part < S::kParts; ++part) {
        const float2 sums = memory.row_sums[row * S::kParts + part];
        all.x += sums.x, all.y += sums.y;
      }
      norm = norm_of(all, 1.0f / S::C, eps);
      load_finished(of_mean, weight_sums + column);
    }
#pragma unroll
    for (int e = 0; e < kFinished; ++e)
      v[e] = fmaf(v[e], norm.x, fmaf(of_mean[e], norm.y, biases[e]));
    finish(row, column, v);
  }
}

/// y = own + what finish_rows() gives, in memory and in own.
template <typename S, typename W>
__device__ __forceinline__ void finish_residual(const Memory<S>& memory, const float* bias,
                                                typename S::T* y, int valid) {
  using T = typename S::T;
  const int group = blockIdx.x % S::kGroups;
  finish_rows<S, W>(memory, bias, nullptr, 0, [&](int row, int column, float(&v)[kFinished]) {
    T* own = memory.own + row * S::kColumns + column;
    float x[kFinished];
    load_finished(x, own);
#pragma unroll
    for (int e = 0; e < kFinished; ++e) v[e] += x[e];
    store_finished(own, v);
    if (row < valid) store_finished(y + row * S::C + group * S::kColumns + column, v);
  });
}

}  // namespace vitro::cuda::blocks
