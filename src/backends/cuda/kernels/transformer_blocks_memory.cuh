#pragma once

#include <algorithm>

#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/transformer_blocks_layout.cuh"

// What a CTA of transformer_blocks does with its 16 tokens, phase by phase.
//
// CTAs hand values to each other through memory that was filled with kAbsent before: whoever reads
// a value that is still absent reads it again. No flag has to follow the values through a fence,
// which would cost as much as a whole phase.
namespace vitro::cuda::blocks {

inline constexpr int kThreads = kWarps * 32;

/// Two NaN that no computation gives: those of the GPU are 0x7fff.
inline constexpr uint32_t kAbsent = 0xffffffffu;

// Past the L1 cache, which does not know of what other CTAs write.
__device__ __forceinline__ void load_received(uint4& v, const void* p) {
  asm volatile("ld.relaxed.gpu.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(p)
               : "memory");
}
__device__ __forceinline__ void load_received(uint32_t& v, const void* p) {
  asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(p) : "memory");
}
__device__ __forceinline__ bool is_absent(const uint4& v) {
  return v.x == kAbsent || v.y == kAbsent || v.z == kAbsent || v.w == kAbsent;
}

/// The warp waits for the first word of its first lane, at `p`, alone: then the rest is likely to
/// be there, and while it is not, few ask for it in the way of those who write.
__device__ __forceinline__ void wait_for_first(const void* p) {
  if (threadIdx.x % 32 == 0) {
    uint32_t word;
    do load_received(word, p);
    while (word == kAbsent);
  }
  __syncwarp();
}

/// 16 bytes at from + i * step for each i < count; zeros for others.
template <int kCount>
struct Pieces {
  const void* from;
  int step, count;
  uint4 values[kCount];

  __device__ __forceinline__ Pieces(const void* from, int step, int count)
      : from(from), step(step), count(count) {}

  __device__ __forceinline__ void ask() {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      values[i] = uint4{0, 0, 0, 0};
      if (i < count) load_received(values[i], static_cast<const unsigned char*>(from) + i * step);
    }
  }
  /// After ask(): until all are there.
  __device__ __forceinline__ void receive() {
    for (;;) {
      bool absent = false;
#pragma unroll
      for (const uint4& value : values) absent |= is_absent(value);
      if (!absent) return;
      ask();
    }
  }
};

/// The shared memory of a CTA.
template <typename S>
struct Memory {
  using T = typename S::T;
  // Odd in units of 16 bytes: rows of an ldmatrix in different banks.
  static constexpr int kStride = S::C + 8, kKeyStride = kHeadDim + 8;
  static constexpr int kKeysOfWarp = 16;
  static constexpr int kWarpBytes = 2 * kKeysOfWarp * kKeyStride * 2;  // keys and values
  // Of rows; of keys, values and queries.
  static constexpr int kKeyWarps = std::min(S::kMostTiles, kWarps);
  static constexpr int kQueryBytes = kRows * kKeyStride * 2;
  static constexpr int kActBytes =
      std::max(kRows * kStride * 2, kKeyWarps* kWarpBytes + kQueryBytes);
  static constexpr int kSumsBytes =
      kRows * 4 *
      std::max(S::kParts * (S::kFc1Chunks * S::kColumns + S::kSumsPad),
               S::kLongParts*(S::kColumns + S::kLongSumsPad));
  static constexpr int kOwnBytes = kRows * S::kColumns * 2;
  static constexpr int kFloatsBytes = 4 * (2 * S::kFloats + 2 * S::kParts * kRows);
  static constexpr int kBarrierBytes = 256;
  static constexpr int kFixedBytes =
      kActBytes + kSumsBytes + kOwnBytes + kFloatsBytes + kBarrierBytes;
  static constexpr int kSlots = (227 * 1024 - kFixedBytes) / S::kChunkBytes;
  static constexpr int kBytes = kFixedBytes + kSlots * S::kChunkBytes;
  static_assert(kSlots > S::kFc2Chunks && kSlots <= S::kChunks && 8 * kSlots + 8 <= kBarrierBytes);

  unsigned char* ring;
  T* act;
  float *sums, *floats;
  float2* row_sums;  // of parts of each row and of its squares: [kRows][kParts]
  T* own;
  uint32_t full, floats_full;  // barriers: of slots, of floats

  __device__ explicit Memory(unsigned char* base)
      : ring(base),
        act(reinterpret_cast<T*>(ring + kSlots * S::kChunkBytes)),
        sums(reinterpret_cast<float*>(act + kActBytes / 2)),
        floats(sums + kSumsBytes / 4),
        row_sums(reinterpret_cast<float2*>(floats + 2 * S::kFloats)),
        own(reinterpret_cast<T*>(row_sums + S::kParts * kRows)),
        full(shared_address(own) + kOwnBytes),
        floats_full(full + 8 * kSlots) {}
};

/// act = 16 rows of `matrix`; zeros from `valid` on.
template <typename S>
__device__ __forceinline__ void receive_tile(const Memory<S>& memory, const typename S::T* matrix,
                                             int valid) {
  constexpr int kPieces = S::C / 8, kAll = kRows * kPieces;
  constexpr int kCount = (kAll + kThreads - 1) / kThreads;
  const int thread = threadIdx.x;
  Pieces<kCount> received(matrix + thread * 8, kThreads * 16,
                          (valid * kPieces - thread + kThreads - 1) / kThreads);
  received.ask();
  __syncthreads();  // nobody reads what was in act
  received.receive();
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    const int piece = thread + i * kThreads;
    if (kAll % kThreads == 0 || piece < kAll)
      *reinterpret_cast<uint4*>(memory.act + piece / kPieces * Memory<S>::kStride +
                                piece % kPieces * 8) = received.values[i];
  }
  __syncthreads();
}

inline constexpr int kFinished = 4;  // results that a thread finishes at a time

__device__ __forceinline__ void load_finished(float (&v)[kFinished], const float* p) {
  const float4 four = *reinterpret_cast<const float4*>(p);
  v[0] = four.x, v[1] = four.y, v[2] = four.z, v[3] = four.w;
}
template <typename T>
__device__ __forceinline__ void load_finished(float (&v)[kFinished], const T* p) {
  const uint2 four = *reinterpret_cast<const uint2*>(p);
  const float2 low = unpack_2<T>(four.x), high = unpack_2<T>(four.y);
  v[0] = low.x, v[1] = low.y, v[2] = high.x, v[3] = high.y;
}
template <typename T>
__device__ __forceinline__ void store_finished(T* p, const float (&v)[kFinished]) {
  *reinterpret_cast<uint2*>(p) = uint2{pack_2<T>(v[0], v[1]), pack_2<T>(v[2], v[3])};
}

}  // namespace vitro::cuda::blocks
