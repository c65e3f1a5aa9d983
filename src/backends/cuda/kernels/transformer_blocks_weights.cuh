#pragma once

#include "backends/cuda/kernels/tma.cuh"
#include "backends/cuda/kernels/transformer_blocks.h"
#include "backends/cuda/kernels/transformer_blocks_memory.cuh"

// Weights of transformer_blocks on their way: by the copy engine to a ring in shared memory, from
// there to the registers of the warps that multiply.
namespace vitro::cuda::blocks {

/// The place of the CTA's chunks in the ring.
template <typename S>
struct RingPlace {
  int slot = 0;
  uint32_t parity = 0;
  __device__ void next() {
    if (++slot == Memory<S>::kSlots) slot = 0, parity ^= 1;
  }
};

/// Asks the copy engine for a CTA's weights, chunk by chunk; a warp for one at a time.
template <typename S>
class WeightCopies {
 public:
  __device__ __forceinline__ WeightCopies(const TransformerBlocksArgs& args,
                                          const Memory<S>& memory)
      : args_(args), memory_(memory) {}

  /// A chunk that a thread asks for; none where `from` is null.
  struct Chunk {
    const unsigned char* from = nullptr;
    unsigned char* to = nullptr;
    uint32_t barrier = 0;
    const unsigned char* floats_from = nullptr;
    float* floats_to = nullptr;
  };
  /// Of the next `count` of all blocks that of this warp, for its first thread.
  __device__ __forceinline__ Chunk next(int count) {
    Chunk result;
    const int warp = threadIdx.x / 32, i = next_ + warp, block = i / S::kChunks;
    if (threadIdx.x % 32 == 0 && warp < count && block < args_.blocks) {
      const int group = blockIdx.x % S::kGroups, chunk = i - block * S::kChunks;
      const int slot = i % Memory<S>::kSlots;
      const auto* packed = static_cast<const unsigned char*>(args_.packed[block]);
      result.from = packed + static_cast<size_t>(group * S::kChunks + chunk) * S::kChunkBytes;
      result.to = memory_.ring + slot * S::kChunkBytes;
      result.barrier = memory_.full + 8 * slot;
      if (chunk == 0) {
        result.floats_from = packed + S::kWeightBytes + group * 4 * S::kFloats;
        result.floats_to = memory_.floats + block % 2 * S::kFloats;
      }
    }
    next_ += count;
    return result;
  }
  /// Once nobody needs what was where it comes to; with the first one of a block its float32
  /// values, which take the place of those of the block before the last one.
  __device__ __forceinline__ void ask(const Chunk& chunk) const {
    if (chunk.from == nullptr) return;
    copy(chunk.to, chunk.from, S::kChunkBytes, chunk.barrier);
    if (chunk.floats_from != nullptr)
      copy(chunk.floats_to, chunk.floats_from, 4 * S::kFloats, memory_.floats_full);
  }

 private:
  __device__ __forceinline__ static void copy(const void* to, const void* from, uint32_t bytes,
                                              uint32_t barrier) {
    barrier_arrive_expect(barrier, bytes);
    copy_bytes(shared_address(to), from, bytes, barrier);
  }

  const TransformerBlocksArgs& args_;
  const Memory<S>& memory_;
  int next_ = 0;
};

/// A warp's share of the next kChunks chunks of weights, in its registers before there is something
/// to multiply: kTiles tiles of 8 columns by kSteps steps of k. Chunks are other columns by the
/// same k, or of fc2 the same columns by the next C of k.
template <typename S, int kChunks_, bool kAlongK>
struct Weights {
  static constexpr int kChunks = kChunks_;
  static constexpr int kTiles = kAlongK ? S::kColumnTiles : kChunks;
  static constexpr int kSteps = kAlongK ? S::kLongSteps : S::kSteps;
  static constexpr int kParts = kAlongK ? S::kLongParts : S::kParts;
  static constexpr int kColumns = (kAlongK ? 1 : kChunks) * S::kColumns;
  static constexpr int kSumsStride = kColumns + (kAlongK ? S::kLongSumsPad : S::kSumsPad);
  uint2 fragments[kTiles][kSteps];

  __device__ __forceinline__ Weights(const Memory<S>& memory, RingPlace<S>& place) {
    constexpr int kPieces = S::kChunkBytes / 8, kWarpsOfChunk = kWarps / kChunks;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int slots[kChunks];
#pragma unroll
    for (int n = 0; n < kChunks; ++n, place.next()) {
      slots[n] = place.slot;
      barrier_wait(memory.full + 8 * place.slot, place.parity);
    }
    const auto* ring = reinterpret_cast<const uint2*>(memory.ring) + lane;
    if constexpr (kAlongK) {
      int slot = slots[0] + warp / kWarpsOfChunk;
      if (slot >= Memory<S>::kSlots) slot -= Memory<S>::kSlots;
      ring += slot * kPieces + warp % kWarpsOfChunk * kTiles * kSteps * 32;
    }
#pragma unroll
    for (int n = 0; n < kTiles; ++n)
#pragma unroll
      for (int i = 0; i < kSteps; ++i)
        fragments[n][i] = kAlongK ? ring[(n * kSteps + i) * 32]
                                  : ring[slots[n % kChunks] * kPieces + (warp * kSteps + i) * 32];
  }
  /// The warp's part of k, and its first column of a tile.
  __device__ __forceinline__ static int part() {
    return threadIdx.x / 32 / (kAlongK ? 1 : S::kColumnTiles);
  }
  __device__ __forceinline__ static int column(int tile) {
    return kAlongK ? tile * 8 : tile * S::kColumns + threadIdx.x / 32 % S::kColumnTiles * 8;
  }
};

}  // namespace vitro::cuda::blocks
