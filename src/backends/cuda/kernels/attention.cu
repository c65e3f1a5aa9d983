#include <algorithm>

#include "backends/cuda/kernels/attention_kernels.h"
#include "backends/cuda/kernels/attention_tile.cuh"
#include "backends/cuda/kernels/attention_wgmma.h"

namespace vitro::cuda {
namespace {

using namespace attention_tile;

constexpr int kMostBiasColumns = 64;        // head_dim of kernels that add a bias
constexpr int kMaxSharedBytes = 96 * 1024;  // what every GPU from sm_80 on has for one CTA

/// The warp's 16 rows leave through its own rows of shared memory, in pieces of 16 bytes.
template <typename T, int D>
__device__ __forceinline__ void store_rows(T* staging, const AttentionState<D>& state, T* context,
                                           int64_t stride, int rows, int head_dim) {
  const int lane = threadIdx.x % 32;
  const float inverse[2] = {1.0f / state.sum[0], 1.0f / state.sum[1]};
  __syncwarp();
#pragma unroll
  for (int j = 0; j < D / 8; ++j)
#pragma unroll
    for (int half = 0; half < 2; ++half)
      store_pair(staging + (lane / 4 + 8 * half) * kRowStride<T, D> + j * 8 + lane % 4 * 2,
                 state.out[j][2 * half] * inverse[half],
                 state.out[j][2 * half + 1] * inverse[half]);
  __syncwarp();
  constexpr int kChunks = D / kPerUnit<T>;
  for (int i = lane; i < 16 * kChunks; i += 32) {
    const int row = i / kChunks, column = i % kChunks * kPerUnit<T>;
    if (row < rows && column < head_dim)
      *reinterpret_cast<uint4*>(context + row * stride + column) =
          *reinterpret_cast<const uint4*>(staging + row * kRowStride<T, D> + column);
  }
}

/// Keys that a thread has scores of at a time: kChunk of them, but the last few by themselves.
constexpr int kLastKeys = 16;

template <int kChunk>
constexpr int padded_keys(int keys) {
  const int last = keys % kChunk;
  return keys - last + (last == 0 ? 0 : last <= kLastKeys ? kLastKeys : kChunk);
}

/// Adds what N keys, the first `valid` of which there are, give to 16 queries of a warp. The first
/// ones of a block wait for its values after their scores.
template <typename T, int D, int N, class AddBias>
__device__ __forceinline__ void attend(AttentionState<D>& state, const QueryFragments<T, D>& q,
                                       const T* keys, const T* values, int valid, float scale,
                                       bool first, AddBias&& add_bias) {
  float scores[N / 8][4];
  score_chunk<T, D, N>(scores, q, keys, valid);
  add_bias(scores);
  softmax_chunk<D, N>(scores, scale, state);
  if (first) {
    cp_async_wait<0>();
    __syncthreads();
  }
  add_values<T, D, N>(scores, values, state);
}

/// grid (row blocks, heads, images), 16 queries a warp. `block_keys` keys and values, a number of
/// padded_keys(), are in shared memory at a time: all of them where they fit.
template <typename T, int D, int kChunk, int kWarps, int kCtasPerSm, bool kBias>
__global__ void __launch_bounds__(kWarps * 32, kCtasPerSm)
    attention_rows_kernel(AttentionArgs args, int block_keys) {
  constexpr int kThreads = kWarps * 32;
  extern __shared__ __align__(16) unsigned char shared_bytes[];
  const int warp = threadIdx.x / 32;
  T* keys = reinterpret_cast<T*>(shared_bytes);
  T* values = keys + block_keys * kRowStride<T, D>;
  const HeadView<T> head = head_view<T>(args, blockIdx.z, blockIdx.y);
  const int row0 = (blockIdx.x * kWarps + warp) * 16;
  wait_for_previous();
  allow_next();

  QueryFragments<T, D> q;
  AttentionState<D> state;
  const auto attend_keys = [&](auto count, const T* k, const T* v, int key, int left, bool first) {
    constexpr int kCount = decltype(count)::value;
    attend<T, D, kCount>(state, q, k, v, left, args.scale * kLog2E, first, [&](auto& scores) {
      if constexpr (kBias)
        BiasRows(args, blockIdx.z, blockIdx.y, row0).template add<kCount>(scores, key, left);
    });
  };
  for (int key0 = 0; key0 < args.t; key0 += block_keys) {
    const int valid_keys = min(block_keys, args.t - key0);
    if (key0 > 0) __syncthreads();
    load_rows<D, kThreads>(keys, head.k + key0 * head.stride, head.stride, block_keys, valid_keys,
                           args.head_dim, threadIdx.x);
    cp_async_commit();
    load_rows<D, kThreads>(values, head.v + key0 * head.stride, head.stride, block_keys, valid_keys,
                           args.head_dim, threadIdx.x);
    cp_async_commit();
    if (key0 == 0)
      load_queries<T, D>(q, head.q + row0 * head.stride, head.stride, args.t - row0, args.head_dim);
    cp_async_wait<1>();
    __syncthreads();
    for (int chunk = 0; chunk < valid_keys;) {
      const T *k = keys + chunk * kRowStride<T, D>, *v = values + chunk * kRowStride<T, D>;
      const int left = valid_keys - chunk;
      if (left > kLastKeys) {
        attend_keys(std::integral_constant<int, kChunk>{}, k, v, key0 + chunk, left, chunk == 0);
        chunk += kChunk;
      } else {
        attend_keys(std::integral_constant<int, kLastKeys>{}, k, v, key0 + chunk, left, chunk == 0);
        chunk += kLastKeys;
      }
    }
  }
  finish_sums(state);
  __syncthreads();  // the keys make room for the results
  store_rows<T, D>(keys + warp * 16 * kRowStride<T, D>, state,
                   head.context + row0 * head.context_stride, head.context_stride, args.t - row0,
                   args.head_dim);
}

/// grid (tiles of 16 queries, heads, images), a warp for each 32 keys. No warp waits for another
/// until the sums of all are put together.
template <typename T, int D>
__global__ void __launch_bounds__(kMaxSplitKeys / kSplitKeys * 32)
    attention_split_keys_kernel(AttentionArgs args) {
  constexpr int kOutStride = D + 4;
  constexpr int kWarpFloats = 2 * kSplitKeys * kRowStride<T, D> * static_cast<int>(sizeof(T)) / 4;
  static_assert(16 * kOutStride + 32 <= kWarpFloats);
  extern __shared__ __align__(16) unsigned char shared_bytes[];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
  float* results = reinterpret_cast<float*>(shared_bytes);
  T* keys = reinterpret_cast<T*>(results + warp * kWarpFloats);
  T* values = keys + kSplitKeys * kRowStride<T, D>;
  const HeadView<T> head = head_view<T>(args, blockIdx.z, blockIdx.y);
  const int row0 = blockIdx.x * 16;
  const int key0 = warp * kSplitKeys;
  const int own_keys = args.t - key0;
  wait_for_previous();
  allow_next();

  load_rows<D, 32>(keys, head.k + key0 * head.stride, head.stride, kSplitKeys, own_keys,
                   args.head_dim, lane);
  cp_async_commit();
  load_rows<D, 32>(values, head.v + key0 * head.stride, head.stride, kSplitKeys, own_keys,
                   args.head_dim, lane);
  cp_async_commit();
  QueryFragments<T, D> q;
  load_queries<T, D>(q, head.q + row0 * head.stride, head.stride, args.t - row0, args.head_dim);
  cp_async_wait<1>();
  __syncwarp();
  AttentionState<D> state;
  float scores[kSplitKeys / 8][4];
  score_chunk<T, D, kSplitKeys>(scores, q, keys, own_keys);
  softmax_chunk<D, kSplitKeys>(scores, args.scale * kLog2E, state);
  cp_async_wait<0>();
  __syncwarp();
  add_values<T, D, kSplitKeys>(scores, values, state);
  finish_sums(state);

  // Each warp leaves its rows, then their maxima and sums, where its keys and values were.
  float* out = results + warp * kWarpFloats;
  float* row_state = out + 16 * kOutStride;  // [maximum, sum][16]
  __syncwarp();
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = lane / 4 + 8 * half;
    if (lane % 4 == 0) {
      row_state[row] = state.maximum[half];
      row_state[16 + row] = state.sum[half];
    }
#pragma unroll
    for (int j = 0; j < D / 8; ++j)
      *reinterpret_cast<float2*>(out + row * kOutStride + j * 8 + lane % 4 * 2) =
          float2{state.out[j][2 * half], state.out[j][2 * half + 1]};
  }
  __syncthreads();
  for (int i = threadIdx.x; i < 16 * (D / 8); i += blockDim.x) {
    const int row = i / (D / 8), column = i % (D / 8) * 8;
    if (row0 + row >= args.t || column >= args.head_dim) continue;
    const float* outs = results + row * kOutStride + column;
    const float* states = results + 16 * kOutStride + row;
    constexpr int kMaxWarps = kMaxSplitKeys / kSplitKeys;
    float maxima[kMaxWarps], maximum = -INFINITY;
#pragma unroll
    for (int j = 0; j < kMaxWarps; ++j) {
      maxima[j] = j < warps ? states[j * kWarpFloats] : -INFINITY;
      maximum = fmaxf(maximum, maxima[j]);
    }
    float sum = 0, total[8] = {};
#pragma unroll
    for (int j = 0; j < kMaxWarps; ++j) {
      if (j >= warps) break;
      const float factor = exp2_fast((maxima[j] - maximum) * (args.scale * kLog2E));
      sum = fmaf(states[j * kWarpFloats + 16], factor, sum);
      float part[8];
      Eight<float>::load(outs + j * kWarpFloats).unpack(part);
#pragma unroll
      for (int e = 0; e < 8; ++e) total[e] = fmaf(part[e], factor, total[e]);
    }
    const float inverse = 1.0f / sum;
#pragma unroll
    for (int e = 0; e < 8; ++e) total[e] *= inverse;
    Eight<T>::store(head.context + (row0 + row) * head.context_stride + column, total);
  }
}

template <typename T, int D, int kChunk, int kWarps, int kCtasPerSm>
void launch_rows(const AttentionArgs& args, const Launch& launch) {
  constexpr int kKeyBytes = 2 * kRowStride<T, D> * static_cast<int>(sizeof(T));
  constexpr int kFewKeys = (kWarps * 16 + kChunk - 1) / kChunk * kChunk;  // what the results need
  int block_keys = std::max(padded_keys<kChunk>(args.t), kFewKeys);
  if (block_keys * kKeyBytes > kMaxSharedBytes) block_keys = kFewKeys;
  const auto start = [&](auto kernel) {
    launch_kernel("attention", kernel,
                  dim3((args.t + kWarps * 16 - 1) / (kWarps * 16), args.heads, args.n),
                  dim3(kWarps * 32), block_keys * kKeyBytes, launch, args, block_keys);
  };
  if constexpr (D <= kMostBiasColumns)
    if (args.bias.data != nullptr)
      return start(attention_rows_kernel<T, D, kChunk, kWarps, kCtasPerSm, true>);
  start(attention_rows_kernel<T, D, kChunk, kWarps, kCtasPerSm, false>);
}

template <typename T, int D>
void launch_split_keys(const AttentionArgs& args, const Launch& launch) {
  const int warps = (args.t + kSplitKeys - 1) / kSplitKeys, tiles = (args.t + 15) / 16;
  const Residency residency = residency_of(tiles * args.heads * args.n,
                                           sizeof(T) * kRowStride<T, D> * 2 * kSplitKeys * warps);
  launch_kernel("attention", attention_split_keys_kernel<T, D>, dim3(tiles, args.heads, args.n),
                dim3(warps * 32), residency.shared_bytes, launch, args);
}

template <typename T, int D>
void launch_matrix(const AttentionArgs& args, AttentionVariant variant, const Launch& launch) {
  if constexpr (sizeof(T) == 2)  // few keys of float32 are multiplied by FFMA
    if (variant == AttentionVariant::SplitKeys) return launch_split_keys<T, D>(args, launch);
  if constexpr (D <= 64)
    if (args.t > 64) return launch_rows<T, D, 64, 7, 2>(args, launch);
  launch_rows<T, D, 64, 4, D <= 64 ? 4 : 1>(args, launch);
}

template <typename T>
void launch_width(const AttentionArgs& args, AttentionVariant variant, const Launch& launch) {
  if (args.head_dim <= 32) return launch_matrix<T, 32>(args, variant, launch);
  if (args.head_dim <= 64) return launch_matrix<T, 64>(args, variant, launch);
  launch_matrix<T, 128>(args, variant, launch);
}

}  // namespace

