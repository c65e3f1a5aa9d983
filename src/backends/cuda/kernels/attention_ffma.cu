#include <type_traits>

#include "backends/cuda/kernels/attention_kernels.h"
#include "backends/cuda/kernels/attention_tile.cuh"

// Attention on FFMA, true float32: a warp has 16 queries, of which a lane has every fourth, and
// every eighth key of a chunk. Lanes lie 4 x 8 as in linear_ffma.cuh.
namespace vitro::cuda {
namespace {

using namespace attention_tile;

constexpr int kChunk = 64;     // keys that a warp has scores of at a time, but
constexpr int kLastKeys = 16;  // the last few by themselves
constexpr int kQueries = 16;   // of a warp
constexpr int kRowWarps = 4;

__device__ __forceinline__ int lane_row() { return threadIdx.x % 32 / 16 * 2 + threadIdx.x % 2; }
__device__ __forceinline__ int lane_column() { return threadIdx.x % 16 / 2; }

/// Of the eight lanes that share a row.
__device__ __forceinline__ float max_of_row(float v) {
#pragma unroll
  for (int i = 2; i < 16; i *= 2) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, i));
  return v;
}
__device__ __forceinline__ float sum_of_row(float v) {
#pragma unroll
  for (int i = 2; i < 16; i *= 2) v += __shfl_xor_sync(0xffffffffu, v, i);
  return v;
}

__device__ __forceinline__ float4 load_4(const float* p) {
  return *reinterpret_cast<const float4*>(p);
}
__device__ __forceinline__ void add_product(float4& sum, float a, const float4& b) {
  sum.x = fmaf(a, b.x, sum.x), sum.y = fmaf(a, b.y, sum.y);
  sum.z = fmaf(a, b.z, sum.z), sum.w = fmaf(a, b.w, sum.w);
}

/// The output rows so far, in units of exp2(scale maximum), four columns at every 32.
template <int D>
struct FfmaState {
  float4 out[4][D / 32] = {};
  float maximum[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
  float sum[4] = {};  // of the lane's own keys
};

/// scores = q k^T for the first `keys` of N keys, -infinity for the others.
template <int D, int N>
__device__ __forceinline__ void score_keys(float (&scores)[4][N / 8], const float* q,
                                           const float* k, int keys) {
  const float* queries = q + lane_row() * kRowStride<float, D>;
  const float* rows = k + lane_column() * kRowStride<float, D>;
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < N / 8; ++j) scores[i][j] = 0;
#pragma unroll 2
  for (int c = 0; c < D; c += 4) {
    float4 a[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) a[i] = load_4(queries + i * 4 * kRowStride<float, D> + c);
#pragma unroll
    for (int j = 0; j < N / 8; ++j) {
      const float4 b = load_4(rows + j * 8 * kRowStride<float, D> + c);
#pragma unroll
      for (int i = 0; i < 4; ++i) scores[i][j] = fmaf(a[i].x, b.x, scores[i][j]);
#pragma unroll
      for (int i = 0; i < 4; ++i) scores[i][j] = fmaf(a[i].y, b.y, scores[i][j]);
#pragma unroll
      for (int i = 0; i < 4; ++i) scores[i][j] = fmaf(a[i].z, b.z, scores[i][j]);
#pragma unroll
      for (int i = 0; i < 4; ++i) scores[i][j] = fmaf(a[i].w, b.w, scores[i][j]);
    }
  }
  if (keys >= N) return;
#pragma unroll
  for (int j = 0; j < N / 8; ++j)
    if (j * 8 + lane_column() >= keys)
#pragma unroll
      for (int i = 0; i < 4; ++i) scores[i][j] = -INFINITY;
}

/// scores become weights, which also go to `weights` [16, kPitch]; what is already in the state is
/// rescaled.
template <int D, int N, int kPitch>
__device__ __forceinline__ void weigh_keys(float (&scores)[4][N / 8], float scale,
                                           FfmaState<D>& state, float* weights) {
  float* own = weights + lane_row() * kPitch + lane_column();
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    float maximum = state.maximum[i];
#pragma unroll
    for (int j = 0; j < N / 8; ++j) maximum = fmaxf(maximum, scores[i][j]);
    maximum = max_of_row(maximum);
    const float rescale = exp2_fast((state.maximum[i] - maximum) * scale);
    state.maximum[i] = maximum;
    const float offset = -maximum * scale;
    float sum = state.sum[i] * rescale;
#pragma unroll
    for (int j = 0; j < N / 8; ++j) {
      const float weight = exp2_fast(fmaf(scores[i][j], scale, offset));
      sum += weight;
      own[i * 4 * kPitch + j * 8] = weight;
    }
    state.sum[i] = sum;
#pragma unroll
    for (int j = 0; j < D / 32; ++j) {
      float4& out = state.out[i][j];
      out.x *= rescale, out.y *= rescale, out.z *= rescale, out.w *= rescale;
    }
  }
}

