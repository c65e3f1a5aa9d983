#include "backends/cuda/kernels/attention_wgmma.h"

#include "backends/cuda/kernels/attention_tile.cuh"
#include "backends/cuda/kernels/codes.cuh"
#include "backends/cuda/kernels/mma_slab.cuh"
#include "backends/cuda/kernels/tensor_map.h"
#include "backends/cuda/kernels/tma.cuh"
#include "backends/cuda/kernels/wgmma.cuh"

// Attention where all keys of a head fit a block: the scores of 64 queries stay in the registers of
// four warps, so that the softmax is a plain one, and both products are wgmma's.
namespace vitro::cuda {
namespace {

constexpr int kQueries = 64, kThreads = 128;
constexpr int kBoxBytes = 128;  // a row in shared memory: 64 elements, of which head_dim count
constexpr float kLog2E = 1.4426950408889634f;

struct AttentionWgmmaArgs {
  CUtensorMap queries, keys;  // boxes of rows of qkv: kQueries of them, and all keys
  void* context;
  int t, heads;
  float scale;  // of scores, in units of log2(e)
  CodeFactors codes;
  bool next_early;
};

/// The scores of a thread: two rows of 2 of each 8 keys, kParts products of kPart keys.
template <int kPart, int kParts>
struct Scores {
  static constexpr int kGroups = kPart / 8;  // of keys, in a part
  float v[kParts][kPart / 2];

  __device__ __forceinline__ float& at(int group, int half, int i) {
    return v[group / kGroups][group % kGroups * 4 + half * 2 + i];
  }
  /// Keys from t on weigh nothing.
  __device__ __forceinline__ void mask(int t) {
#pragma unroll
    for (int group = 0; group < kParts * kGroups; ++group) {
      if (group * 8 + 8 <= t) continue;
#pragma unroll
      for (int i = 0; i < 4; ++i)
        if (group * 8 + static_cast<int>(threadIdx.x % 4) * 2 + i % 2 >= t)
          at(group, i / 2, i % 2) = -INFINITY;
    }
  }
  /// They become weights in units of their sum, which is returned.
  __device__ __forceinline__ float softmax(int half, float scale) {
    float maxima[2] = {-INFINITY, -INFINITY}, sums[2] = {0, 0};
#pragma unroll
    for (int group = 0; group < kParts * kGroups; ++group)
#pragma unroll
      for (int i = 0; i < 2; ++i) maxima[i] = fmaxf(maxima[i], at(group, half, i));
    float maximum = fmaxf(maxima[0], maxima[1]);
    maximum = fmaxf(maximum, __shfl_xor_sync(0xffffffffu, maximum, 1));
    maximum = fmaxf(maximum, __shfl_xor_sync(0xffffffffu, maximum, 2));
    const float offset = -maximum * scale;
#pragma unroll
    for (int group = 0; group < kParts * kGroups; ++group)
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        float& score = at(group, half, i);
        score = attention_tile::exp2_fast(fmaf(score, scale, offset));
        sums[i] += score;
      }
    return sum_lanes<4>(sums[0] + sums[1]);
  }
  /// The left operand of wgmma: 16 keys from `step` * 16 on.
  template <typename T>
  __device__ __forceinline__ void operand(uint32_t (&a)[4], int step) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int group = step * 2 + i / 2, half = i % 2;
      a[i] = pack_2<T>(at(group, half, 0), at(group, half, 1));
    }
  }
};

