#pragma once

#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/transformer_blocks_memory.cuh"

// What mixes tokens: the positional convolution and attention.
namespace vitro::cuda::blocks {

/// What a thread does for the positional convolution: two columns of one token.
template <typename S>
class Embedding {
  using T = typename S::T;
  static constexpr int kPairs = S::kColumns / 2;

 public:
  __device__ __forceinline__ Embedding(int row0, int h, int w) : w_(w) {
    const int token = row0 + row_, y = token / w, x = token - y * w;
    if (!works() || token >= h * w) return;
#pragma unroll
    for (int tap = 0; tap < S::kTaps; ++tap) {
      const int ty = y + tap / 3 - 1, tx = x + tap % 3 - 1;
      if (ty >= 0 && ty < h && tx >= 0 && tx < w) taps_ |= 1u << tap;
    }
  }
  /// y, where the CTA's columns of its rows begin, = the convolution of the same columns of x in
  /// shared memory, where the CTA's first token is at `own_row`; also in memory.own.
  __device__ __forceinline__ void run(const Memory<S>& memory, const float* floats, int own_row,
                                      T* y) const {
    if (taps_ == 0) return;
    const T* x = memory.act + (own_row + row_) * S::kColumns + column_;
    const float* weight = floats + column_;
    float2 sum = *reinterpret_cast<const float2*>(weight + S::kPosPiece * S::kColumns);
#pragma unroll
    for (int tap = 0; tap < S::kTaps; ++tap) {
      const int neighbour = (tap / 3 - 1) * w_ + tap % 3 - 1;
      uint32_t pair = 0;
      if (taps_ >> tap & 1) pair = *reinterpret_cast<const uint32_t*>(x + neighbour * S::kColumns);
      const float2 v = unpack_2<T>(pair);
      const float2 factor = *reinterpret_cast<const float2*>(weight + tap * S::kColumns);
      sum.x = fmaf(factor.x, v.x, sum.x), sum.y = fmaf(factor.y, v.y, sum.y);
    }
    const uint32_t result = pack_2<T>(sum.x, sum.y);
    *reinterpret_cast<uint32_t*>(memory.own + row_ * S::kColumns + column_) = result;
    *reinterpret_cast<uint32_t*>(y + row_ * S::C + column_) = result;
  }

 private:
  static_assert(kRows * kPairs <= kThreads);
  __device__ __forceinline__ bool works() const { return threadIdx.x < kRows * kPairs; }

  const int w_;
  const int row_ = threadIdx.x / kPairs, column_ = threadIdx.x % kPairs * 2;
  uint32_t taps_ = 0;  // those that are on the map, by bits; none: nothing to do
};

inline constexpr float kLog2E = 1.4426950408889634f;

/// One value of what each warp has left.
template <typename Join>
__device__ __forceinline__ float over_warps(const float* values, const Join& join) {
  float result = values[0];
#pragma unroll
  for (int i = 0; i < kWarps; i += kFinished) {
    float four[kFinished];
    load_finished(four, values + i);
#pragma unroll
    for (int e = 0; e < kFinished; ++e)
      if (i + e > 0) result = join(result, four[e]);
  }
  return result;
}

/// The context of 16 queries of a head: each warp has 16 keys, then all are put together. q is
/// where the head's part of the first query begins; keys begin at that of token 0.
template <typename S>
__device__ __forceinline__ void attend(const Memory<S>& memory, const typename S::T* q,
                                       const typename S::T* keys_of_head, int valid, int tokens,
                                       float scale, typename S::T* context) {
  using T = typename S::T;
  using M = Memory<S>;
  constexpr int D = kHeadDim, kStride = 3 * S::C, kKeys = M::kKeysOfWarp;
  constexpr int kRowPieces = D / 8, kRowsAtOnce = 32 / kRowPieces, kCount = kKeys / kRowsAtOnce;
  constexpr int kOutStride = D + 8, kWarpFloats = M::kWarpBytes / 4;
  static_assert(kRows * kOutStride <= kWarpFloats);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int warps = (tokens + kKeys - 1) / kKeys, left = tokens - warp * kKeys;
  float* const results = reinterpret_cast<float*>(memory.act);
  T* const queries = reinterpret_cast<T*>(results + M::kKeyWarps * kWarpFloats);
  T* const keys = reinterpret_cast<T*>(results + warp * kWarpFloats);
  T* const values = keys + kKeys * M::kKeyStride;
  const int row = lane / kRowPieces, column = lane % kRowPieces * 8;
  if (warp < warps) {
    const T* k = keys_of_head + (warp * kKeys + row) * kStride + S::C + column;
    uint4 pieces[2][kCount];
    receive(pieces, k, S::C * 2, kRowsAtOnce * kStride * 2,
            (left - row + kRowsAtOnce - 1) / kRowsAtOnce);
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const int at = (row + i * kRowsAtOnce) * M::kKeyStride + column;
      *reinterpret_cast<uint4*>(keys + at) = pieces[0][i];
      *reinterpret_cast<uint4*>(values + at) = pieces[1][i];
    }
  }
  // By the last warps, which have no keys or the last ones.
  const int query_warp = kWarps - 1 - warp;
  if (query_warp < kRows / kRowsAtOnce) {
    const int query = query_warp * kRowsAtOnce + row;
    uint4 piece[1][1];
    receive(piece, q + query * kStride + column, 0, 0, query < valid);
    *reinterpret_cast<uint4*>(queries + query * M::kKeyStride + column) = piece[0][0];
  }
  sync_threads();