/// state.out += weights v, of N keys.
template <int D, int N, int kPitch>
__device__ __forceinline__ void add_keys(const float* weights, const float* v,
                                         FfmaState<D>& state) {
  const float* rows = weights + lane_row() * kPitch;
  const float* columns = v + lane_column() * 4;
#pragma unroll 2
  for (int key = 0; key < N; key += 4) {
    float4 a[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) a[i] = load_4(rows + i * 4 * kPitch + key);
#pragma unroll
    for (int e = 0; e < 4; ++e)
#pragma unroll
      for (int j = 0; j < D / 32; ++j) {
        const float4 b = load_4(columns + (key + e) * kRowStride<float, D> + j * 32);
#pragma unroll
        for (int i = 0; i < 4; ++i)
          add_product(state.out[i][j],
                      e == 0   ? a[i].x
                      : e == 1 ? a[i].y
                      : e == 2 ? a[i].z
                               : a[i].w,
                      b);
      }
  }
}

/// grid (row blocks, heads, images), 16 queries a warp. Keys pass through one place and values
/// through another: one is filled while the other is used.
template <int D>
__global__ void __launch_bounds__(kRowWarps * 32, 3)
    attention_ffma_rows_kernel(AttentionArgs args) {
  constexpr int kThreads = kRowWarps * 32, kStride = kRowStride<float, D>, kPitch = kChunk + 8;
  extern __shared__ __align__(16) float shared[];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  float* const keys = shared;
  float* const values = keys + kChunk * kStride;
  float* const queries = values + kChunk * kStride + warp * kQueries * (kStride + kPitch);
  float* const weights = queries + kQueries * kStride;
  const HeadView<float> head = head_view<float>(args, blockIdx.z, blockIdx.y);
  const int row0 = (blockIdx.x * kRowWarps + warp) * kQueries, rows = args.t - row0;
  const float scale = args.scale * kLog2E;
  const auto load = [&](float* place, const float* part, int key0) {
    load_rows<D, kThreads>(place, part + key0 * head.stride, head.stride, kChunk, args.t - key0,
                           args.head_dim, threadIdx.x);
    cp_async_commit();
  };
  wait_for_previous();
  allow_next();

  load_rows<D, 32>(queries, head.q + row0 * head.stride, head.stride, kQueries, rows, args.head_dim,
                   lane);
  load(keys, head.k, 0);
  load(values, head.v, 0);
  FfmaState<D> state;
  const auto attend = [&](auto count, int key0) {
    constexpr int N = decltype(count)::value;
    float scores[4][N / 8];
    cp_async_wait<1>();
    __syncthreads();
    if (rows > 0) score_keys<D, N>(scores, queries, keys, args.t - key0);
    __syncthreads();
    if (key0 + kChunk < args.t) {
      load(keys, head.k, key0 + kChunk);
    } else {
      cp_async_commit();
    }
    if (rows > 0) weigh_keys<D, N, kPitch>(scores, scale, state, weights);
    cp_async_wait<1>();
    __syncthreads();
    if (rows > 0) add_keys<D, N, kPitch>(weights, values, state);
    __syncthreads();
    if (key0 + kChunk < args.t) load(values, head.v, key0 + kChunk);
  };
  for (int key0 = 0; key0 < args.t; key0 += kChunk) {
    if (args.t - key0 > kLastKeys) {
      attend(std::integral_constant<int, kChunk>{}, key0);
    } else {
      attend(std::integral_constant<int, kLastKeys>{}, key0);
    }
  }
  float* const context = head.context + row0 * head.context_stride + lane_column() * 4;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = lane_row() + i * 4;
    const float inverse = 1.0f / sum_of_row(state.sum[i]);
#pragma unroll
    for (int j = 0; j < D / 32; ++j) {
      const float4 v = state.out[i][j];
      if (row < rows && lane_column() * 4 + j * 32 < args.head_dim)
        *reinterpret_cast<float4*>(context + row * head.context_stride + j * 32) =
            float4{v.x * inverse, v.y * inverse, v.z * inverse, v.w * inverse};
    }
  }
}