/// A warp's 16 rows of context to where they are swizzled in shared memory.
template <typename T, int D>
__device__ __forceinline__ void store_elements(const float (&out)[D / 2], const float (&scale)[2],
                                               char* shared) {
#pragma unroll
  for (int column = 0; column < D / 16; ++column) {
    uint32_t words[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float* v = out + (column * 2 + i / 2) * 4 + i % 2 * 2;
      words[i] = pack_2<T>(v[0] * scale[i % 2], v[1] * scale[i % 2]);
    }
    store_16x16(shared, threadIdx.x / 32 * 16, column * 2, words);
  }
}
/// The same as codes of a byte.
template <CodeKind kKind, int D>
__device__ __forceinline__ void store_codes(const float (&out)[D / 2], const float (&scale)[2],
                                            const CodeFactors& codes, char* shared) {
  const int lane = threadIdx.x % 32, row = threadIdx.x / 32 * 16 + lane / 4;
#pragma unroll
  for (int group = 0; group < D / 8; ++group) {
    const int column = group * 8 + lane % 4 * 2;
    const auto pair_of = [&](const float* values) {
      return __ldg(reinterpret_cast<const float2*>(values + blockIdx.y * D + column));
    };
    const float2 factor = pair_of(codes.factor),
                 offset = kKind == CodeKind::Integer ? pair_of(codes.offset) : float2{};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float* v = out + group * 4 + half * 2;
      *reinterpret_cast<uint16_t*>(shared + swizzled(row + half * 8, column / 16) + column % 16) =
          static_cast<uint16_t>(
              code_pair<kKind>({v[0] * scale[half], v[1] * scale[half]}, factor, offset));
    }
  }
}

/// A warp's rows from there to context, in pieces of 16 bytes.
template <int kRowBytes>
__device__ __forceinline__ void send_rows(const AttentionWgmmaArgs& p, const char* shared) {
  constexpr int kPieces = kRowBytes / 16;
  __syncwarp();
  const int64_t first = static_cast<int64_t>(blockIdx.z) * p.t + blockIdx.x * kQueries;
  char* const context = static_cast<char*>(p.context) + (first * p.heads + blockIdx.y) * kRowBytes;
#pragma unroll
  for (int i = threadIdx.x % 32; i < 16 * kPieces; i += 32) {
    const int row = threadIdx.x / 32 * 16 + i / kPieces, piece = i % kPieces;
    if (static_cast<int>(blockIdx.x) * kQueries + row < p.t)
      *reinterpret_cast<uint4*>(context + static_cast<int64_t>(row) * p.heads * kRowBytes +
                                piece * 16) =
          *reinterpret_cast<const uint4*>(shared + swizzled(row, piece));
  }
}

/// grid (tiles of kQueries, heads, images)
template <typename T, int D, int kPart, int kParts>
__global__ void __launch_bounds__(kThreads, 3)
    attention_wgmma_kernel(const __grid_constant__ AttentionWgmmaArgs p) {
  constexpr int kKeys = kPart * kParts;
  extern __shared__ __align__(1024) char shared[];
  const uint32_t queries = shared_address(shared), keys = queries + kQueries * kBoxBytes,
                 values = keys + kKeys * kBoxBytes, keys_there = values + kKeys * kBoxBytes,
                 values_there = keys_there + 8;
  const int first = blockIdx.x * kQueries, head = blockIdx.y, image = blockIdx.z,
            width = p.heads * D;
  if (p.next_early) allow_next();
  if (threadIdx.x == 0) {
    prefetch_tensor_map(&p.queries);
    prefetch_tensor_map(&p.keys);
    barrier_init(keys_there, 1);
    barrier_init(values_there, 1);
    barrier_init_fence();
  }
  __syncthreads();
  wait_for_previous();
  if (threadIdx.x == 0) {
    barrier_arrive_expect(keys_there, (kQueries + kKeys) * kBoxBytes);
    copy_box(queries, &p.queries, head * D, first, image, keys_there);
    copy_box(keys, &p.keys, width + head * D, 0, image, keys_there);
    barrier_arrive_expect(values_there, kKeys * kBoxBytes);
    copy_box(values, &p.keys, 2 * width + head * D, 0, image, values_there);
  }
  __syncwarp();

  Scores<kPart, kParts> scores;
  barrier_wait(keys_there, 0);
  wgmma_fence();
#pragma unroll
  for (int part = 0; part < kParts; ++part)
#pragma unroll
    for (int k = 0; k < D / 16; ++k)
      wgmma_64x16<T, kPart>(scores.v[part], wgmma_operand(queries) + k * 2,
                            wgmma_operand(keys + part * kPart * kBoxBytes) + k * 2, k);
  wgmma_commit();
  wgmma_wait<0>();
  scores.mask(p.t);
  float scale[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) scale[half] = 1.0f / scores.softmax(half, p.scale);

  uint32_t weights[kKeys / 16][4];
#pragma unroll
  for (int step = 0; step < kKeys / 16; ++step) scores.template operand<T>(weights[step], step);
  float out[D / 2];
  barrier_wait(values_there, 0);
  wgmma_fence();
#pragma unroll
  for (int step = 0; step < kKeys / 16; ++step)
    wgmma_64x16_transposed<T, D>(out, weights[step], wgmma_operand(values + step * 16 * kBoxBytes),
                                 step);
  wgmma_commit();
  wgmma_wait<0>();
  if (!p.next_early) allow_next();

  // Rows leave through the queries' place.
  __syncthreads();
  if (p.codes.factor == nullptr) {
    store_elements<T, D>(out, scale, shared);
    send_rows<D * 2>(p, shared);
  } else {
    if (p.codes.kind == CodeKind::Float8)
      store_codes<CodeKind::Float8, D>(out, scale, p.codes, shared);
    else
      store_codes<CodeKind::Integer, D>(out, scale, p.codes, shared);
    send_rows<D>(p, shared);
  }
}