  float scores[kKeys / 8][4] = {};
  float *const maxima = memory.sums, *const sums = maxima + kRows * kWarps;  // [kRows][kWarps]
  if (warp < warps) {
    const T* key_rows = keys + (lane % 8 + lane / 16 * 8) * M::kKeyStride + lane / 8 % 2 * 8;
#pragma unroll
    for (int i = 0; i < D / 16; ++i) {
      uint32_t a[4], b[4];
      ldmatrix_x4(a, queries + lane % 16 * M::kKeyStride + i * 16 + lane / 16 * 8);
      ldmatrix_x4(b, key_rows + i * 16);
      mma_16816<T>(scores[0], a, b[0], b[1]);
      mma_16816<T>(scores[1], a, b[2], b[3]);
    }
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        if (j * 8 + lane % 4 * 2 + i % 2 >= left) scores[j][i] = -INFINITY;
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float maximum = max_lanes<4>(fmaxf(fmaxf(scores[0][half * 2], scores[0][half * 2 + 1]),
                                             fmaxf(scores[1][half * 2], scores[1][half * 2 + 1])));
    if (lane % 4 == 0)
      maxima[(lane / 4 + half * 8) * kWarps + warp] = warp < warps ? maximum : -INFINITY;
  }
  sync_threads();
  float out[D / 8][4] = {};
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int query = lane / 4 + half * 8;
    const float maximum =
        over_warps(maxima + query * kWarps, [](float a, float b) { return fmaxf(a, b); });
    float sum = 0;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      float& score = scores[j / 2][half * 2 + j % 2];
      score = exp2_approx((score - maximum) * (scale * kLog2E));
      sum += score;
    }
    sum = sum_lanes<4>(sum);
    if (lane % 4 == 0) sums[query * kWarps + warp] = warp < warps ? sum : 0.0f;
  }
  if (warp < warps) {
    const uint32_t a[4] = {
        pack_2<T>(scores[0][0], scores[0][1]), pack_2<T>(scores[0][2], scores[0][3]),
        pack_2<T>(scores[1][0], scores[1][1]), pack_2<T>(scores[1][2], scores[1][3])};
    const T* value_rows = values + lane % 16 * M::kKeyStride + lane / 16 * 8;
#pragma unroll
    for (int i = 0; i < D / 8; i += 2) {
      uint32_t b[4];
      ldmatrix_x4_trans(b, value_rows + i * 8);
      mma_16816<T>(out[i], a, b[0], b[1]);
      mma_16816<T>(out[i + 1], a, b[2], b[3]);
    }
    // Where the warp's keys and values were.
    __syncwarp();
    float* to = results + warp * kWarpFloats + lane / 4 * kOutStride + lane % 4 * 2;
#pragma unroll
    for (int j = 0; j < D / 8; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        *reinterpret_cast<float2*>(to + half * 8 * kOutStride + j * 8) =
            float2{out[j][half * 2], out[j][half * 2 + 1]};
  }
  sync_threads();
  constexpr int kPieces = D / kFinished;
  for (int i = threadIdx.x; i < valid * kPieces; i += kThreads) {
    const int query = i / kPieces, first = i % kPieces * kFinished;
    float total[kFinished] = {};
#pragma unroll
    for (int j = 0; j < M::kKeyWarps; ++j) {
      if (j >= warps) continue;
      float part[kFinished];
      load_finished(part, results + j * kWarpFloats + query * kOutStride + first);
#pragma unroll
      for (int e = 0; e < kFinished; ++e) total[e] += part[e];
    }
    const float inverse =
        1.0f / over_warps(sums + query * kWarps, [](float a, float b) { return a + b; });
#pragma unroll
    for (float& v : total) v *= inverse;
    store_finished(context + query * S::C + first, total);
  }
}

}  // namespace vitro::cuda::blocks