/// grid (tiles of 16 queries, heads, images), a warp for each 32 keys. No warp waits for another
/// from the queries on until the sums of all are put together.
template <int D>
__global__ void __launch_bounds__(kMaxSplitKeys / kSplitKeys * 32)
    attention_ffma_split_keys_kernel(AttentionArgs args) {
  constexpr int kStride = kRowStride<float, D>, kPitch = kSplitKeys + 8;
  constexpr int kWarpFloats = 2 * kSplitKeys * kStride;
  static_assert(kQueries * kPitch <= kSplitKeys * kStride);
  static_assert(kQueries * kStride + 32 <= kWarpFloats);
  extern __shared__ __align__(16) float shared[];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
  float* const results = shared + kQueries * kStride;
  float* const keys = results + warp * kWarpFloats;
  float* const values = keys + kSplitKeys * kStride;
  const HeadView<float> head = head_view<float>(args, blockIdx.z, blockIdx.y);
  const int row0 = blockIdx.x * kQueries, key0 = warp * kSplitKeys, own_keys = args.t - key0;
  const float scale = args.scale * kLog2E;
  wait_for_previous();
  allow_next();

  if (warp == 0)
    load_rows<D, 32>(shared, head.q + row0 * head.stride, head.stride, kQueries, args.t - row0,
                     args.head_dim, lane);
  load_rows<D, 32>(keys, head.k + key0 * head.stride, head.stride, kSplitKeys, own_keys,
                   args.head_dim, lane);
  cp_async_commit();
  load_rows<D, 32>(values, head.v + key0 * head.stride, head.stride, kSplitKeys, own_keys,
                   args.head_dim, lane);
  cp_async_commit();
  cp_async_wait<1>();
  __syncthreads();
  FfmaState<D> state;
  float scores[4][kSplitKeys / 8];
  score_keys<D, kSplitKeys>(scores, shared, keys, own_keys);
  __syncwarp();
  weigh_keys<D, kSplitKeys, kPitch>(scores, scale, state, keys);  // weights where the keys were
  cp_async_wait<0>();
  __syncwarp();
  add_keys<D, kSplitKeys, kPitch>(keys, values, state);
  __syncwarp();

  // Each warp leaves its rows, then their maxima and sums, where its keys and values were.
  float* const row_state = keys + kQueries * kStride;  // [maximum, sum][16]
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = lane_row() + i * 4;
    const float sum = sum_of_row(state.sum[i]);
    if (lane_column() == 0) row_state[row] = state.maximum[i], row_state[16 + row] = sum;
#pragma unroll
    for (int j = 0; j < D / 32; ++j)
      *reinterpret_cast<float4*>(keys + row * kStride + lane_column() * 4 + j * 32) =
          state.out[i][j];
  }
  __syncthreads();
  for (int i = threadIdx.x; i < kQueries * (D / 4); i += blockDim.x) {
    const int row = i / (D / 4), column = i % (D / 4) * 4;
    if (row0 + row >= args.t || column >= args.head_dim) continue;
    const float* states = results + kQueries * kStride + row;
    float maximum = -INFINITY, sum = 0;
    for (int w = 0; w < warps; ++w) maximum = fmaxf(maximum, states[w * kWarpFloats]);
    float4 total{};
    for (int w = 0; w < warps; ++w) {
      const float factor = exp2_fast((states[w * kWarpFloats] - maximum) * scale);
      sum = fmaf(states[w * kWarpFloats + 16], factor, sum);
      add_product(total, factor, load_4(results + w * kWarpFloats + row * kStride + column));
    }
    const float inverse = 1.0f / sum;
    *reinterpret_cast<float4*>(head.context + (row0 + row) * head.context_stride + column) =
        float4{total.x * inverse, total.y * inverse, total.z * inverse, total.w * inverse};
  }
}

template <int D>
void launch_rows(const AttentionArgs& args, const Launch& launch) {
  constexpr int kStride = kRowStride<float, D>, kRows = kRowWarps * kQueries;
  launch_kernel("attention", attention_ffma_rows_kernel<D>,
                dim3((args.t + kRows - 1) / kRows, args.heads, args.n), dim3(kRowWarps * 32),
                sizeof(float) * (2 * kChunk * kStride + kRows * (kStride + kChunk + 8)), launch,
                args);
}

template <int D>
void launch_split_keys(const AttentionArgs& args, const Launch& launch) {
  launch_kernel("attention", attention_ffma_split_keys_kernel<D>,
                dim3((args.t + kQueries - 1) / kQueries, args.heads, args.n),
                dim3((args.t + kSplitKeys - 1) / kSplitKeys * 32), ffma_split_bytes(args), launch,
                args);
}

}  // namespace

size_t ffma_split_bytes(const AttentionArgs& args) {
  const size_t warps = (args.t + kSplitKeys - 1) / kSplitKeys;
  const size_t stride = args.head_dim <= 32 ? kRowStride<float, 32> : kRowStride<float, 64>;
  return sizeof(float) * stride * (kQueries + 2 * kSplitKeys * warps);
}

void attention_ffma(const AttentionArgs& args, AttentionVariant variant, const Launch& launch) {
  const bool narrow = args.head_dim <= 32;
  if (variant == AttentionVariant::SplitKeys)
    return narrow ? launch_split_keys<32>(args, launch) : launch_split_keys<64>(args, launch);
  narrow ? launch_rows<32>(args, launch) : launch_rows<64>(args, launch);
}

}  // namespace vitro::cuda
