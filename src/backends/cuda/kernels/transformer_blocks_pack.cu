#include "backends/cuda/kernels/transformer_blocks.h"

#include "backends/cuda/kernels/ptx.cuh"
#include "backends/cuda/kernels/transformer_blocks_layout.cuh"

namespace vitro::cuda {
namespace {

using namespace blocks;

/// One thread for each 8 bytes: what one lane multiplies in a step of k, as mma_16816 wants it.
template <typename S>
__global__ void pack_weights_kernel(TransformerBlockWeights weights, uint2* packed) {
  wait_for_previous();
  constexpr int kPieces = S::kChunkBytes / 8;
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= S::kGroups * S::kChunks * kPieces) return;
  const int lane = i % 32, unit = i % kPieces / 32;
  const int chunk = i / kPieces % S::kChunks, group = i / kPieces / S::kChunks;

  const void* matrix = weights.fc2;
  int row = group * S::kColumns, first_k = 0, k = S::C;
  const bool is_fc2 = chunk >= S::kQkvChunks + 1 + S::kFc1Chunks;
  if (chunk < S::kQkvChunks) {
    matrix = weights.qkv, row += chunk * S::C;
  } else if (chunk == S::kQkvChunks) {
    matrix = weights.proj;
  } else if (!is_fc2) {
    matrix = weights.fc1;
    row = (group * S::kFc1Chunks + chunk - S::kQkvChunks - 1) * S::kColumns;
  } else {
    first_k = (chunk - S::kQkvChunks - 1 - S::kFc1Chunks) * S::C, k = S::kFc1Chunks * S::C;
  }
  // As Weights reads them: [parts of k][tiles of columns][steps].
  const int steps = is_fc2 ? S::kLongSteps : S::kSteps;
  row += unit / steps % S::kColumnTiles * 8 + lane / 4;
  first_k += (unit / steps / S::kColumnTiles * steps + unit % steps) * 16;
  const auto* values =
      static_cast<const uint32_t*>(matrix) + (static_cast<int64_t>(row) * k + first_k) / 2;
  // Of fc2 in the order of HiddenPlace.
  const int pair = lane % 4;
  packed[i] = is_fc2 ? uint2{values[pair * 2], values[pair * 2 + 1]}
                     : uint2{values[pair], values[pair + 4]};
}

template <typename S>
__global__ void pack_floats_kernel(TransformerBlockWeights weights, float* packed) {
  wait_for_previous();
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= S::kGroups * S::kFloats) return;
  const int group = i / S::kFloats, piece = i % S::kFloats / S::kColumns;
  const int local = i % S::kColumns, column = group * S::kColumns + local;
  const auto of_qkv = [&](int chunk) { return chunk * S::C + column; };
  const auto of_fc1 = [&](int chunk) {
    return (group * S::kFc1Chunks + chunk) * S::kColumns + local;
  };
  float* const to = packed + i;
  if (piece < S::kPosPiece)
    *to = weights.pos_weight[piece * S::C + column];
  else if (piece < S::kQkvPiece)
    *to = weights.pos_bias[column];
  else if (piece < S::kProjPiece)
    *to = weights.qkv_bias[of_qkv(piece - S::kQkvPiece)];
  else if (piece < S::kFc1Piece)
    *to = weights.proj_bias[column];
  else if (piece < S::kFc2Piece)
    *to = weights.fc1_bias[of_fc1(piece - S::kFc1Piece)];
  else if (piece < S::kQkvSumsPiece)
    *to = weights.fc2_bias[column];
  else if (piece < S::kFc1SumsPiece)
    *to = weights.qkv_sums[of_qkv(piece - S::kQkvSumsPiece)];
  else
    *to = weights.fc1_sums[of_fc1(piece - S::kFc1SumsPiece)];
}

}  // namespace

size_t packed_transformer_block_bytes(int c) {
  size_t bytes = 0;
  with_shape(Element::Float16, c, [&](auto tag) { bytes = decltype(tag)::type::kPackedBytes; });
  return bytes;
}

void pack_transformer_block(Element element, int c, const TransformerBlockWeights& weights,
                            void* packed, const Launch& launch) {
  with_shape(element, c, [&](auto tag) {
    using S = typename decltype(tag)::type;
    constexpr int kThreads = 256, kPieces = static_cast<int>(S::kWeightBytes / 8);
    constexpr int kFloats = S::kGroups * S::kFloats;
    launch_kernel("pack_transformer_block", pack_weights_kernel<S>,
                  (kPieces + kThreads - 1) / kThreads, kThreads, 0, launch, weights,
                  static_cast<uint2*>(packed));
    launch_kernel("pack_transformer_block", pack_floats_kernel<S>,
                  (kFloats + kThreads - 1) / kThreads, kThreads, 0, launch, weights,
                  reinterpret_cast<float*>(static_cast<std::byte*>(packed) + S::kWeightBytes));
  });
}

}  // namespace vitro::cuda