CUtensorMap rows_of(const AttentionArgs& a, int rows) {
  const uint64_t token = 3ull * static_cast<uint64_t>(a.heads) * static_cast<uint64_t>(a.head_dim),
                 t = static_cast<uint64_t>(a.t);
  return tensor_map<3>(map_type(a.element), a.qkv,
                       {{token, t, static_cast<uint64_t>(a.n)},
                        {token, t * token},
                        {kBoxBytes / 2, static_cast<uint32_t>(rows), 1}});
}

template <typename T, int D, int kPart, int kParts>
void launch_keys(const AttentionArgs& a, const Launch& launch) {
  constexpr int kKeys = kPart * kParts;
  const dim3 grid((a.t + kQueries - 1) / kQueries, a.heads, a.n);
  const Residency residency =
      residency_of(static_cast<int>(grid.x * grid.y * grid.z),
                   (kQueries + 2 * kKeys) * kBoxBytes + 2 * sizeof(uint64_t));
  const AttentionWgmmaArgs p{
      rows_of(a, kQueries), rows_of(a, kKeys), a.context,           a.t, a.heads,
      a.scale * kLog2E,     a.codes,           residency.next_early};
  launch_kernel("attention", attention_wgmma_kernel<T, D, kPart, kParts>, grid, kThreads,
                residency.shared_bytes, launch, p);
}

template <typename T, int D>
void launch_width(const AttentionArgs& a, const Launch& launch) {
  if (a.t <= 64) return launch_keys<T, D, 64, 1>(a, launch);
  if (a.t <= 208) return launch_keys<T, D, 104, 2>(a, launch);
  launch_keys<T, D, 128, 2>(a, launch);
}

template <typename T>
void launch_type(const AttentionArgs& a, const Launch& launch) {
  if (a.head_dim == 32) return launch_width<T, 32>(a, launch);
  launch_width<T, 64>(a, launch);
}

}  // namespace

const char* attention_wgmma_refusal(const AttentionArgs& a) {
  if (a.head_dim != 32 && a.head_dim != 64) return "wgmma attention has a head_dim of 32 or 64";
  if (a.t > 256) return "wgmma attention holds at most 256 keys";
  return compute_capability() == 90 ? nullptr : "wgmma asks for sm_90";
}

void attention_wgmma(const AttentionArgs& a, const Launch& launch) {
  if (a.element == Element::Float16) return launch_type<__half>(a, launch);
  launch_type<__nv_bfloat16>(a, launch);
}

}  // namespace vitro::cuda
