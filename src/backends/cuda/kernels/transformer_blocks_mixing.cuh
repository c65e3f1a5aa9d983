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
  /// The weights and the bias of a thread's columns, in registers before there is something to
  /// multiply.
  struct Factors {
    float2 taps[S::kTaps], bias;
  };
  __device__ __forceinline__ Factors factors(const float* floats) const {
    const auto piece = [&](int i) {
      return *reinterpret_cast<const float2*>(floats + i * S::kColumns + column_);
    };
    Factors result;
#pragma unroll
    for (int tap = 0; tap < S::kTaps; ++tap) result.taps[tap] = piece(tap);
    result.bias = piece(S::kPosPiece);
    return result;
  }
  /// y, where the CTA's columns of its rows begin, = the convolution of the same columns of x in
  /// shared memory, where the CTA's first token is at `own_row`; also in memory.own.
  __device__ __forceinline__ void run(const Memory<S>& memory, const Factors& factors, int own_row,
                                      T* y) const {
    if (taps_ == 0) return;
    const T* x = memory.act + (own_row + row_) * S::kColumns + column_;
    float2 sum = factors.bias;
#pragma unroll
    for (int tap = 0; tap < S::kTaps; ++tap) {
      const int neighbour = (tap / 3 - 1) * w_ + tap % 3 - 1;
      uint32_t pair = 0;
      if (taps_ >> tap & 1) pair = *reinterpret_cast<const uint32_t*>(x + neighbour * S::kColumns);
      const float2 v = unpack_2<T>(pair);
      const float2 factor = factors.taps[tap];
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
/// From one query's values of all warps to the next one's: eight rows in different banks.
inline constexpr int kWarpsStride = kWarps + 4;

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

/// kRowCount rows of kWidth elements of qkv, which a warp brings to shared memory; of those from
/// `valid` on zeros.
template <typename S, int kRowCount, int kWidth>
class WarpRows {
  using T = typename S::T;
  static constexpr int kPieces = kWidth / 8, kAtOnce = 32 / kPieces, kStride = 3 * S::C;
  static_assert(kRowCount % kAtOnce == 0);

 public:
  __device__ __forceinline__ WarpRows(const T* rows, int valid)
      : received_(rows + row_ * kStride + column_, kAtOnce * kStride * 2,
                  (valid - row_ + kAtOnce - 1) / kAtOnce) {}
  __device__ __forceinline__ void ask() { received_.ask(); }
  __device__ __forceinline__ void receive(T* rows) {
    received_.receive();
#pragma unroll
    for (int i = 0; i < kRowCount / kAtOnce; ++i)
      *reinterpret_cast<uint4*>(rows + (row_ + i * kAtOnce) * Memory<S>::kKeyStride + column_) =
          received_.values[i];
  }

 private:
  const int row_ = threadIdx.x % 32 / kPieces, column_ = threadIdx.x % kPieces * 8;
  Pieces<kRowCount / kAtOnce> received_;
};

/// kContextColumns columns, from `column` on, of the context of 16 queries of a head: each warp has
/// 16 keys, then all are put together. q is where the head's part of the first query begins; keys
/// begin at that of token 0.
template <typename S>
__device__ __forceinline__ void attend(const Memory<S>& memory, const typename S::T* q,
                                       const typename S::T* keys_of_head, int column, int valid,
                                       int tokens, float scale, typename S::T* context) {
  using T = typename S::T;
  using M = Memory<S>;
  constexpr int D = kHeadDim, kStride = 3 * S::C, kKeys = M::kKeysOfWarp;
  constexpr int kValues = S::kContextColumns, kOutStride = kValues + 8;
  constexpr int kWarpFloats = M::kWarpBytes / 4;
  static_assert(kRows * kOutStride <= kWarpFloats);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int warps = (tokens + kKeys - 1) / kKeys, left = tokens - warp * kKeys;
  float* const results = reinterpret_cast<float*>(memory.act);
  T* const queries = reinterpret_cast<T*>(results + M::kKeyWarps * kWarpFloats);
  T* const keys = reinterpret_cast<T*>(results + warp * kWarpFloats);
  T* const values = keys + kKeys * M::kKeyStride;
  if (warp < warps) {
    const T* from = keys_of_head + warp * kKeys * kStride + S::C;
    WarpRows<S, kKeys, D> key_rows(from, left);
    WarpRows<S, kKeys, kValues> value_rows(from + S::C + column, left);
    wait_for_first(from);
    key_rows.ask(), value_rows.ask();
    key_rows.receive(keys), value_rows.receive(values);
  }
  // By the last warps, which have no keys or the last ones.
  constexpr int kQueries = 4;
  const int first_query = (kWarps - 1 - warp) * kQueries;
  if (first_query < kRows) {
    WarpRows<S, kQueries, D> query_rows(q + first_query * kStride, valid - first_query);
    query_rows.ask();
    query_rows.receive(queries + first_query * M::kKeyStride);
  }
  __syncthreads();

  float scores[kKeys / 8][4] = {};
  // [kRows][kWarps]
  float *const maxima = memory.sums, *const sums = maxima + kRows * kWarpsStride;
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
      maxima[(lane / 4 + half * 8) * kWarpsStride + warp] = warp < warps ? maximum : -INFINITY;
  }
  __syncthreads();
  float out[kValues / 8][4] = {}, highest[2];
#pragma unroll
  for (int half = 0; half < 2; ++half)
    highest[half] = over_warps(maxima + (lane / 4 + half * 8) * kWarpsStride,
                               [](float a, float b) { return fmaxf(a, b); });
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float sum = 0;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      float& score = scores[j / 2][half * 2 + j % 2];
      score = exp2_approx((score - highest[half]) * (scale * kLog2E));
      sum += score;
    }
    sum = sum_lanes<4>(sum);
    if (lane % 4 == 0)
      sums[(lane / 4 + half * 8) * kWarpsStride + warp] = warp < warps ? sum : 0.0f;
  }
  if (warp < warps) {
    const uint32_t a[4] = {
        pack_2<T>(scores[0][0], scores[0][1]), pack_2<T>(scores[0][2], scores[0][3]),
        pack_2<T>(scores[1][0], scores[1][1]), pack_2<T>(scores[1][2], scores[1][3])};
    const T* value_rows = values + lane % 16 * M::kKeyStride + lane / 16 * 8;
#pragma unroll
    for (int i = 0; i < kValues / 8; i += 2) {
      uint32_t b[4];
      ldmatrix_x4_trans(b, value_rows + i * 8);
      mma_16816<T>(out[i], a, b[0], b[1]);
      mma_16816<T>(out[i + 1], a, b[2], b[3]);
    }
    // Where the warp's keys and values were.
    __syncwarp();
    float* to = results + warp * kWarpFloats + lane / 4 * kOutStride + lane % 4 * 2;
#pragma unroll
    for (int j = 0; j < kValues / 8; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        *reinterpret_cast<float2*>(to + half * 8 * kOutStride + j * 8) =
            float2{out[j][half * 2], out[j][half * 2 + 1]};
  }
  __syncthreads();
  // A value for each thread, so that all of a value's parts are asked for at once.
  static_assert(kRows * kValues == kThreads && kValues == 32);
  float parts[M::kKeyWarps], total = 0;
#pragma unroll
  for (int j = 0; j < M::kKeyWarps; ++j)
    parts[j] = results[j * kWarpFloats + warp * kOutStride + lane];
#pragma unroll
  for (int j = 0; j < M::kKeyWarps; ++j) total += j < warps ? parts[j] : 0.0f;
  total = __fdividef(
      total, over_warps(sums + warp * kWarpsStride, [](float a, float b) { return a + b; }));
  const float next = __shfl_down_sync(0xffffffffu, total, 1);
  if (warp < valid && lane % 2 == 0)
    *reinterpret_cast<uint32_t*>(context + warp * S::C + lane) = pack_2<T>(total, next);
}

}  // namespace vitro::cuda::blocks