AttentionVariant attention_variant(const AttentionArgs& args) {
  const auto takes = [&](AttentionVariant variant) {
    return attention_refusal(args, variant).empty();
  };
  if (args.codes.factor != nullptr) return AttentionVariant::Wgmma;
  if (!takes(AttentionVariant::Rows)) return AttentionVariant::Scalar;
  const int64_t tiles = static_cast<int64_t>(args.n) * args.heads * ((args.t + 15) / 16);
  const bool wgmma = takes(AttentionVariant::Wgmma);
  // 16 queries a block instead of 64 are faster as long as each has a multiprocessor.
  if (tiles <= (wgmma ? 66 : 2 * 132) && (!wgmma || args.t > 64) &&
      takes(AttentionVariant::SplitKeys))
    return AttentionVariant::SplitKeys;
  return wgmma ? AttentionVariant::Wgmma : AttentionVariant::Rows;
}

std::string attention_refusal(const AttentionArgs& args, AttentionVariant variant) {
  if (args.n > 65535 || args.heads > 65535)
    return "at most 65535 images and heads in one launch, not " +
           std::to_string(std::max(args.n, args.heads));
  if (args.codes.factor != nullptr && variant != AttentionVariant::Wgmma)
    return "codes are made by the wgmma variant";
  if (variant == AttentionVariant::Scalar)
    return args.t <= 8192
               ? ""
               : "scalar attention holds at most 8192 scores, not " + std::to_string(args.t);
  const bool wide = args.element == Element::Float32;
  if (args.bias.data != nullptr) {
    if (variant != AttentionVariant::Rows) return "a bias is added by the scalar and rows variants";
    if (wide && !args.tf32) return "a bias of true float32 is added by the scalar variant";
    if (args.head_dim > kMostBiasColumns)
      return "a bias is added up to head_dim " + std::to_string(kMostBiasColumns) + ", not " +
             std::to_string(args.head_dim);
  }
  const int most_columns = wide ? 64 : 128;
  if (args.head_dim % 8 != 0 || args.head_dim > most_columns)
    return "tiled attention needs a head_dim that is a multiple of 8 up to " +
           std::to_string(most_columns) + ", not " + std::to_string(args.head_dim);
  if (!(args.scale > 0))
    return "tiled attention needs a positive scale, not " + std::to_string(args.scale);
  if (!aligned_16(args.qkv) || !aligned_16(args.context))
    return "tiled attention needs 16-byte aligned tensors";
  if (variant == AttentionVariant::Wgmma) {
    const char* refusal = wide ? "wgmma attention is for 16 bits" : attention_wgmma_refusal(args);
    return refusal != nullptr ? refusal : "";
  }
  const int most_keys = args.head_dim <= 64 ? kMaxSplitKeys : 160;
  if (variant == AttentionVariant::SplitKeys && args.t > most_keys)
    return "attention that splits keys holds at most " + std::to_string(most_keys) +
           " of them, not " + std::to_string(args.t);
  if (wide && variant == AttentionVariant::SplitKeys && ffma_split_bytes(args) > kMaxSharedBytes &&
      ffma_split_bytes(args) > shared_memory_limit(compute_capability()))
    return "the " + std::to_string(args.t) + " keys do not fit shared memory";
  return "";
}

void attention(const AttentionArgs& args, AttentionVariant variant, const Launch& launch) {
  const std::string refusal = attention_refusal(args, variant);
  if (!refusal.empty()) throw std::invalid_argument("attention: " + refusal);
  if (args.n == 0 || args.t == 0 || args.heads == 0 || args.head_dim == 0) return;
  if (variant == AttentionVariant::Scalar) return attention_scalar(args, launch);
  if (variant == AttentionVariant::Wgmma) return attention_wgmma(args, launch);
  if (args.element == Element::Float32) {
    if (!args.tf32 || variant == AttentionVariant::SplitKeys)
      return attention_ffma(args, variant, launch);
    return args.head_dim <= 32 ? launch_matrix<float, 32>(args, variant, launch)
                               : launch_matrix<float, 64>(args, variant, launch);
  }
  if (args.element == Element::Float16) return launch_width<__half>(args, variant, launch);
  launch_width<__nv_bfloat16>(args, variant, launch);
}

}  // namespace vitro::cuda
